"""Edges: the parts of a range's first and last bucket that lie inside it, counted from the raw events.

Stored buckets begin on multiples of their width; a range may begin and end anywhere.
"""

from typing import Any

import msgspec

from breakers import bulk
from breakers.domain.rollups import bin_of
from breakers.domain.silence import SECOND
from breakers.models.rollup import COUNTERS, OUTCOMES

DAY_S = 86_400
_SUM, _MAX, _BINS = (COUNTERS.index(name) for name in ("duration_sum_ms", "duration_max_ms", "d0"))
_PLACE = {name: COUNTERS.index(name) for name in OUTCOMES}


def counted(breaker_id: int, start_us: int, end_us: int) -> list[Any]:
    """The counters of [start, end), in the order of COUNTERS, from the events themselves."""
    counters: list[Any] = [0] * len(COUNTERS)
    text = "extra::text" if bulk.is_postgresql() else "extra"
    rows = bulk.select(
        f"SELECT type, count, duration_ms, duration_max_ms, {text} FROM breakers_event"  # noqa: S608
        " WHERE day >= %s AND day <= %s AND breaker_id = %s AND at >= %s AND at < %s",
        [start_us // (DAY_S * SECOND), end_us // (DAY_S * SECOND), breaker_id, start_us, end_us],
    )
    for kind, count, mean_ms, max_ms, extra in rows:
        if kind not in _PLACE:
            continue
        counters[_PLACE[kind]] += count
        bins = msgspec.json.decode(extra).get("durations") if extra and "durations" in extra else None
        if mean_ms is not None and kind in ("success", "failure", "timeout"):
            counters[_SUM] += mean_ms * count
            counters[_MAX] = max(counters[_MAX], max_ms or mean_ms)
            if bins is None:
                counters[_BINS + bin_of(mean_ms)] += count
        for index, many in enumerate(bins or ()):
            counters[_BINS + index] += many
    return counters
