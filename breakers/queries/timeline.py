"""The timeline of a breaker: spans of state and buckets of outcomes over one range."""

from datetime import datetime

from breakers.queries.shapes import Timeline

MOST_POINTS = 1_000


def timeline(
    breaker_id: str, start: datetime, end: datetime, now: datetime, *, points: int = 300, lanes: bool = False
) -> Timeline:
    """Spans and buckets of [start, end), at most `points` buckets. Each bucket is a dict of the contract's fields:
    at, success, failure, timeout, rejected, slow, fallback, retry, ignored, duration_p50_ms, _p95_, _p99_, duration_max_ms.

    Errors: NotFound; Invalid where end <= start, or points out of 1 to 1,000.
    """
    raise NotImplementedError
