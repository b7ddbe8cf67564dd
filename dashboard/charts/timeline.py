"""The failure timeline: state lane, failure rate and outcomes over one time axis, as Plotly's figure JSON.

Series go as `x0`, `dx` and whole numbers: a tenth of what points with times would weigh. Each trace names the role of
its colour in `meta`; the browser paints by the theme, the export by PALETTE.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from breakers.domain.states import SEVERITY
from breakers.queries.shapes import Span, Timeline
from dashboard.pages.words import DASH, age, moment, percent, whole, word

Figure = dict[str, object]
Trace = dict[str, object]
PALETTE = {
    "bg": "#ffffff",
    "ink": "#16202b",
    "ink-2": "#4d5b68",
    "line": "#c9d2da",
    "closed": "#1f6fa0",
    "half_open": "#9e6310",
    "open": "#a81400",
    "forced_open": "#6d143f",
    "forced_closed": "#5b21b6",
    "disabled": "#575c61",
    "stale": "#575c61",
    "unknown": "#575c61",
}
# Bottom first: failures share the base line, so that they can be compared. Colour role, texture.
OUTCOMES = {
    "failure": ("Failures", "open", ""),
    "timeout": ("Timeouts", "half_open", "/"),
    "rejected": ("Refused", "forced_open", "."),
    "success": ("Successes", "closed", ""),
}
HEIGHTS = {"closed": 0.3, "forced_closed": 0.3, "disabled": 0.3, "stale": 0.5, "unknown": 0.5, "half_open": 0.7}
NARROWEST = 500  # a span is drawn at least this part of the range wide


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table twin."""

    at: datetime
    success: int
    failure: int
    timeout: int
    rejected: int
    rate: str
    p95: str


def figure(timeline: Timeline, threshold: float | None) -> Figure:
    """The figure of a timeline."""
    return {"data": [*_lane(timeline), *_outcomes(timeline), *_rate(timeline, threshold)], "layout": layout(timeline)}


def painted(plain: Figure) -> Figure:
    """The figure with the colours of PALETTE, for those who have no stylesheet."""
    traces: Any = plain["data"]
    return {**plain, "data": [_painted(trace) for trace in traces]}


def layout(timeline: Timeline) -> dict[str, object]:
    """Three panels over one time axis."""
    quiet = {"fixedrange": True, "zeroline": False, "showline": False}
    return {
        "height": 380,
        "margin": {"l": 56, "r": 12, "t": 32, "b": 44},
        "barmode": "overlay",
        "bargap": 0,
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "dragmode": "zoom",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        "uniformtext": {"mode": "hide", "minsize": 11},
        "xaxis": {
            "type": "date",
            "range": [_ms(timeline.from_), _ms(timeline.to)],
            "anchor": "y",
            "hoverformat": "%b %e, %H:%M:%S UTC",
        },
        "yaxis": {**quiet, "domain": [0, 0.5], "rangemode": "tozero", "title": {"text": "calls", "standoff": 4}},
        "yaxis2": {
            **quiet,
            "domain": [0.58, 0.8],
            "range": [0, 105],
            "tickvals": [0, 50, 100],
            "ticktext": ["0 %", "50 %", "100 %"],
        },
        "yaxis3": {
            **quiet,
            "domain": [0.89, 1],
            "range": [0, 1],
            "showgrid": False,
            "tickvals": [0.5],
            "ticktext": ["state"],
        },
    }


def table(timeline: Timeline, rows: int = 60) -> list[Row]:
    """The table twin: the same buckets, so many together that `rows` are enough; the newest first."""
    together = max(1, -(-len(timeline.buckets) // rows))
    groups = [timeline.buckets[at : at + together] for at in range(0, len(timeline.buckets), together)]
    return [_row(group) for group in reversed(groups)]


def summary(timeline: Timeline) -> str:
    """The chart in one sentence, for those who do not see it."""
    calls = sum(_of(bucket, "success") + _of(bucket, "failure") + _of(bucket, "timeout") for bucket in timeline.buckets)
    failures = sum(_of(bucket, "failure") + _of(bucket, "timeout") for bucket in timeline.buckets)
    refused = sum(_of(bucket, "rejected") for bucket in timeline.buckets)
    openings = sum(span.state == "open" for span in timeline.spans)
    times = "1 opening" if openings == 1 else f"{openings} openings"
    return f"{times}, {whole(calls)} calls, {whole(failures)} of them failed, {whole(refused)} refused."


def _painted(trace: dict[str, Any]) -> Trace:
    colour = PALETTE[trace["meta"]["role"]]
    paint: Trace = {"marker": {**trace.get("marker", {}), "color": colour}}
    if trace["type"] == "scatter":
        paint["line"] = {**trace["line"], "color": colour}
    if "fillpattern" in trace:
        paint["fillcolor"] = colour
    return {**trace, **paint}


def _outcomes(timeline: Timeline) -> list[Trace]:
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "meta": {"role": role, "field": field, "opacity": 0.3 if field == "success" else 0.85},
            "stackgroup": "outcomes",
            "line": {"shape": "hv", "width": 0},
            "fillpattern": {"shape": texture, "size": 6, "solidity": 0.3, "fillmode": "overlay"},
            "hovertemplate": "%{y:,}",
            **_steps(timeline, [_of(bucket, field) for bucket in timeline.buckets]),
        }
        for field, (name, role, texture) in OUTCOMES.items()
    ]


