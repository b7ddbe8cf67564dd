"""Aggregates: the outcomes of one kind in one second, on their way to be one event.

The durations fall into the sixteen ranges of the contract, from which the board reads percentiles.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Optional

from breakerboard.events import Event

BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000)
MOST_COUNT = 1_000_000

Key = tuple[str, Optional[str], bool]  # type of event, of error, and whether it was timed


class Aggregate:
    __slots__ = ("at", "count", "durations", "max_ms", "message", "second", "sum_ms")

    def __init__(self, at: float, second: int, message: str | None, timed: bool) -> None:
        self.at = at
        self.second = second
        self.message = message
        self.count = 0
        self.sum_ms = 0.0
        self.max_ms = 0.0
        self.durations = [0] * (len(BOUNDS_MS) + 1) if timed else None

    def add(self, count: int, duration_ms: float | None) -> None:
        self.count += count
        if duration_ms is not None and self.durations is not None:
            self.sum_ms += duration_ms
            self.max_ms = max(self.max_ms, duration_ms)
            self.durations[bisect_left(BOUNDS_MS, duration_ms)] += 1

    def event(self, key: Key) -> Event:
        kind, error_type, _ = key
        event: Event = {"type": kind, "count": self.count}
        if self.durations is not None:
            event["duration_ms"] = round(self.sum_ms / self.count, 3)
            event["duration_max_ms"] = round(self.max_ms, 3)
            event["durations"] = self.durations
        if error_type is not None:
            event["error"] = {"type": error_type, "message": self.message or ""}
        return event
