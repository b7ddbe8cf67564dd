"""Buckets: nothing is counted twice or lost, whatever width a chart asks for."""

from datetime import timedelta

import pytest

from breakers import pruning, queries
from breakers.domain.rollups import percentiles, suiting
from breakers.models import Event
from tests.breakers.conftest import MORNING, Scenario

pytestmark = pytest.mark.storage


def total(scenario: Scenario, days: float, points: int = 300) -> int:
    end = scenario.now + timedelta(seconds=1)
    shown = queries.timeline(scenario.card().id, end - timedelta(days=days), end, scenario.now, points=points)
    assert len(shown.buckets) <= points
    return sum(int(str(bucket["failure"])) for bucket in shown.buckets)


def test_folding_neither_loses_nor_doubles(scenario: Scenario) -> None:
    for minute in range(0, 30, 3):
        scenario.at(f"08:{minute:02}")
        scenario.posts({"type": "failure", "breaker": "payments", "count": 2})
        pruning.fold(scenario.now)
    pruning.fold(scenario.at("08:40"))
    pruning.fold(scenario.at("08:40"))
    assert [total(scenario, days) for days in (0.03, 0.5, 1, 7, 90)] == [20, 20, 20, 20, 20]


def test_an_event_told_after_its_time_was_folded_still_counts_in_every_width(scenario: Scenario) -> None:
    scenario.posts({"type": "failure", "breaker": "payments", "count": 2})
    pruning.fold(scenario.at("08:40"))
    scenario.posts({"type": "failure", "breaker": "payments", "count": 3, "occurred_at": "2026-11-23T08:01:00Z"})
    pruning.fold(scenario.at("08:50"))
    assert [total(scenario, days) for days in (0.1, 1, 7, 90)] == [5, 5, 5, 5]


def test_buckets_are_contiguous_and_cover_the_range(scenario: Scenario) -> None:
    scenario.posts({"type": "success", "breaker": "payments"})
    for seconds, points in (
        (900, 300),
        (3_600, 300),
        (86_400, 1_000),
        (7 * 86_400, 400),
        (400 * 86_400, 1_000),
        (60, 1),
    ):
        start = MORNING - timedelta(seconds=seconds)
        shown = queries.timeline(scenario.card().id, start, MORNING, MORNING, points=points)
        times = [str(bucket["at"]) for bucket in shown.buckets]
        assert len(times) <= points
        assert times == sorted(times)
        assert times[0] <= start.isoformat().replace("+00:00", ".000Z")


def test_a_width_that_is_no_longer_kept_is_not_asked_for() -> None:
    now = 1_800_000_000
    assert suiting(now - 3_600, now, 1_000, now) == (10, 10)
    assert suiting(now - 5 * 86_400, now - 5 * 86_400 + 3_600, 1_000, now) == (60, 60)
    assert suiting(now - 80 * 86_400, now - 80 * 86_400 + 3_600, 1_000, now) == (900, 900)


def test_percentiles_lie_in_their_bin() -> None:
    bins = [0] * 16
    bins[3], bins[6] = 90, 10  # up to 10 ms, up to 100 ms
    assert percentiles(bins, (0.5, 0.9, 0.95, 0.99), 80) == [7.8, 10, 75, 80]
    assert percentiles(bins, (0.01, 0.95), 0) == [5.1, 75]
    bins[15] = 100  # above a minute
    assert percentiles(bins, (0.5, 0.75, 0.99), 90_000) == [100, 75_000, 89_400]
    assert percentiles([0] * 16, (0.5, 0.99), 0) == [None, None]


def test_what_is_too_old_goes_and_the_rest_stays(scenario: Scenario) -> None:
    scenario.posts({"type": "failure", "breaker": "payments", "count": 2})
    pruning.fold(scenario.at("08:40"))
    later = MORNING + timedelta(days=31)
    scenario.now = later
    scenario.posts({"type": "failure", "breaker": "payments", "count": 3})
    gone = pruning.prune(later, pause=0)
    assert (gone["events"], gone["10s"], gone["1m"], gone["15m"]) == (1, 1, 1, 0)
    assert Event.objects.get().count == 3
    assert total(scenario, 60) == 5


@pytest.mark.parametrize("seconds", [7, 100, 3_600, 20_000, 86_400, 7 * 86_400])
def test_an_exact_range_holds_what_happened_in_it_and_nothing_else(scenario: Scenario, seconds: int) -> None:
    start, end = MORNING + timedelta(milliseconds=3_300), MORNING + timedelta(seconds=seconds, milliseconds=5_700)
    scenario.now = end + timedelta(hours=1)
    tick = timedelta(milliseconds=1)
    for count, at in (
        (1, start - tick),
        (10, start),
        (100, start + (end - start) / 2),
        (1_000, end - tick),
        (10_000, end),
    ):
        scenario.posts(
            {"type": "failure", "breaker": "payments", "count": count, "duration_ms": 5, "occurred_at": at.isoformat()}
        )
    pruning.fold(scenario.now, pause=0)
    shown = queries.timeline(scenario.card().id, start, end, scenario.now, points=50, exact=True)
    assert sum(int(str(bucket["failure"])) for bucket in shown.buckets) == 1_110
    assert shown.buckets[0]["at"] == "2026-11-23T08:00:03.300Z"
    assert len(shown.buckets) <= 50


def test_a_mean_of_many_makes_no_percentiles(scenario: Scenario) -> None:
    scenario.posts(
        {"type": "success", "breaker": "payments", "count": 100, "duration_ms": 100, "duration_max_ms": 3_000}
    )
    end = scenario.at(60)
    buckets = queries.timeline(scenario.card().id, MORNING, end, end).buckets
    told = [bucket for bucket in buckets if bucket["success"]]
    assert [(each["duration_p50_ms"], each["duration_p99_ms"], each["duration_max_ms"]) for each in told] == [
        (None, None, 3_000.0)
    ]
    scenario.posts({"type": "success", "breaker": "payments", "duration_ms": 7})
    [single] = [
        bucket
        for bucket in queries.timeline(scenario.card().id, end, scenario.at(90), scenario.now).buckets
        if bucket["success"]
    ]
    assert single["duration_p50_ms"] is not None
