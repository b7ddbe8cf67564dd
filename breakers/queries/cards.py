"""Cards: whole breakers as a screen shows them, and what changed of them.

Cards come from the breakers' rows by one plain cursor; only those whose silence came due since the last sweep look at
their instances.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from breakers import bulk
from breakers.domain.headlines import counted, headline
from breakers.domain.rates import rate
from breakers.domain.silence import SECOND, heard_from, judged
from breakers.domain.states import State
from breakers.domain.verdicts import threshold_told
from breakers.errors import NotFound
from breakers.ids import known_id
from breakers.models.fields import to_us
from breakers.queries.shapes import Card, Span, Wanted
from breakers.times import rfc3339

MOST = 200
STRIP_S = 15 * 60

_COLUMNS = (
    "b.id, b.version, s.name, b.name, b.dependency, b.state, b.reported_state, b.since, b.headline, b.instances{t}, "
    "b.wanted_action, b.wanted_until, b.wanted_by, b.calls_1m, b.failures_1m, b.rejected_1m, b.config{t}, b.next_probe_at, "
    "b.last_error_type, b.last_event_at, b.strip{t}, b.labels{t}, b.silence_due_at, b.incident, b.silenced_until"
)

# What is asked of an instance `i` to judge its silence.
INSTANCE_HEARD = "i.breaker_id, i.state, i.heard_at, i.interval_s, breakers_board.listening_since"


def cards_of(ids: Iterable[int], now: datetime) -> list[Card]:
    """The cards of these breakers, in any order."""
    wanted = list(ids)
    return _cards(f"WHERE {bulk.is_one_of('b.id')}", [bulk.as_list(wanted)], now) if wanted else []


def card(breaker_id: str, now: datetime) -> Card:
    """One card. Errors: NotFound for an unknown id in any spelling."""
    found = _cards("WHERE b.id = %s", [known_id(breaker_id)], now)
    if not found:
        raise NotFound(f"no breaker '{breaker_id}'")
    return found[0]


def changed_since(version: int, now: datetime, *, limit: int = 500) -> tuple[int, list[Card], list[str]] | None:
    """(the board's version, changed cards, ids of deleted breakers) since a version; None where it is too much or too long ago."""
    [[newest]] = bulk.select("SELECT version FROM breakers_board")
    if version >= newest:
        return newest, [], []
    rows = bulk.select(
        "SELECT count(*) FROM (SELECT 1 FROM breakers_breaker WHERE version > %s LIMIT %s) AS changed",
        [version, limit + 1],
    )
    if rows[0][0] > limit:
        return None
    # The version was read first: what changes meanwhile comes twice, never not at all.
    changed = _cards("WHERE b.version > %s", [version], now)
    gone = bulk.select("SELECT object_id FROM breakers_tombstone WHERE kind = 'breaker' AND version > %s", [version])
    return newest, changed, [row[0] for row in gone]


def board() -> tuple[str, int]:
    """(epoch, version): the two halves of a cursor."""
    [[epoch, version]] = bulk.select("SELECT epoch, version FROM breakers_board")
    return epoch, version


def card_rows(condition: str, params: list[Any], more: str = "") -> list[Any]:
    """What cards are made of, row by row, and `more` columns behind it."""
    columns = (_COLUMNS + more).format(t="::text" if bulk.is_postgresql() else "")
    return bulk.select(
        f"SELECT {columns} FROM breakers_breaker b JOIN breakers_service s ON s.id = b.service_id {condition}",  # noqa: S608
        params,
    )


def _cards(condition: str, params: list[Any], now: datetime) -> list[Card]:
    rows = card_rows(condition, params)
    now_us = to_us(now)
    due = [row[0] for row in rows if is_due(row, now_us)]
    silenced = judged_again(due, now_us) if due else {}
    return [card_of(row, silenced.get(row[0]), now_us) for row in rows]


def is_due(row: Any, now: int) -> bool:
    """Whether the silence of a row's instances has to be judged again."""
    return row[22] is not None and row[22] <= now


def judged_again(ids: list[int], now: int) -> dict[int, tuple[dict[str, int], int]]:
    """{breaker: (counts by state, since when the youngest silence)} of breakers whose silence is due and not yet swept."""
    return silence_of(
        bulk.select(
            f"SELECT {INSTANCE_HEARD} FROM breakers_instance i CROSS JOIN breakers_board"  # noqa: S608
            f" WHERE i.left_at IS NULL AND {bulk.is_one_of('i.breaker_id')}",
            [bulk.as_list(ids)],
        ),
        now,
    )


def silence_of(heard: Iterable[Sequence[Any]], now: int) -> dict[int, tuple[dict[str, int], int]]:
    """The same, of the live instances of such breakers as rows of `INSTANCE_HEARD`."""
    states: dict[int, list[str]] = {}
    since: dict[int, int] = {}
    for breaker_id, state, heard_at, interval, listening in heard:
        judged_state, moment = judged(state, heard_from(heard_at, listening or 0), interval, now)
        states.setdefault(breaker_id, []).append(judged_state)
        if judged_state != state:
            since[breaker_id] = max(since.get(breaker_id, 0), moment)
    return {id: (counted(states[id]), since[id]) for id in since}


def card_of(row: Any, silenced: tuple[dict[str, int], int] | None, now: int) -> Card:
    """The card of a row; `silenced`: what `judged_again()` found of it."""
    state, since, instances = row[5], row[7], _decode_counts(row[9])
    strip = _decode_strip(row[20])
    if silenced:
        instances = silenced[0]
        judged_state = headline(instances, row[8])
        if judged_state != state:
            state, since = judged_state, silenced[1]
            strip = [*strip, (since, state)]
    calls, failures = row[13], row[14]
    config = _decode(row[16]) if row[16] != "{}" else {}
    return Card(
        id=str(row[0]),
        version=row[1],
        service=row[2],
        name=row[3],
        dependency=row[4],
        state=state,
        reported_state=row[6],
        since=rfc3339(since),
        headline=row[8],
        instances=instances,
        wanted=Wanted(row[10], rfc3339(row[11]), row[12]) if row[10] else None,
        calls_1m=calls,
        failures_1m=failures,
        rejected_1m=row[15],
        failure_rate_1m=rate(failures, calls),
        failure_rate_threshold=threshold_told(config),
        next_probe_at=rfc3339(row[17]) if state == State.OPEN else None,
        last_error_type=row[18],
        last_event_at=rfc3339(row[19]),
        strip_15m=_spans(strip, now),
        incident=row[23],
        labels=_decode_labels(row[21]),
        silenced_until=rfc3339(row[24]),
    )


def _spans(strip: list[tuple[int, str]], now: int) -> list[Span]:
    """The strip as spans; those that ended before the last 15 minutes are left out."""
    first = now - STRIP_S * SECOND
    ends = [at for at, _ in strip[1:]]
    return [
        Span(state, rfc3339(at), rfc3339(end))
        for (at, state), end in zip(strip, [*ends, None], strict=True)
        if end is None or end > first
    ]


_decode = msgspec.json.decode
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
_decode_strip = msgspec.json.Decoder(list[tuple[int, str]]).decode
