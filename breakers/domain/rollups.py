"""Rollups: events into buckets, buckets into wider ones, and which width suits a range."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from breakers.domain.retention import DEFAULTS, Retention

DURATION_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000)
FINEST_S = 10
WIDTHS_S = (10, 60, 900, 21_600)
# How long each width is kept, in s, where nothing else is set; the coarsest for 13 months.
KEPT_S = Retention(DEFAULTS).widths
# Bucket widths that a chart may have, each a multiple of a stored one.
CHART_WIDTHS_S = (
    10, 20, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000
)  # fmt: skip


class Width(NamedTuple):
    """A bucket of `chart_s` seconds, added up from stored ones of `stored_s`."""

    chart_s: int
    stored_s: int


def suiting(start_s: int, end_s: int, points: int, now_s: int, kept_s: Mapping[int, int] = KEPT_S) -> Width:
    """The narrowest bucket that covers [start, end) with at most `points`, of a width that is still kept at `start`."""
    kept = [width for width in WIDTHS_S if start_s >= now_s - kept_s[width]] or [WIDTHS_S[-1]]
    for chart in CHART_WIDTHS_S:
        count = -(-end_s // chart) - start_s // chart
        fitting = [width for width in kept if chart % width == 0]
        if fitting and count <= points:
            return Width(chart, fitting[-1])
    chart = -(-(end_s - start_s) // max(points - 1, 1) // kept[-1] + 1) * kept[-1]
    while -(-end_s // chart) - start_s // chart > points:
        chart *= 2
    return Width(chart, kept[-1])


def bin_of(duration_ms: float) -> int:
    """The index of the duration bin (0 to 15) that holds this duration."""
    return bisect_left(DURATION_BOUNDS_MS, duration_ms)


def percentiles(bins: Sequence[int], shares: Sequence[float], largest_ms: float) -> list[float | None]:
    """The durations below which these shares (above 0) of the counted calls lie, straight between the bounds of their bin; None of none."""
    reached = list(accumulate(bins))
    total = reached[-1] if reached else 0
    if not total:
        return [None] * len(shares)
    found: list[float | None] = []
    for share in shares:
        wanted = share * total
        # The first bin that reaches it counts something, or the one before would have.
        index = bisect_left(reached, wanted)
        low = DURATION_BOUNDS_MS[index - 1] if index else 0
        high = DURATION_BOUNDS_MS[index] if index < 15 else max(largest_ms, DURATION_BOUNDS_MS[-1])
        value = high - (high - low) * (reached[index] - wanted) / bins[index]
        found.append(round(min(value, largest_ms) if largest_ms else value, 1))
    return found
