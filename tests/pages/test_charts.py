"""Figures: what the browser and the export draw is what the store counted."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from breakers import queries
from breakers.queries.shapes import AnnotationView, Lane, Span, Timeline
from dashboard.charts.lanes import pieces
from dashboard.charts.table import summary, table
from dashboard.charts.timeline import MOST_LANES, PALETTE, figure, painted, shown_lanes

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


def test_a_bucket_with_calls_between_two_without_is_a_point_to_be_seen() -> None:
    quiet = [bucket(START), bucket(MIDDLE, success=4, failure=1), bucket(END)]
    lonely = trace(figure(Timeline(START, END, 30, [], quiet), None), "rate")
    assert (lonely["y"], lonely["marker"]) == ([None, 20.0, None, None], {"size": [2, 5, 2, 2]})
    busy = [bucket(START, success=4), bucket(MIDDLE, success=4)]
    assert trace(figure(Timeline(START, END, 30, [], busy), None), "rate")["marker"] == {"size": 2}


def test_an_opening_of_ten_milliseconds_is_wide_enough_to_be_seen() -> None:
    lanes = [each for each in figure(small(), None)["data"] if each["meta"]["field"] == "state"]  # type: ignore[attr-defined]
    assert [each["name"] for each in lanes] == ["Closed", "Open"]
    # A cell of 600: two pixels of a usual chart.
    assert lanes[1]["x"] == [100]
    assert lanes[1]["hovertemplate"] == ["Open, 10 ms<extra></extra>"]


def test_the_worst_state_wins_the_cell_and_its_words_tell_all() -> None:
    second = "2026-11-23T08:00:{:06.3f}Z".format
    blinks = [(10.000, "open"), (10.004, "closed"), (10.008, "open"), (10.048, "half_open"), (10.05, "closed")]
    ends = [at for at, _ in blinks[1:]]
    spans = [
        Span("closed", START, second(10)),
        *(Span(state, second(at), second(end)) for (at, state), end in zip(blinks, [*ends, 59.999], strict=True)),
    ]
    drawn = pieces(spans, 1795420800000, 1795420860000)
    assert [(each.state, each.end - each.start) for each in drawn] == [
        ("closed", 10_000), ("open", 100), ("closed", 49_900),
    ]  # fmt: skip
    assert drawn[1].words == "Open 2 times, longest 40 ms"
    assert drawn[0].words == "Closed, 10 s"


def test_no_opening_of_a_month_is_lost() -> None:
    month = 30 * 86_400_000
    begin = datetime(2026, 10, 1, tzinfo=UTC)
    opens = [begin + timedelta(hours=7 * each, milliseconds=13) for each in range(100)]
    spans = []
    before = begin
    for at in opens:
        spans += [
            Span("closed", told(before), told(at)),
            Span("open", told(at), told(at + timedelta(milliseconds=400))),
        ]
        before = at + timedelta(milliseconds=400)
    spans.append(Span("closed", told(before)))
    start = round(begin.timestamp() * 1000)
    drawn = [each for each in pieces(spans, start, start + month) if each.state == "open"]
    covered = [any(each.start <= round(at.timestamp() * 1000) < each.end for each in drawn) for at in opens]
    assert covered == [True] * 100
    assert min(each.end - each.start for each in drawn) >= month // 600 - 1
    assert {each.words.rpartition(", ")[2] for each in drawn} <= {"0.4 s", "longest 0.4 s"}


def test_each_instance_has_its_lane_and_the_headline_stands_on_top() -> None:
    line = Timeline(
        START, END, 30, small().spans, small().buckets,
        [Lane("a", [Span("closed", START, END)]), Lane("b", [Span("open", START, END)])],
    )  # fmt: skip
    plain = figure(line, None)
    lanes = [each for each in plain["data"] if each["meta"]["field"] == "lane"]  # type: ignore[attr-defined]
    assert [(each["name"], round(each["y"][0])) for each in lanes] == [("Closed", 1), ("Open", 0)]
    assert plain["layout"]["yaxis3"]["ticktext"] == ["headline", "a", "b"]  # type: ignore[index]
    assert lanes[1]["hovertemplate"] == ["b: Open, 1 m<extra></extra>"]


def test_of_many_instances_those_longest_in_trouble_have_lanes() -> None:
    calm = [Lane(f"pod-{each:02}", [Span("closed", START, END)]) for each in range(30)]
    line = Timeline(
        START, END, 30, [], [], [*calm, Lane("zz", [Span("open", START, MIDDLE), Span("closed", MIDDLE, END)])]
    )
    assert len(shown_lanes(line)) == MOST_LANES
    assert shown_lanes(line)[-1].instance == "zz"


def test_marks_are_signs_and_stretches_and_hold_no_markup() -> None:
    common = {
        "until": None,
        "service": None,
        "breaker": None,
        "dependency": None,
        "url": None,
        "created_by": "ada",
        "created_at": START,
    }
    deploy = AnnotationView(id="1", kind="deploy", title="<b>{y}", at=MIDDLE, **common)  # type: ignore[arg-type]
    drill = AnnotationView(id="2", kind="chaos", title="drill", at=START, **{**common, "until": MIDDLE})  # type: ignore[arg-type]
    plain = figure(small(), None, [drill, deploy])
    assert trace(plain, "mark")["hovertemplate"] == [
        "Chaos: drill<extra></extra>", "Deploy: &lt;b>&#123;y}<extra></extra>",
    ]  # fmt: skip
    assert (trace(plain, "stretch")["base"], trace(plain, "stretch")["x"]) == ([1795420800000], [30_000])
    assert [each["x0"] for each in plain["layout"]["shapes"]] == [1795420800000, 1795420830000]  # type: ignore[index]
    assert "yaxis5" not in figure(small(), None)["layout"]  # type: ignore[operator]


def test_latency_has_a_panel_where_it_was_told() -> None:
    assert "yaxis4" not in figure(small(), None)["layout"]  # type: ignore[operator]
    line = small()
    line.buckets[0].update(duration_p50_ms=4.26, duration_p95_ms=90.0, duration_p99_ms=100.0)
    assert trace(figure(line, None), "duration_p50_ms")["y"] == [4.3, None, None]


def told(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_the_threshold_is_drawn_where_it_is_known() -> None:
    assert trace(figure(small(), 50), "threshold")["y"] == [50, 50]
    assert "threshold" not in [each["meta"]["field"] for each in figure(small(), None)["data"]]  # type: ignore[attr-defined]


def test_plotly_takes_the_figure() -> None:
    import plotly.graph_objects as graph_objects

    drawn = graph_objects.Figure(painted(figure(small(), 50)))
    colours = {each.marker.color for each in drawn.data}
    assert colours <= set(PALETTE.values())
    # Written out: the file is in UTC in whatever zone it is opened.
    assert [each[:19] for each in drawn.layout.xaxis.range] == [START[:19], END[:19]]
    assert {type(at) for each in drawn.data if each.type == "bar" for at in each.base} == {str}


def test_an_empty_timeline_is_a_figure_too() -> None:
    nothing = Timeline(START, END, 30, [], [])
    assert trace(figure(nothing, None), "success")["y"] == []
    assert summary(nothing) == "0 openings, 0 calls, 0 of them failed, 0 refused."
    assert table(nothing) == []


def test_the_table_adds_up() -> None:
    [row] = table(small(), rows=1)
    assert (row.success, row.failure, row.rejected, row.rate) == (3, 1, 5, "25.0 %")
    assert summary(small()) == "1 opening, 4 calls, 1 of them failed, 5 refused."


@pytest.mark.parametrize("name", ["15m", "1h", "6h", "24h", "7d", "30d", "90d", "13mo", "nonsense", ""])
def test_each_range_answers_with_what_the_store_counted(name: str, signed_in: SignIn, story: str) -> None:
    answer = signed_in("viewer").get(f"/breakers/{story}/timeline.json?range={name}")
    told = json.loads(answer.content)
    lengths = {"15m": 0.25, "1h": 1, "6h": 6, "24h": 24, "7d": 168, "30d": 720, "90d": 2160, "13mo": 396 * 24}
    assert told["range"] == (name if name in lengths else "1h")
    now = datetime.now(UTC)
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
