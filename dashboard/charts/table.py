"""The table twin of a timeline, and the timeline in one sentence: for those who do not see the chart."""

from dataclasses import dataclass
from datetime import datetime

from breakers.domain.rates import rate
from breakers.queries.shapes import Timeline
from dashboard.charts.buckets import count_of, ms_of
from dashboard.pages.openings import openings
from dashboard.pages.words import DASH, moment, percent, whole


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table twin."""

    at: datetime
    success: int
    failure: int
    timeout: int
    rejected: int
    slow: int
    retry: int
    fallback: int
    rate: str
    p50: str
    p95: str
    p99: str


def table(timeline: Timeline, rows: int = 60) -> list[Row]:
    """The table twin: the same buckets, so many together that `rows` are enough; the newest first."""
    together = max(1, -(-len(timeline.buckets) // rows))
    groups = [timeline.buckets[at : at + together] for at in range(0, len(timeline.buckets), together)]
    return [_row(group) for group in reversed(groups)]


def summary(timeline: Timeline) -> str:
    """The chart in one sentence, for those who do not see it."""
    calls = sum(
        count_of(bucket, "success") + count_of(bucket, "failure") + count_of(bucket, "timeout")
        for bucket in timeline.buckets
    )
    failures = sum(count_of(bucket, "failure") + count_of(bucket, "timeout") for bucket in timeline.buckets)
    refused = sum(count_of(bucket, "rejected") for bucket in timeline.buckets)
    # A timeline begins with a span that is cut to it: what is open there came from before.
    first = timeline.spans[0] if timeline.spans else None
    cut = first is not None and first.state == "open" and first.from_ == timeline.from_
    begun = openings(timeline.spans, ms_of(timeline.from_)).begun - cut
    times = "1 opening" if begun == 1 else f"{begun} openings"
    return f"{times}, {whole(calls)} calls, {whole(failures)} of them failed, {whole(refused)} refused."


def _row(buckets: list[dict[str, object]]) -> Row:
    def summed(field: str) -> int:
        return sum(count_of(bucket, field) for bucket in buckets)

    failures = summed("failure") + summed("timeout")
    calls = failures + summed("success")
    return Row(
        at=moment(str(buckets[0]["at"])),
        success=summed("success"),
        failure=summed("failure"),
        timeout=summed("timeout"),
        rejected=summed("rejected"),
        slow=summed("slow"),
        retry=summed("retry"),
        fallback=summed("fallback"),
        rate=percent(rate(failures, calls)),
        p50=_slowest(buckets, "duration_p50_ms"),
        p95=_slowest(buckets, "duration_p95_ms"),
        p99=_slowest(buckets, "duration_p99_ms"),
    )


def _slowest(buckets: list[dict[str, object]], field: str) -> str:
    told = [value for bucket in buckets if isinstance(value := bucket.get(field), int | float)]
    return f"{whole(max(told))} ms" if told else DASH
