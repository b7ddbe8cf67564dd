"""The store after a year: how long each kind is kept, what is too old, how large it is; and that no count is ever lost on the way."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from breakers import bulk, measuring, pruning, queries
from breakers.annotating import Mark, annotate
from breakers.domain.checking import check
from breakers.domain.retention import DEFAULTS, read
from breakers.models import Event, SettingsChange, Source, StoreSize, Transition
from breakers.models.fields import from_us, to_us
from dashboard.env import BadSetting
from dashboard.env import read as read_env
from tests.breakers.conftest import MORNING, Scenario

pytestmark = pytest.mark.storage
DAY = timedelta(days=1)
WIDEST = 21_600 * 1_000_000


@pytest.fixture
def scenario(db: None) -> Scenario:
    """A board on which nothing has happened yet."""
    return Scenario()


def store(*words: str) -> Any:
    """What `manage.py store … --json` says."""
    said = StringIO()
    call_command("store", *words, "--json", stdout=said, stderr=StringIO())
    return json.loads(said.getvalue().splitlines()[-1])


def counted(scenario: Scenario, start: Any, end: Any, points: int = 300) -> int:
    """The failures that a chart of this range shows."""
    shown = queries.timeline(scenario.card().id, start, end, scenario.now, points=points)
    return sum(int(str(bucket["failure"])) for bucket in shown.buckets)


def fails(scenario: Scenario, count: int = 1, at: Any = None, **more: Any) -> None:
    event = {"type": "failure", "breaker": "payments", "instance": "a", "count": count, **more}
    scenario.posts({**event, **({"occurred_at": at.isoformat()} if at else {})})


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", {}),
        ("events=7", {"events": 7}),
        ("10s=5, 1m=30 6h=800", {"10s": 5, "1m": 30, "6h": 800}),
        ("transitions=400 sources=0", {"transitions": 400, "sources": 0}),
    ],
)
def test_days_are_read(text: str, changed: dict[str, int]) -> None:
    assert read(text) == {**DEFAULTS, **changed}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("event=7", "'event' is no kind; expected one of events, 10s, 1m, 15m, 6h, transitions, sources"),
        ("events=0", "'events=0': expected days from 1 to 3,660"),
        ("events", "'events': expected days from 1 to 3,660"),
        ("6h=4000", "'6h=4000': expected days from 1 to 3,660"),
        ("10s=20", "counts of 10s would be kept for 20 days, those of 1m for only 14"),
    ],
)
def test_days_that_make_no_sense_end_the_start(text: str, said: str, tmp_path: Any) -> None:
    with pytest.raises(BadSetting) as refused:
        read_env({"KEEP_DAYS": text, "DATA_DIR": str(tmp_path)})
    assert str(refused.value) == f"KEEP_DAYS: {said}"


def test_each_kind_goes_in_its_own_time(scenario: Scenario, settings: Settings) -> None:
    settings.KEEP_DAYS = read("events=3 10s=1 1m=2 15m=4 6h=6")
    fails(scenario, id="one")
    pruning.fold(scenario.at("08:40"))
    kinds = {"events": Event.objects.count, "10s": lambda: width(10), "1m": lambda: width(60), "15m": lambda: width(900), "6h": lambda: width(21_600)}  # fmt: skip
    ages = {}
    for days in range(1, 8):
        pruning.prune(MORNING + days * DAY + timedelta(minutes=1), pause=0)
        for name, count in kinds.items():
            if not count():
                ages.setdefault(name, days)
    assert ages == {"10s": 1, "1m": 2, "events": 3, "15m": 4, "6h": 6}


def width(seconds: int) -> int:
    """How many buckets of that width there are."""
    if seconds == 10:
        return int(bulk.select("SELECT count(*) FROM breakers_rollup_10s")[0][0])
    return int(bulk.select("SELECT count(*) FROM breakers_rollup WHERE width = %s", [seconds])[0][0])


def test_what_is_older_than_events_are_kept_is_not_taken(scenario: Scenario, settings: Settings) -> None:
    settings.KEEP_DAYS = read("events=3")
    old = {"type": "failure", "breaker": "p", "occurred_at": (MORNING - 4 * DAY).isoformat()}
    [refusal] = check([old], to_us(MORNING), kept_for=3 * DAY).refusals
    assert (refusal.code, refusal.detail) == (
        "too_old",
        "'occurred_at' 2026-11-19T08:00:00+00:00 is older than the 3 days that events are kept",
    )
    assert check([old], to_us(MORNING), kept_for=5 * DAY).refusals == []


def test_fine_counts_that_are_not_folded_stay(scenario: Scenario) -> None:
    """After days without a worker, what only the 10 s rows hold is not thrown away before it is folded."""
    fails(scenario, 5)
    scenario.at(86_400 * 10)
    assert pruning.prune(scenario.now, pause=0)["10s"] == 0
    pruning.fold(scenario.now, pause=0)
    assert pruning.prune(scenario.now, pause=0)["10s"] == 1
    assert counted(scenario, scenario.now - 20 * DAY, scenario.now) == 5


def test_transitions_are_kept_for_good_unless_told_otherwise(scenario: Scenario, settings: Settings) -> None:
    scenario.moves("closed")
    scenario.moves("open")
    scenario.at(60)
    scenario.moves("closed")
    later = MORNING + 500 * DAY
    assert "transitions" not in pruning.prune(later, pause=0)
    settings.KEEP_DAYS = read("transitions=400")
    Transition.objects.update(evaluated_at=MORNING)
    before = Transition.objects.count()
    gone = pruning.prune(later, pause=0)
    assert (gone["transitions"], gone["outages"]) == (before - 2, 1)
    # The last word on the breaker and on its instance stays: it says what they are in.
    assert [(row.instance_name, row.to_state) for row in Transition.objects.order_by("instance_name")] in (
        [(None, "closed"), ("a", "closed")],
        [("a", "closed"), (None, "closed")],
    )


def test_marks_and_settings_go_with_the_transitions(scenario: Scenario, settings: Settings) -> None:
    for second, limit in ((0, 50), (60, 40), (120, 30)):
        scenario.at(second)
        scenario.beats("closed", config={"failure_rate_threshold": limit})
    begun, later = MORNING, MORNING + 500 * DAY
    for until in (None, begun + 200 * DAY):
        annotate(scenario.ada, Mark("note", "a year ago", begun, until), at=begun)
    assert {"marks", "settings"}.isdisjoint(pruning.prune(later, pause=0))
    settings.KEEP_DAYS = read("transitions=400")
    gone = pruning.prune(later, pause=0)
    # A mark that lasted longer is still touched by what is kept; the last settings say what holds since.
    assert (gone["marks"], gone["settings"]) == (1, 2)
    assert SettingsChange.objects.get().after == {"failure_rate_threshold": 30}


def test_what_alerting_has_not_seen_stays(scenario: Scenario, settings: Settings) -> None:
    settings.KEEP_DAYS = read("transitions=10")
    scenario.moves("open")
    scenario.at(60)
    scenario.moves("closed")
    pruning.prune(MORNING + 20 * DAY, pause=0)
    assert Transition.objects.filter(instance_name=None).count() == 2


def test_sources_not_heard_for_long_go(scenario: Scenario) -> None:
    fails(scenario)
    scenario.at(86_400 * 31)
    fails(scenario, instance="b")
    assert pruning.prune(scenario.now, pause=0)["sources"] == 1
    assert Source.objects.get().name == "b"


def test_slices_are_small_and_end_when_their_time_is_over(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SLICE", 4)
    for _ in range(10):
        fails(scenario)
    later = MORNING + 31 * DAY
    steps: list[tuple[str, int]] = []
    assert pruning.prune(later, pause=0, within_s=0)["events"] == 0
    gone = pruning.prune(later, pause=0, progress=lambda name, count: steps.append((name, count)))
    assert gone["events"] == 10
    assert [count for name, count in steps if name == "events"] == [4, 8, 10]


def test_wide_counts_of_many_breakers_go_too(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BREAKERS_AT_ONCE", 3)
    scenario.posts(*({"type": "failure", "breaker": f"b-{n}"} for n in range(10)))
    pruning.fold(scenario.at("08:40"))
    assert width(60) == 10
    assert pruning.prune(MORNING + 15 * DAY, pause=0)["1m"] == 10
    assert (width(60), width(900)) == (0, 10)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_dry_run_says_what_a_run_then_does(scenario: Scenario) -> None:
    fails(scenario, id="one")
    pruning.fold(scenario.at("08:40"))
    # What is left for the command to fold it folds with pauses.
    pruning.fold(datetime.now(UTC), pause=0)
    Event.objects.update(id=to_us(MORNING))
    # Those of long ago, by the clock of this machine.
    age = 800 * 86_400
    bulk.run("UPDATE breakers_event SET id = id - %s", [age * 1_000_000])
    bulk.run("UPDATE breakers_rollup_10s SET at = at - %s", [age])
    bulk.run("UPDATE breakers_rollup SET at = at - %s", [age])
    dry = store("prune")
    assert (dry["pruned"], {name: count for name, count in dry["rows"].items() if count}) == (
        False,
        {"events": 1, "10s": 1, "1m": 1, "15m": 1, "6h": 1},
    )
    assert Event.objects.count() == 1
    done = store("prune", "--yes")
    assert (done["pruned"], done["rows"]) == (True, dry["rows"])
    assert set(store("prune")["rows"].values()) == {0}


def test_the_store_tells_its_size(scenario: Scenario) -> None:
    for minute in range(3):
        scenario.at(60 * minute)
        fails(scenario)
    pruning.fold(scenario.at("08:40"))
    told = store("show")
    kinds = told["kinds"]
    assert {name: kinds[name]["rows"] for name in ("events", "10s", "1m", "15m", "6h", "sources")} == {
        "events": 3, "10s": 3, "1m": 3, "15m": 1, "6h": 1, "sources": 1,
    }  # fmt: skip
    assert (kinds["events"]["oldest_at"], kinds["events"]["kept_days"]) == ("2026-11-23T08:00:00.000Z", 30)
    assert (kinds["6h"]["oldest_at"], kinds["audit"]["kept_days"]) == ("2026-11-23T06:00:00.000Z", None)
    assert kinds["events"]["bytes"] > 0
    assert told["disk"]["database"] > 100_000


def test_a_large_store_is_measured_once_an_hour_and_a_small_one_at_each_turn(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measuring.measure_if_due(MORNING)
    fails(scenario)
    assert measuring.measure_if_due(MORNING + timedelta(minutes=5))
    assert StoreSize.objects.get(kind="events").rows == 1
    monkeypatch.setattr(measuring, "SMALL", 1)
    fails(scenario)
    assert not measuring.measure_if_due(MORNING + timedelta(minutes=64))
    assert measuring.measure_if_due(MORNING + timedelta(minutes=65))
    assert StoreSize.objects.get(kind="events").rows == 2


def test_a_verb_is_needed() -> None:
    with pytest.raises(CommandError):
        call_command("store")


moments = st.integers(0, 9 * 86_400)  # s before now


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(st.tuples(moments, st.integers(0, 7_200), st.integers(1, 50)), min_size=1, max_size=12),
    folds=st.sets(st.integers(0, 9 * 86_400), max_size=4),
    asked=st.lists(
        st.tuples(moments, st.integers(1, 9 * 86_400), st.integers(1, 400), st.booleans()), min_size=1, max_size=4
    ),
)
def test_any_range_in_any_width_counts_what_the_raw_events_count(
    scenario: Scenario,
    told: list[tuple[int, int, int]],
    folds: set[int],
    asked: list[tuple[int, int, int, bool]],
) -> None:
    """Told in time or hours late, before or after its time was folded, whatever was pruned: charts and raw events agree."""
    end = MORNING + 10 * DAY
    Event.objects.all().delete()
    bulk.run("DELETE FROM breakers_rollup_10s")
    bulk.run("DELETE FROM breakers_rollup")
    bulk.run("UPDATE breakers_board SET folded_until = NULL")
    # (seconds before the end at which it is done, what).
    deeds: list[tuple[int, Any]] = [(max(ago - late, 0), (ago, count)) for ago, late, count in told]
    deeds += [(ago, None) for ago in folds]
    for ago, what in sorted(deeds, key=lambda deed: -deed[0]):
        scenario.now = end - timedelta(seconds=ago)
        if what is None:
            pruning.fold(scenario.now, pause=0)
            pruning.prune(scenario.now, pause=0)
        else:
            fails(scenario, what[1], end - timedelta(seconds=what[0]))
    scenario.now = end
    for ago, length, points, whole in asked:
        start = end - timedelta(seconds=ago)
        stop = min(start + timedelta(seconds=length), end + timedelta(seconds=1))
        if whole:
            # To the end of a bucket of the widest kind: nothing is cut.
            stop = from_us(-(-to_us(stop) // WIDEST) * WIDEST)
        if stop <= start:
            continue
        shown = queries.timeline(scenario.card().id, start, stop, end, points=points)
        # Buckets begin on multiples of their width, perhaps before the range, and hold all that is stored of them.
        begins = int(to_us(start) // 1_000_000 // shown.width_s * shown.width_s)
        ends = -(-to_us(stop) // 1_000_000)
        stored = suited(shown.width_s, start, stop, points, end)
        last = -(-ends // stored) * stored
        total = sum(int(str(bucket["failure"])) for bucket in shown.buckets)
        # The last bucket is cut at the range as finely as what is stored of it allows.
        assert raw(begins, ends) <= total <= raw(begins, last)
        if whole:
            assert total == raw(begins, ends) == raw(begins, last)


def raw(start_s: int, end_s: int) -> int:
    """How many failures the raw events of this range tell of."""
    sql = "SELECT coalesce(sum(count), 0) FROM breakers_event WHERE type = 'failure' AND at >= %s AND at < %s"
    return int(bulk.select(sql, [start_s * 1_000_000, end_s * 1_000_000])[0][0])


def suited(width_s: int, start: Any, stop: Any, points: int, now: Any) -> int:
    """The stored width that a chart's buckets are made of."""
    from breakers.domain.rollups import suiting

    chosen = suiting(to_us(start) // 1_000_000, -(-to_us(stop) // 1_000_000), points, to_us(now) // 1_000_000)
    assert chosen.chart_s == width_s
    return chosen.stored_s
