"""Buckets: reading the numbers of a timeline's buckets, and its texts as Plotly may have them."""

from breakers.domain.rates import rate
from breakers.queries.shapes import Timeline
from dashboard.pages.words import moment


def has_latency(timeline: Timeline) -> bool:
    """Whether any bucket knows how long its calls took."""
    return any(bucket.get("duration_p50_ms") is not None for bucket in timeline.buckets)


def rate_of(bucket: dict[str, object]) -> float | None:
    """The failure rate; None without calls."""
    failures = count_of(bucket, "failure") + count_of(bucket, "timeout")
    calls = failures + count_of(bucket, "success")
    return rate(failures, calls)


def latency_of(bucket: dict[str, object], field: str) -> float | None:
    """A duration, None where none was told."""
    value = bucket.get(field)
    return round(value, 1) if isinstance(value, int | float) else None


def count_of(bucket: dict[str, object], field: str) -> int:
    """How many of an outcome."""
    value = bucket.get(field)
    return value if isinstance(value, int) else 0


def ms_of(text: str) -> int:
    """A moment in ms since 1970."""
    return round(moment(text).timestamp() * 1000)


def plain(text: str) -> str:
    """Plotly reads some markup and `%{templates}` in its texts; a name has none."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("{", "&#123;")


def short_name(name: str) -> str:
    """An instance's name for an axis: its end tells pods apart."""
    return plain(name if len(name) <= 14 else f"…{name[-13:]}")