def _rate(timeline: Timeline, threshold: float | None) -> list[Trace]:
    line: Trace = {
        "type": "scatter",
        # Points too: a bucket with calls between two without would be a line of no length.
        "mode": "lines+markers",
        "marker": {"size": 3},
        "name": "Failure rate",
        "yaxis": "y2",
        "meta": {"role": "ink", "field": "rate"},
        "line": {"shape": "hv", "width": 1.5},
        "hovertemplate": "%{y:.1f} %",
        **_steps(timeline, [_rate_of(bucket) for bucket in timeline.buckets]),
    }
    if threshold is None:
        return [line]
    limit: Trace = {
        "type": "scatter",
        "mode": "lines",
        "name": f"Trips at {threshold:g} %",
        "yaxis": "y2",
        "meta": {"role": "open", "field": "threshold"},
        "line": {"dash": "dot", "width": 1.5},
        "hoverinfo": "skip",
        "x": [_ms(timeline.from_), _ms(timeline.to)],
        "y": [threshold, threshold],
    }
    return [line, limit]


def _lane(timeline: Timeline) -> list[Trace]:
    """Bars by state, the worst drawn last; a short span is drawn wide enough to be seen."""
    start, end = _ms(timeline.from_), _ms(timeline.to)
    least = (end - start) / NARROWEST
    lanes = []
    for state in reversed(SEVERITY):
        spans = [span for span in timeline.spans if span.state == state.value]
        if not spans:
            continue
        lefts = [max(_ms(span.from_), start) for span in spans]
        rights = [end if span.to is None else min(_ms(span.to), end) for span in spans]
        height = HEIGHTS.get(state.value, 1.0)
        lanes.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": word(state.value),
                "yaxis": "y3",
                "meta": {"role": state.value, "field": "state"},
                "base": [min(left, end - least) for left in lefts],
                "x": [max(right - left, least) for left, right in zip(lefts, rights, strict=True)],
                "y": [height / 2] * len(spans),
                "width": height,
                "marker": {"line": {"width": 0}},
                "showlegend": False,
                "hovertemplate": [f"{word(span.state)}, {_lasted(span, timeline.to)}<extra></extra>" for span in spans],
            }
        )
    return lanes


def _steps(timeline: Timeline, values: list[int] | list[float | None]) -> Trace:
    """A stepped series: one value a bucket, the last one twice so that its step has a width."""
    first = _ms(str(timeline.buckets[0]["at"])) if timeline.buckets else _ms(timeline.from_)
    return {"x0": first, "dx": timeline.width_s * 1000, "y": [*values, *values[-1:]]}


def _row(buckets: list[dict[str, object]]) -> Row:
    counts = {field: sum(_of(bucket, field) for bucket in buckets) for field in OUTCOMES}
    slowest = [value for bucket in buckets if isinstance(value := bucket.get("duration_p95_ms"), int | float)]
    calls = counts["success"] + counts["failure"] + counts["timeout"]
    rate = (counts["failure"] + counts["timeout"]) / calls * 100 if calls else None
    p95 = f"{whole(max(slowest))} ms" if slowest else DASH
    return Row(moment(str(buckets[0]["at"])), **counts, rate=percent(rate), p95=p95)


def _rate_of(bucket: dict[str, object]) -> float | None:
    failures = _of(bucket, "failure") + _of(bucket, "timeout")
    calls = failures + _of(bucket, "success")
    return round(failures / calls * 100, 1) if calls else None


def _lasted(span: Span, end: str) -> str:
    seconds = (moment(span.to or end) - moment(span.from_)).total_seconds()
    return f"{seconds:.1f} s" if seconds < 10 else age(seconds)


def _of(bucket: dict[str, object], field: str) -> int:
    value = bucket.get(field)
    return value if isinstance(value, int) else 0


def _ms(text: str) -> int:
    return round(moment(text).timestamp() * 1000)
