"""Instances that keep one state in a store of theirs: who tells a change, and for whom it counts."""

import pytest

from tests.breakers.conftest import Scenario

pytestmark = pytest.mark.storage


@pytest.fixture
def shared(scenario: Scenario) -> Scenario:
    """Three instances of one shared breaker, closed since eight."""
    scenario.at("08:00:00")
    for instance in "abc":
        scenario.beats("closed", instance=instance, scope="shared")
    return scenario


def test_the_newest_state_told_counts_for_all(shared: Scenario) -> None:
    shared.at("08:01:00")
    shared.moves("open", instance="a", scope="shared")
    assert shared.card().instances == {"open": 3}
    shared.at("08:01:30")
    shared.moves("half_open", instance="b", scope="shared")
    assert shared.card().instances == {"half_open": 3}


def test_what_an_instance_does_not_share_is_its_own(shared: Scenario) -> None:
    shared.at("08:01:00")
    shared.moves("open", instance="a")
    assert shared.card().instances == {"open": 1, "closed": 2}


def test_one_change_told_by_all_is_one_change(shared: Scenario) -> None:
    shared.at("08:01:05")
    shared.moves("open", instance="a", scope="shared", from_state="closed", occurred_at="2026-11-23T08:01:02Z")
    shared.moves("open", instance="b", scope="shared", from_state="closed", occurred_at="2026-11-23T08:01:00Z")
    shared.moves("open", instance="c", scope="shared", from_state="closed", occurred_at="2026-11-23T08:01:04Z")
    assert shared.card().instances == {"open": 3}
    assert shared.headline() == ["08:00:00 unknown → closed", "08:01:00 closed → open"]
    assert shared.breaker().outages.count() == 1


def test_a_witness_of_what_is_over_opens_nothing_again(shared: Scenario) -> None:
    shared.at("08:01:00")
    shared.moves("open", instance="a", scope="shared")
    shared.at("08:01:03")
    shared.moves("closed", instance="a", scope="shared")
    shared.at("08:01:05")
    shared.moves("open", instance="b", scope="shared", from_state="closed")
    assert shared.card().instances == {"closed": 3}
    # Its second word is no witness: it opened again.
    shared.at("08:01:06")
    shared.moves("open", instance="b", scope="shared", from_state="closed")
    assert shared.card().instances == {"open": 3}


def test_one_that_opens_twice_opens_twice(shared: Scenario) -> None:
    shared.at("08:01:00")
    for state in ("open", "closed", "open"):
        shared.moves(state, instance="a", scope="shared")
    assert shared.headline()[1:] == ["08:01:00 closed → open", "08:01:00 open → closed", "08:01:00 closed → open"]


def test_after_ten_seconds_it_is_another_change(shared: Scenario) -> None:
    shared.at("08:01:00")
    shared.moves("open", instance="a", scope="shared")
    shared.at("08:01:03")
    shared.moves("closed", instance="a", scope="shared")
    shared.at("08:01:11")
    shared.moves("open", instance="b", scope="shared", from_state="closed")
    assert shared.card().instances == {"open": 3}


def test_a_newcomer_that_told_no_state_is_in_the_one_of_the_others(shared: Scenario) -> None:
    shared.at("08:01:00")
    shared.moves("open", instance="a", scope="shared")
    shared.posts({"type": "success", "breaker": "payments", "instance": "d", "scope": "shared"})
    assert shared.card().instances == {"open": 4}
    shared.posts({"type": "success", "breaker": "payments", "instance": "e"})
    assert shared.card().instances == {"open": 4, "unknown": 1}


def test_a_silent_one_comes_back_in_the_state_that_was_told_meanwhile(shared: Scenario) -> None:
    from breakers.silencing import sweep

    shared.at("08:02:00")
    shared.beats("closed", instance="a", scope="shared")
    shared.at("08:02:10")
    sweep(shared.now)
    assert shared.card().instances == {"stale": 2, "closed": 1}
    shared.at("08:02:20")
    shared.moves("open", instance="a", scope="shared")
    assert shared.card().instances == {"open": 1, "stale": 2}
    shared.at("08:02:30")
    shared.posts({"type": "rejected", "breaker": "payments", "instance": "b"})
    assert shared.card().instances == {"open": 2, "stale": 1}


def test_its_own_change_after_its_own_heartbeat_is_nobody_elses_witness(scenario: Scenario) -> None:
    scenario.at("08:00:00")
    scenario.beats("closed", scope="shared")
    scenario.at("08:00:03")
    scenario.moves("open", scope="shared")
    assert scenario.card().state == "open"
    scenario.at("08:00:06")
    scenario.moves("closed", scope="shared")
    assert scenario.card().state == "closed"
    assert scenario.headline()[1:] == ["08:00:03 closed → open", "08:00:06 open → closed"]
