"""Doubting: which part of the board itself is ill, since when, and what that means for those who look at it.

The wall is only as good as what feeds it: a calm page with a dead worker behind it says so.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from alerts import deputising
from alerts.domain.wording import plain
from breakers import bulk
from breakers.models.fields import from_us
from breakers.times import rfc3339
from dashboard.health import PARTS, PULSE_DEAD_AFTER, STORED_WITHIN

# A bus that is away for less is nothing to worry about.
BUS_GONE_AFTER = timedelta(seconds=3)
MEANS = {
    "ingest": ("no event is stored", "the wall shows what was, and services have to post again"),
    "database": ("the database can't be read", "what you see is old"),
    "redis": ("Redis does not answer", "pages follow up to a second later, and alerts may be late"),
    "worker:evaluate": ("the worker does not evaluate", "alerts may be late"),
    "worker:deliver": ("the worker does not deliver", "notifications may be late"),
    "beat": ("the scheduler stands still", "silence, leases and repeated alerts may be late"),
}


class Doubt(msgspec.Struct, frozen=True):
    """One part that is ill."""

    id: str
    since: str
    said: str
    means: str


def doubts(now: datetime, bus_lost_at: datetime | None = None) -> list[Doubt]:
    """What is ill now, by what the database tells. `bus_lost_at`: since when this process hears nothing from Redis."""
    rows = bulk.select(
        "SELECT b.listening_since, b.intake_pulse_at, p.part, p.at,"  # noqa: S608
        " EXISTS (SELECT 1 FROM alerts_deliveryfault f WHERE f.ended_at IS NULL AND f.kind = 'failing')"
        " FROM breakers_board b"
        f" LEFT JOIN breakers_pulse p ON {bulk.is_one_of('p.part')}",
        [bulk.as_list(list(PARTS))],
    )
    listening, stored_at = rows[0][:2] if rows else (None, None)
    pulses = {part: from_us(at) for _, _, part, at, _ in rows if part is not None}
    ours = judged(pulses, _moment(stored_at), _moment(listening), bus_lost_at, now)
    # Asked for more only where some destination fails: every page comes by here.
    return [*ours, *unheard(now)] if rows and rows[0][4] else ours


def unheard(now: datetime) -> list[Doubt]:
    """Destinations that fail while nobody stands in: what is owed to them reaches nobody now."""
    return [
        Doubt(
            f"destination:{row.pk}",
            rfc3339(began_at),
            f"{plain(row.name)} takes no alerts",
            "no fallback stands in for it, or that fails too; what it is owed waits",
        )
        for row, began_at in deputising.alone(now)
    ]


def _moment(us: int | None) -> datetime | None:
    return None if us is None else from_us(us)


def judged(
    pulses: Mapping[str, datetime],
    stored_at: datetime | None,
    listening: datetime | None,
    bus_lost_at: datetime | None,
    now: datetime,
) -> list[Doubt]:
    """What is ill, the gravest first. A part that never gave a sign of life counts from our start; without one, nothing is ill."""
    if listening is None:
        return []
    found = []
    if now - (stored := max(stored_at or listening, listening)) >= timedelta(seconds=STORED_WITHIN):
        found.append(doubt("ingest", stored))
    if bus_lost_at is not None and now - bus_lost_at >= BUS_GONE_AFTER:
        found.append(doubt("redis", bus_lost_at))
    beaten = max(pulses.get("beat", listening), listening)
    beats = now - beaten < timedelta(seconds=PULSE_DEAD_AFTER)
    for part in PARTS:
        # Workers prove themselves when they are asked to, and the scheduler asks: while it stands still they are judged as of its last sign.
        by = now if beats or part == "beat" else beaten
        if by - (last := max(pulses.get(part, listening), listening)) >= timedelta(seconds=PULSE_DEAD_AFTER):
            found.append(doubt(part, last))
    return found


def doubt(part: str, since: datetime) -> Doubt:
    """The words for a part that is ill."""
    said, means = MEANS[part]
    return Doubt(part, rfc3339(since), said, means)
