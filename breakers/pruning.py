"""Pruning: fine buckets folded into wide ones, and what is too old to keep taken away in small slices.

A slice is a transaction of its own, and a pause as long as its work follows it: posts pass between.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from breakers import bulk
from breakers.domain.retention import WIDTHS, Retention
from breakers.domain.rollups import WIDTHS_S
from breakers.domain.silence import SECOND
from breakers.models.fields import to_us
from breakers.models.rollup import COUNTERS
from breakers.retaining import retention

# Buckets younger than this are left to the 10 s rows: most late events still fall into them.
SETTLED_S = 60
# Folded in one transaction, after a time without a worker.
FOLDED_AT_ONCE_S = 900
# At most this many rows a transaction, so that no post waits long.
SLICE = 1_000
# Wide buckets are keyed by breaker first: looked for by so many breakers at a time.
BREAKERS_AT_ONCE = 50
TOMBSTONES_KEPT = timedelta(days=1)
Progress = Callable[[str, int], None]


class Kind(NamedTuple):
    """Rows that are too old: how they are found, by which key they are deleted."""

    name: str
    table: str
    keys: str
    condition: str
    params: tuple[int, ...]
    by_breaker: bool = False


def fold(at: datetime, *, pause: float = 0.05) -> int:
    """Add the settled 10 s buckets to the wide ones; how many seconds of time were folded.

    Wide buckets hold all that is before the board's `folded_until`; later time is read from the 10 s rows.
    """
    until = (to_us(at) // SECOND - SETTLED_S) // 60 * 60
    total = 0
    while True:
        begun = time.monotonic()
        with bulk.writing():
            [[folded]] = bulk.select("SELECT folded_until FROM breakers_board")
            # Where nothing was folded yet, begin where there is something to fold.
            start = _first_to_fold(until) if folded is None else folded // SECOND
            if until <= start:
                if folded is None:
                    bulk.run("UPDATE breakers_board SET folded_until = %s", [until * SECOND])
                return total
            end = min(until, start + FOLDED_AT_ONCE_S)
            for width in WIDTHS_S[1:]:
                bulk.run(_fold_sql(width), [start, end])
            bulk.run("UPDATE breakers_board SET folded_until = %s", [end * SECOND])
        total += end - start
        if end >= until:
            return total
        time.sleep(max(pause, time.monotonic() - begun))


def prune(
    at: datetime, *, pause: float = 0.05, within_s: float | None = None, progress: Progress | None = None
) -> dict[str, int]:
    """Take away what is older than it is kept; {what: how many rows}. After `within_s` the rest is left to the next time."""
    ends = None if within_s is None else time.monotonic() + within_s
    gone: dict[str, int] = {}
    for kind in too_old(at):
        gone[kind.name] = 0
        for count in _slices(kind, pause, ends):
            gone[kind.name] += count
            if progress is not None and count:
                progress(kind.name, gone[kind.name])
    return gone


def count_too_old(at: datetime) -> dict[str, int]:
    """What `prune()` would take away now, {what: how many rows}."""
    return {
        kind.name: int(
            bulk.select(f"SELECT count(*) FROM {kind.table} AS t WHERE {kind.condition}", kind.params)[0][0]  # noqa: S608
        )
        for kind in too_old(at)
    }


def too_old(at: datetime, kept: Retention | None = None) -> list[Kind]:
    """The kinds of rows that age, with what is too old of each by now."""
    kept = kept or retention()
    now = to_us(at)
    [[folded]] = bulk.select("SELECT folded_until FROM breakers_board")

    def before(name: str) -> int:
        seconds = kept.seconds(name)
        return now - seconds * SECOND if seconds is not None else 0

    kinds = [
        Kind("events", "breakers_event", "id", "t.id < %s", (before("events"),)),
        # One that fires is known for as long as it does.
        Kind("alerts", "breakers_heardalert", "id", "NOT t.fires AND t.heard_at < %s", (before("events"),)),
        Kind("requests", "breakers_request", "id", "t.received_at < %s", (before("events"),)),
        # What is not folded yet is nowhere else.
        Kind("10s", "breakers_rollup_10s", "at, breaker_id", "t.at < %s", (min(before("10s"), folded or 0) // SECOND,)),
    ]
    for name, width in list(WIDTHS.items())[1:]:
        condition = "t.width = %s AND t.at < %s"
        kinds.append(
            Kind(name, "breakers_rollup", "breaker_id, width, at", condition, (width, before(name) // SECOND), True)
        )
    if kept.seconds("transitions") is not None:
        kinds += [
            Kind("transitions", "breakers_transition", "id", _OLD_TRANSITION, (before("transitions"),)),
            Kind("outages", "breakers_outage", "id", "t.ended_at < %s", (before("transitions"),)),
            Kind("settings", "breakers_settingschange", "id", _OLD_SETTINGS, (before("transitions"),)),
            Kind("marks", "breakers_annotation", "id", "coalesce(t.until, t.at) < %s", (before("transitions"),)),
        ]
    if kept.seconds("sources") is not None:
        kinds.append(Kind("sources", "breakers_source", "id", "t.heard_at < %s", (before("sources"),)))
    kinds.append(
        Kind(
            "tombstones", "breakers_tombstone", "id", "t.at < %s", (now - TOMBSTONES_KEPT // timedelta(microseconds=1),)
        )
    )
    return kinds


# The last change of a breaker or an instance says what it is in, however old it is. What alerting has not seen stays too.
_OLD_TRANSITION = (
    "t.at < %s AND (t.instance_name IS NOT NULL OR t.evaluated_at IS NOT NULL) AND EXISTS (SELECT 1 FROM breakers_transition l"
    " WHERE l.breaker_id = t.breaker_id AND coalesce(l.instance_name, '') = coalesce(t.instance_name, '') AND l.at > t.at)"
)

# The last ones told say what it was set to from then on.
_OLD_SETTINGS = (
    "t.at < %s AND EXISTS (SELECT 1 FROM breakers_settingschange l WHERE l.breaker_id = t.breaker_id AND l.at > t.at)"
)


def _first_to_fold(until: int) -> int:
    [[first]] = bulk.select("SELECT min(at) FROM breakers_rollup_10s")
    return until if first is None else int(first)


def _fold_sql(width: int) -> str:
    columns = ", ".join(COUNTERS)
    sums = ", ".join(f"{'max' if name == 'duration_max_ms' else 'sum'}({name})" for name in COUNTERS)
    greatest = "greatest" if bulk.is_postgresql() else "max"
    merged = ", ".join(
        f"{name} = {greatest}(breakers_rollup.{name}, excluded.{name})"
        if name == "duration_max_ms"
        else f"{name} = breakers_rollup.{name} + excluded.{name}"
        for name in COUNTERS
    )
    return (
        f"INSERT INTO breakers_rollup (breaker_id, width, at, {columns})"  # noqa: S608
        f" SELECT breaker_id, {width}, at / {width} * {width} AS bucket, {sums} FROM breakers_rollup_10s"
        f" WHERE at >= %s AND at < %s GROUP BY breaker_id, bucket"
        f" ON CONFLICT (breaker_id, width, at) DO UPDATE SET {merged}"
    )


def _slices(kind: Kind, pause: float, ends: float | None) -> Iterator[int]:
    """Delete by slices, with pauses as long as the work; how many rows each took."""
    for more, params in _places(kind):
        while ends is None or time.monotonic() < ends:
            begun = time.monotonic()
            sql = (
                f"DELETE FROM {kind.table} WHERE ({kind.keys}) IN (SELECT {kind.keys} FROM {kind.table} AS t"  # noqa: S608
                f" WHERE {kind.condition}{more} LIMIT {SLICE})"
            )
            with bulk.writing():
                count = bulk.run(sql, [*kind.params, *params])
            yield count
            if count < SLICE:
                break
            time.sleep(max(pause, time.monotonic() - begun))


def _places(kind: Kind) -> Iterable[tuple[str, list[object]]]:
    """Where to look: everywhere at once, or some breakers after the others."""
    if not kind.by_breaker:
        yield "", []
        return
    last = 0
    while True:
        rows = bulk.select(
            "SELECT id FROM breakers_breaker WHERE id > %s ORDER BY id LIMIT %s", [last, BREAKERS_AT_ONCE]
        )
        if not rows:
            return
        yield f" AND {bulk.is_one_of('t.breaker_id')}", [bulk.as_list([row[0] for row in rows])]
        last = rows[-1][0]
