"""Each instance of a service as one poster: its clock, its sequence, its runs, its rate."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakers import bulk, hearing
from breakers.domain.sources import SourceRow, a_minute, hear
from breakers.models import Board, Source
from breakers.models.fields import to_us
from tests.breakers.conftest import MORNING, Scenario

pytestmark = pytest.mark.storage
SECOND = 1_000_000
MINUTE = 60 * SECOND
EIGHT = to_us(MORNING)


def told(scenario: Scenario, *sequences: int, breaker: str = "payments", **more: Any) -> None:
    """Successes with these numbers, each a second after the one before, told as they happen."""
    for sequence in sequences:
        scenario.at((scenario.now - MORNING).total_seconds() + 1)
        at = scenario.now.isoformat()
        event = {"type": "success", "breaker": breaker, "instance": "a", "sequence": sequence, "occurred_at": at}
        scenario.posts({**event, **more})


def source(name: str = "a") -> Source:
    return Source.objects.get(service__name="checkout", name=name)


def test_a_sequence_runs_over_all_breakers_of_an_instance(scenario: Scenario) -> None:
    told(scenario, 1, 2)
    told(scenario, 3, breaker="search")
    told(scenario, 4)
    assert (source().events, source().last_sequence, source().missing, source().restarts) == (4, 4, 0, 0)


def test_what_was_skipped_is_missing_until_it_comes(scenario: Scenario) -> None:
    told(scenario, 1, 2, 7)
    assert (source().missing, source().late) == (4, 0)
    at = (MORNING + timedelta(seconds=2.5)).isoformat()
    scenario.posts({"type": "success", "breaker": "payments", "instance": "a", "sequence": 3, "occurred_at": at})
    assert (source().missing, source().late, source().last_sequence, source().restarts) == (3, 1, 7, 0)


def test_a_sequence_that_begins_anew_is_a_restart_and_no_gap(scenario: Scenario) -> None:
    told(scenario, 1, 2, 3, 1, 2)
    assert (source().restarts, source().missing, source().last_sequence) == (1, 0, 2)
    told(scenario, 4)
    assert (source().restarts, source().missing) == (1, 1)


def test_what_is_left_of_the_run_before_is_late_and_no_gap(scenario: Scenario) -> None:
    told(scenario, 10, 11, 1)
    at = (MORNING + timedelta(seconds=2.5)).isoformat()
    scenario.posts({"type": "success", "breaker": "payments", "instance": "a", "sequence": 12, "occurred_at": at})
    told(scenario, 2)
    assert (source().restarts, source().missing, source().late, source().last_sequence) == (1, 0, 1, 2)


def test_back_after_stopped_is_a_restart_without_any_sequence(scenario: Scenario) -> None:
    scenario.beats("closed")
    scenario.at(5)
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a"})
    assert (source().stopped, source().restarts) == (True, 0)
    scenario.at(20)
    scenario.beats("closed")
    assert (source().stopped, source().restarts) == (False, 1)


def test_one_breaker_that_stops_is_no_end_of_the_process(scenario: Scenario) -> None:
    """A breaker is detached; the others go on, and so do the numbers."""
    for breaker in ("payments", "search", "stock"):
        scenario.beats("closed", breaker=breaker)
    scenario.at(5)
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a"})
    assert source().stopped is False
    scenario.at(10)
    scenario.beats("closed", breaker="search")
    scenario.at(11)
    scenario.beats("closed", breaker="payments")
    assert (source().stopped, source().restarts) == (False, 0)
    scenario.at(12)
    scenario.posts(*({"type": "stopped", "breaker": name, "instance": "a"} for name in ("payments", "search", "stock")))
    assert (source().stopped, source().restarts) == (True, 0)
    scenario.at(13)
    scenario.posts(
        *({"type": "heartbeat", "state": "closed", "breaker": b, "instance": "a"} for b in ("search", "new"))
    )
    assert (source().stopped, source().restarts) == (False, 1)


def test_a_stop_that_is_told_late_stops_only_what_was_silent_since(scenario: Scenario) -> None:
    scenario.at(60)
    scenario.beats("closed")
    scenario.beats("closed", breaker="search")
    early = (MORNING + timedelta(seconds=50)).isoformat()
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a", "occurred_at": early})
    scenario.posts({"type": "stopped", "breaker": "search", "instance": "a"})
    assert source().stopped is False
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a"})
    assert (source().stopped, source().restarts) == (True, 0)


def test_two_posts_that_overtake_each_other_are_no_restart(scenario: Scenario) -> None:
    """Without times of their own, the one that is received last is not the one that happened last."""
    for second, sequence in ((1, 10), (2, 30), (3, 20), (4, 31)):
        scenario.at(second)
        scenario.posts({"type": "success", "breaker": "payments", "instance": "a", "sequence": sequence})
    assert (source().restarts, source().last_sequence) == (0, 31)


def test_duplicates_are_counted_and_are_no_sign_of_life(scenario: Scenario) -> None:
    scenario.beats("closed", id="one")
    scenario.at(30)
    scenario.beats("closed", id="one")
    assert (source().events, source().duplicates, source().heard_at) == (1, 1, MORNING)


def test_each_repeat_counts_once_wherever_it_came(scenario: Scenario) -> None:
    """In the very first post, in one post, in a later one: what the answers call duplicates is what the source shows."""
    beat = {"type": "heartbeat", "state": "closed", "breaker": "payments", "instance": "a", "id": "one"}
    told = 0
    for post in (
        [beat, beat, beat],
        [beat, {**beat, "id": "two"}, {**beat, "id": "two"}],
        [beat, {**beat, "id": "two"}],
    ):
        told += scenario.posts(*post).duplicates
    assert (source().events, source().duplicates, told) == (2, 6, 6)


@pytest.mark.parametrize("minutes_off", [-9, 0, 9])
def test_the_clock_is_judged_by_the_post_that_waited_least(scenario: Scenario, minutes_off: int) -> None:
    for second, waited in ((1, 30), (2, 0.2), (3, 600), (4, 5)):
        scenario.at(second)
        at = scenario.now - timedelta(seconds=waited) + timedelta(minutes=minutes_off)
        scenario.posts({"type": "success", "breaker": "payments", "instance": "a", "occurred_at": at.isoformat()})
    assert source().skew_us == 200_000 - minutes_off * MINUTE


def test_a_clock_that_was_set_right_is_right_after_two_windows(scenario: Scenario) -> None:
    told(scenario, 1, occurred_at=(MORNING + timedelta(minutes=9)).isoformat())
    assert round((source().skew_us or 0) / MINUTE) == -9
    for minute in range(5, 16, 5):
        scenario.at(minute * 60)
        told(scenario, minute)
    assert source().skew_us == 0


def test_early_late_equal_and_missing_times(scenario: Scenario) -> None:
    scenario.at(100)
    now = scenario.now

    def post(at: Any) -> None:
        scenario.posts({"type": "success", "breaker": "payments", "instance": "a", "occurred_at": at})

    post((now + timedelta(seconds=30)).isoformat())
    assert (source().early, source().late, source().newest_at) == (1, 0, now)
    post(now.isoformat())
    post(now.isoformat())
    assert (source().early, source().late) == (1, 0)
    post((now - timedelta(seconds=1)).isoformat())
    assert (source().early, source().late, source().newest_at) == (1, 1, now)
    before = source().skew_us
    post(None)
    assert (source().early, source().late, source().skew_us, source().events) == (1, 1, before, 5)


def test_its_rate_is_that_of_the_last_minute() -> None:
    row = SourceRow(1, "a", EIGHT, EIGHT, EIGHT)
    for second in range(60):
        hear(row, "success", EIGHT + second * SECOND, None, -1, EIGHT + second * SECOND)
    assert [a_minute(row, EIGHT + second * SECOND) for second in (59, 60, 90, 105, 120, 600)] == [60, 60, 30, 15, 0, 0]
    for second in range(60, 90):
        hear(row, "success", EIGHT + second * SECOND, None, -1, EIGHT + second * SECOND)
    assert a_minute(row, EIGHT + 90 * SECOND) == 60


def test_what_it_says_of_itself(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=20, library="pybreaker", library_version="1.4.1")
    told(scenario, 1)
    assert (source().library, source().library_version, source().interval_s) == ("pybreaker", "1.4.1", 20)


def test_what_another_process_wrote_is_seen(transactional_db: None) -> None:
    """Rows are remembered only as long as nobody else has written to the board."""
    scenario = Scenario()
    told(scenario, 1, 2)
    assert hearing._Memory.valid_at == (Board.objects.get().epoch, Board.objects.get().version)
    with bulk.writing():
        Source.objects.update(missing=40, silent_since=MORNING)
        bulk.next_version()
    told(scenario, 3)
    assert (source().missing, source().silent_since, source().events) == (40, None, 3)


def test_a_batch_that_came_to_nothing_is_not_remembered(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = Scenario()
    told(scenario, 1)
    with monkeypatch.context() as patched:
        patched.setattr("breakers.recording.insert_events", lambda rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            told(scenario, 2)
    told(scenario, 2)
    assert (source().events, source().last_sequence, source().missing) == (2, 2, 0)


@given(
    st.lists(st.integers(1, 40), unique=True, min_size=1, max_size=40),
    st.permutations(range(40)),
)
def test_any_order_ends_with_the_same_count_of_what_is_missing(posted: list[int], order: list[int]) -> None:
    """However posts overtake each other within a run: what is missing at the end is what never came."""
    begun = min(posted)
    row = SourceRow(1, "a", 0, 0, 0)
    rest = [number for number in posted if number != begun]
    for number in [begun, *sorted(rest, key=lambda number: order[number - 1])]:
        hear(row, "success", number * SECOND, number * SECOND, number, 1_000 * SECOND)
    assert row.missing == max(posted) - begun + 1 - len(posted)
    assert row.restarts == 0
