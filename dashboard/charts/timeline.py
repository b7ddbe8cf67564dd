"""The timeline: state lanes, marks, outcomes, failure rate and latency over one time axis, as Plotly's figure JSON.

Series go as `x0`, `dx` and whole numbers: a tenth of what points with times would weigh. Each trace names the role of
its colour in `meta`; the browser paints by the theme, the export by PALETTE.
"""

from collections.abc import Sequence
from typing import Any

from breakers.domain.states import SEVERITY
from breakers.models.fields import from_us
from breakers.queries.shapes import AnnotationView, Lane, Timeline
from dashboard.charts.buckets import count_of, has_latency, latency_of, ms_of, plain, rate_of, short_name
from dashboard.charts.lanes import Piece, pieces
from dashboard.charts.marks import mark_traces
from dashboard.charts.panels import Panels, panels
from dashboard.pages.words import moment, word

Figure = dict[str, object]
Trace = dict[str, object]
PALETTE = {
    "bg": "#ffffff",
    "ink": "#16202b",
    "ink-2": "#4d5b68",
    "line": "#c9d2da",
    "accent": "#1f6fa0",
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
# Remarks about calls that are counted elsewhere: lines over the stack. Colour role, dash.
REMARKS = {
    "retry": ("Retries", "ink-2", "solid"),
    "fallback": ("Fallbacks", "ink-2", "dash"),
    "slow": ("Slow", "half_open", "dot"),
}
LATENCIES = {
    "duration_p50_ms": ("p50", "closed", "solid"),
    "duration_p95_ms": ("p95", "ink-2", "solid"),
    "duration_p99_ms": ("p99", "ink", "dot"),
}
HEIGHTS = {"closed": 0.3, "forced_closed": 0.3, "disabled": 0.3, "stale": 0.5, "unknown": 0.5, "half_open": 0.7}
POINT, LONELY_POINT = 2, 5  # px
MOST_LANES = 12
MOST_LINES = 40
NO_LATENCY = "No latency was sent: duration_ms, or durations, with the calls would fill a panel here."


def figure(timeline: Timeline, threshold: float | None, marks: Sequence[AnnotationView] = ()) -> Figure:
    """The figure of a timeline."""
    lanes = shown_lanes(timeline)
    plan = panels(len(lanes) + 1, bool(marks), has_latency(timeline))
    data = [
        *_lane("state", timeline, Lane("", timeline.spans), len(lanes)),
        *(trace for place, lane in enumerate(lanes) for trace in _lane("lane", timeline, lane, len(lanes) - 1 - place)),
        *mark_traces(timeline, marks),
        *_outcomes(timeline),
        *_remarks(timeline),
        *_rate(timeline, threshold),
        *(_latency(timeline) if plan.latency else ()),
    ]
    return {"data": data, "layout": layout(timeline, plan, [lane.instance for lane in lanes], marks)}


def shown_lanes(timeline: Timeline) -> list[Lane]:
    """The instances that get a lane: all of them, or those that were worst for longest."""
    lanes = timeline.lanes or []
    if len(lanes) <= MOST_LANES:
        return lanes
    return sorted(sorted(lanes, key=_trouble, reverse=True)[:MOST_LANES], key=lambda lane: lane.instance)


def painted(plain: Figure) -> Figure:
    """The figure with the colours of PALETTE, for those who have no stylesheet, and with its times written out in UTC.

    Plotly would tell a number in the zone of whoever looks.
    """
    traces: Any = plain["data"]
    layout: Any = plain["layout"]
    axis = {**layout["xaxis"], "range": _written(layout["xaxis"]["range"])}
    shapes = [shape | {name: _written([shape[name]])[0] for name in ("x0", "x1")} for shape in layout.get("shapes", ())]
    return {"data": [_painted(_told(trace)) for trace in traces], "layout": {**layout, "xaxis": axis, "shapes": shapes}}


def _told(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace with its times written out. The length of a bar lies on the time axis too; it is no time."""
    if "base" in trace:
        return trace | {"base": _written(trace["base"])}
    return trace | ({"x": _written(trace["x"])} if "x" in trace else {"x0": _written([trace["x0"]])[0]})


def _written(times: Sequence[int]) -> list[str]:
    return [f"{from_us(ms * 1000):%Y-%m-%dT%H:%M:%S.%f}" for ms in times]


def layout(timeline: Timeline, plan: Panels, names: Sequence[str], marks: Sequence[AnnotationView]) -> dict[str, Any]:
    """The panels over one time axis."""
    quiet = {"fixedrange": True, "zeroline": False, "showline": False}
    start, end = ms_of(timeline.from_), ms_of(timeline.to)
    told: dict[str, Any] = {
        "height": plan.height,
        "margin": {"l": 92, "r": 12, "t": 32, "b": 44},
        "barmode": "overlay",
        "bargap": 0,
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "dragmode": "zoom",
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "traceorder": "normal"},
        "uniformtext": {"mode": "hide", "minsize": 11},
        "xaxis": {
            "type": "date",
            "range": [start, end],
            "anchor": "y4" if plan.latency else "y2",
            "hoverformat": "%b %e, %H:%M:%S UTC",
        },
        "yaxis": {**quiet, "domain": plan.calls, "rangemode": "tozero", "title": {"text": "calls", "standoff": 4}},
        "yaxis2": {
            **quiet,
            "domain": plan.rate,
            "range": [0, 105],
            "tickvals": [0, 50, 100],
            "ticktext": ["0 %", "50 %", "100 %"],
        },
        "yaxis3": {
            **quiet,
            "domain": plan.lanes,
            "range": [0, len(names) + 1],
            "showgrid": False,
            # The headline on top, then the instances by name.
            "tickvals": [len(names) + 0.4, *(len(names) - 0.6 - place for place in range(len(names)))],
            "ticktext": ["headline", *(short_name(name) for name in names)],
        },
    }
    if plan.latency:
        told["yaxis4"] = {
            **quiet,
            "domain": plan.latency,
            "rangemode": "tozero",
            "title": {"text": "ms", "standoff": 4},
        }
    if plan.marks:
        told["yaxis5"] = {
            **quiet, "domain": plan.marks, "range": [0, 1], "showgrid": False, "tickvals": [0.5], "ticktext": ["marks"],
        }  # fmt: skip
        told["shapes"] = [
            {
                "type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": ms_of(mark.at), "x1": ms_of(mark.at), "layer": "below",
                "line": {"width": 1, "dash": "dot"},
            }
            for mark in marks[-MOST_LINES:]
            if start <= ms_of(mark.at) < end
        ]  # fmt: skip
    return told


def _painted(trace: dict[str, Any]) -> Trace:
    colour = PALETTE[trace["meta"]["role"]]
    paint: Trace = {"marker": {**trace.get("marker", {}), "color": colour}}
    if trace["type"] == "scatter" and "line" in trace:
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
            **_steps(timeline, [count_of(bucket, field) for bucket in timeline.buckets]),
        }
        for field, (name, role, texture) in OUTCOMES.items()
    ]


def _remarks(timeline: Timeline) -> list[Trace]:
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "meta": {"role": role, "field": field},
            "line": {"shape": "hv", "width": 1, "dash": dash},
            "hovertemplate": "%{y:,}",
            **_steps(timeline, values),
        }
        for field, (name, role, dash) in REMARKS.items()
        if any(values := [count_of(bucket, field) for bucket in timeline.buckets])
    ]


def _latency(timeline: Timeline) -> list[Trace]:
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "yaxis": "y4",
            "meta": {"role": role, "field": field},
            "line": {"shape": "hv", "width": 1.5, "dash": dash},
            "hovertemplate": "%{y:,.0f} ms",
            **_dotted(timeline, [latency_of(bucket, field) for bucket in timeline.buckets]),
        }
        for field, (name, role, dash) in LATENCIES.items()
    ]


def _rate(timeline: Timeline, threshold: float | None) -> list[Trace]:
    line: Trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "Failure rate",
        "yaxis": "y2",
        "meta": {"role": "ink", "field": "rate"},
        "line": {"shape": "hv", "width": 1.5},
        "hovertemplate": "%{y:.1f} %",
        **_dotted(timeline, [rate_of(bucket) for bucket in timeline.buckets]),
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
        "x": [ms_of(timeline.from_), ms_of(timeline.to)],
        "y": [threshold, threshold],
    }
    return [line, limit]


def _lane(field: str, timeline: Timeline, lane: Lane, base: int) -> list[Trace]:
    """The bars of one lane by state; in each cell of the chart the worst state, so that a short one is seen."""
    by_state: dict[str, list[Piece]] = {}
    for piece in pieces(lane.spans, ms_of(timeline.from_), ms_of(timeline.to)):
        by_state.setdefault(piece.state, []).append(piece)
    who = f"{short_name(lane.instance)}: " if lane.instance else ""
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": word(state.value),
            "yaxis": "y3",
            "meta": {"role": state.value, "field": field},
            "base": [piece.start for piece in by_state[state.value]],
            "x": [piece.end - piece.start for piece in by_state[state.value]],
            "y": [base + 0.05 + HEIGHTS.get(state.value, 1.0) * 0.4] * len(by_state[state.value]),
            "width": HEIGHTS.get(state.value, 1.0) * 0.8,
            "marker": {"line": {"width": 0}},
            "showlegend": False,
            "hovertemplate": [f"{plain(who)}{piece.words}<extra></extra>" for piece in by_state[state.value]],
        }
        for state in reversed(SEVERITY)
        if state.value in by_state
    ]


def _trouble(lane: Lane) -> tuple[float, ...]:
    """Seconds in each state, worst first: orders lanes by their trouble."""
    seconds = {state.value: 0.0 for state in SEVERITY}
    for span in lane.spans:
        if span.to and span.state in seconds:
            seconds[span.state] += (moment(span.to) - moment(span.from_)).total_seconds()
    return tuple(seconds[state.value] for state in SEVERITY)


def _dotted(timeline: Timeline, values: Sequence[float | None]) -> Trace:
    """A stepped series with points: a bucket with calls between two without would be a line of no length."""
    around = [None, *values, None]
    alone = [before is None and after is None for before, after in zip(around, around[2:], strict=False)]
    sizes = [LONELY_POINT if each else POINT for each in alone]
    marker = {"size": [*sizes, *sizes[-1:]] if any(alone) else POINT}
    # Whole points at the edge of the panel too: most of what is well is 0 %.
    return {"marker": marker, "cliponaxis": False, **_steps(timeline, values)}


def _steps(timeline: Timeline, values: Sequence[float | None]) -> Trace:
    """A stepped series: one value a bucket, the last one twice so that its step has a width."""
    first = ms_of(str(timeline.buckets[0]["at"])) if timeline.buckets else ms_of(timeline.from_)
    return {"x0": first, "dx": timeline.width_s * 1000, "y": [*values, *values[-1:]]}
