"""Pruning: fine buckets folded into wide ones, and what is too old to keep taken away in small slices."""

import time
from datetime import datetime, timedelta

from breakers import bulk
from breakers.domain.reports import KEPT
from breakers.domain.rollups import KEPT_S, WIDTHS_S
from breakers.domain.silence import SECOND
from breakers.models import Tombstone
from breakers.models.fields import to_us
from breakers.models.rollup import COUNTERS

# Buckets younger than this are left to the 10 s rows: most late events still fall into them.
SETTLED_S = 60
# At most this many rows a transaction, so that no post waits long.
SLICE = 2_000
TOMBSTONES_KEPT = timedelta(days=1)


def fold(at: datetime) -> int:
    """Add the settled 10 s buckets to the wide ones; how many seconds of time were folded.

    Wide buckets hold all that is before the board's `folded_until`; later time is read from the 10 s rows.
    """
    until = (to_us(at) // SECOND - SETTLED_S) // 60 * 60
    with bulk.writing():
        [[folded]] = bulk.select("SELECT folded_until FROM breakers_board")
        start = (folded or 0) // SECOND
        if until <= start:
            return 0
        for width in WIDTHS_S[1:]:
            bulk.run(_fold_sql(width), [start, until])
        bulk.run("UPDATE breakers_board SET folded_until = %s", [until * SECOND])
        return until - start


def prune(at: datetime, *, pause: float = 0.05) -> dict[str, int]:
    """Take away what is older than it is kept; {what: how many rows}."""
    now = to_us(at)
    now_s = now // SECOND
    kept_us = int(KEPT.total_seconds()) * SECOND
    gone = {
        "events": _in_slices("breakers_event", "id", "id < %s", [now - kept_us], pause),
        "requests": _in_slices("breakers_request", "id", "received_at < %s", [now - kept_us], pause),
        "rollup_10s": _buckets("breakers_rollup_10s", "at < %s", [now_s - KEPT_S[10]], pause),
    }
    for width in WIDTHS_S[1:]:
        condition = "width = %s AND at < %s"
        gone[f"rollup_{width}"] = _buckets("breakers_rollup", condition, [width, now_s - KEPT_S[width]], pause)
    gone["tombstones"] = Tombstone.objects.filter(at__lt=at - TOMBSTONES_KEPT).delete()[0]
    return gone


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


def _in_slices(table: str, key: str, condition: str, params: list[int], pause: float) -> int:
    """Delete by slices of keys, with pauses as long as the work, so that posts pass between them."""
    total = 0
    while True:
        begun = time.monotonic()
        with bulk.writing():
            sql = f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT {SLICE})"  # noqa: S608
            count = bulk.run(sql, params)
        total += count
        if count < SLICE:
            return total
        time.sleep(max(pause, time.monotonic() - begun))


def _buckets(table: str, condition: str, params: list[int], pause: float) -> int:
    keys = "at, breaker_id" if table.endswith("10s") else "breaker_id, width, at"
    total = 0
    while True:
        begun = time.monotonic()
        with bulk.writing():
            sql = f"DELETE FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {table} WHERE {condition} LIMIT {SLICE})"  # noqa: S608
            count = bulk.run(sql, params)
        total += count
        if count < SLICE:
            return total
        time.sleep(max(pause, time.monotonic() - begun))
