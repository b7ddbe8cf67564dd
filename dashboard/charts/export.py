"""Export: a timeline as one HTML file with everything in it, to send or to keep."""

from collections.abc import Sequence

from breakers.queries.shapes import AnnotationView, Card, Timeline
from dashboard.charts.buckets import plain
from dashboard.charts.timeline import figure, painted


def timeline_html(card: Card, timeline: Timeline, marks: Sequence[AnnotationView] = ()) -> str:
    """The file. Plotly is imported here alone: it takes a second and 30 MiB."""
    import plotly.graph_objects as graph_objects

    chart = graph_objects.Figure(painted(figure(timeline, card.failure_rate_threshold, marks)))
    chart.update_layout(
        title={
            "text": plain(f"{card.service} / {card.name}"),
            "subtitle": {"text": f"{timeline.from_} to {timeline.to}"},
        },
        template="plotly_white",
        height=int(str(chart.layout.height)) + 180,
        margin={"t": 120},
    )
    return str(chart.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False, "responsive": True}))
