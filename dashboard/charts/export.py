"""Export: a timeline as one HTML file with everything in it, to send or to keep."""

from breakers.queries.shapes import Card, Timeline
from dashboard.charts.timeline import figure, painted


def timeline_html(card: Card, timeline: Timeline) -> str:
    """The file. Plotly is imported here alone: it takes a second and 30 MiB."""
    import plotly.graph_objects as graph_objects

    chart = graph_objects.Figure(painted(figure(timeline, card.failure_rate_threshold)))
    chart.update_layout(
        title={
            "text": _plain(f"{card.service} / {card.name}"),
            "subtitle": {"text": f"{timeline.from_} to {timeline.to}"},
        },
        template="plotly_white",
        height=560,
        margin={"t": 120},
    )
    return str(chart.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False, "responsive": True}))


def _plain(text: str) -> str:
    """Plotly reads some markup and `%{templates}` in titles; a name has none."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("{", "&#123;")
