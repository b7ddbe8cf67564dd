"""Marks on a timeline: a lane of signs and stretches, and each mark in words."""

from collections.abc import Sequence

from breakers.queries.shapes import AnnotationView, Timeline
from dashboard.charts.buckets import ms_of, plain

SYMBOLS = {"deploy": "triangle-up", "config": "square", "chaos": "x", "maintenance": "diamond", "note": "circle"}


def mark_words(mark: AnnotationView) -> str:
    """A mark in one line."""
    scope = " / ".join(name for name in (mark.service, mark.breaker) if name)
    scope = " on ".join(part for part in (scope, mark.dependency) if part)
    return f"{mark.kind.capitalize()}: {mark.title}" + (f" ({scope})" if scope else "")


def mark_traces(timeline: Timeline, marks: Sequence[AnnotationView]) -> list[dict[str, object]]:
    """The lane: points, and bars where a mark lasts."""
    if not marks:
        return []
    start, end = ms_of(timeline.from_), ms_of(timeline.to)
    stretches = [mark for mark in marks if mark.until]
    begun = [max(ms_of(mark.at), start) for mark in stretches]
    points: dict[str, object] = {
        "type": "scatter",
        "mode": "markers",
        "name": "Marks",
        "yaxis": "y5",
        "meta": {"role": "accent", "field": "mark"},
        "marker": {"size": 11, "symbol": [SYMBOLS[mark.kind] for mark in marks]},
        "showlegend": False,
        "x": [max(ms_of(mark.at), start) for mark in marks],
        "y": [0.5] * len(marks),
        "hovertemplate": [f"{plain(mark_words(mark))}<extra></extra>" for mark in marks],
    }
    bars: dict[str, object] = {
        "type": "bar",
        "orientation": "h",
        "name": "Marks",
        "yaxis": "y5",
        "meta": {"role": "ink-2", "field": "stretch", "opacity": 0.35},
        "base": begun,
        "x": [min(ms_of(mark.until or ""), end) - left for mark, left in zip(stretches, begun, strict=True)],
        "y": [0.5] * len(stretches),
        "width": 0.6,
        "marker": {"line": {"width": 0}, "opacity": 0.35},
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [bars, points] if stretches else [points]
