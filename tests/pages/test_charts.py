"""Figures: what the browser and the export draw is what the store counted."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from breakers import queries
from breakers.queries.shapes import Span, Timeline
from dashboard.charts.timeline import PALETTE, figure, painted, summary, table

SignIn = Callable[[str], Client]
START = "2026-11-23T08:00:00.000Z"
MIDDLE = "2026-11-23T08:00:30.000Z"
END = "2026-11-23T08:01:00.000Z"


def bucket(at: str, **counts: int) -> dict[str, object]:
    return {"at": at, "success": 0, "failure": 0, "timeout": 0, "rejected": 0, "duration_p95_ms": None, **counts}


def small() -> Timeline:
    return Timeline(
        START,
        END,
        30,
        [
            Span("closed", START, MIDDLE),
            Span("open", MIDDLE, "2026-11-23T08:00:30.010Z"),
            Span("closed", "2026-11-23T08:00:30.010Z"),
        ],
        [bucket(START, success=3, failure=1), bucket(MIDDLE, rejected=5)],
    )


def trace(plain: dict[str, object], field: str) -> dict[str, object]:
    return next(each for each in plain["data"] if each["meta"]["field"] == field)  # type: ignore[attr-defined, no-any-return]


def test_series_go_as_a_start_a_step_and_whole_numbers() -> None:
    success = trace(figure(small(), None), "success")
    assert (success["x0"], success["dx"], success["y"]) == (1795420800000, 30_000, [3, 0, 0])


def test_the_rate_is_unknown_where_there_were_no_calls() -> None:
    assert trace(figure(small(), None), "rate")["y"] == [25.0, None, None]


def test_an_opening_of_ten_milliseconds_is_wide_enough_to_be_seen() -> None:
    lanes = [each for each in figure(small(), None)["data"] if each["meta"]["field"] == "state"]  # type: ignore[attr-defined]
    assert [each["name"] for each in lanes] == ["Closed", "Open"]
    assert lanes[1]["x"] == [120]
    assert "0.0 s" in lanes[1]["hovertemplate"][0]


def test_the_threshold_is_drawn_where_it_is_known() -> None:
    assert trace(figure(small(), 50), "threshold")["y"] == [50, 50]
    assert "threshold" not in [each["meta"]["field"] for each in figure(small(), None)["data"]]  # type: ignore[attr-defined]


def test_plotly_takes_the_figure() -> None:
    import plotly.graph_objects as graph_objects

    drawn = graph_objects.Figure(painted(figure(small(), 50)))
    colours = {each.marker.color for each in drawn.data}
    assert colours <= set(PALETTE.values())


def test_an_empty_timeline_is_a_figure_too() -> None:
    nothing = Timeline(START, END, 30, [], [])
    assert trace(figure(nothing, None), "success")["y"] == []
    assert summary(nothing) == "0 openings, 0 calls, 0 of them failed, 0 refused."
    assert table(nothing) == []


def test_the_table_adds_up() -> None:
    [row] = table(small(), rows=1)
    assert (row.success, row.failure, row.rejected, row.rate) == (3, 1, 5, "25.0 %")
    assert summary(small()) == "1 opening, 4 calls, 1 of them failed, 5 refused."


@pytest.mark.parametrize("name", ["15m", "1h", "6h", "24h", "7d", "nonsense", ""])
def test_each_range_answers_with_what_the_store_counted(name: str, signed_in: SignIn, story: str) -> None:
    answer = signed_in("viewer").get(f"/breakers/{story}/timeline.json?range={name}")
    told = json.loads(answer.content)
    assert told["range"] == (name if name in ("15m", "1h", "6h", "24h", "7d") else "1h")
    now = datetime.now(UTC)
    lengths = {"15m": 0.25, "1h": 1, "6h": 6, "24h": 24, "7d": 168}
    counted = queries.timeline(story, now - timedelta(hours=lengths[told["range"]]), now, now, points=300)
    assert len(trace(told["figure"], "success")["y"]) <= 302
    assert (
        abs(sum(trace(told["figure"], "rejected")["y"][:-1]) - sum(each["rejected"] for each in counted.buckets)) <= 300
    )


def test_the_download_is_one_file_that_needs_no_network(signed_in: SignIn, story: str) -> None:
    answer = signed_in("viewer").get(f"/breakers/{story}/timeline.html?range=1h")
    page = answer.content.decode()
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="orders-delivery-tracking-1h-')
    assert "<script src=" not in page
    assert "Plotly.newPlot" in page
