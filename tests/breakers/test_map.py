"""The map's edges: breakers of one service on one dependency, added up; and what is found of a dependency."""

import pytest

from breakers.queries.map import callers, edges
from tests.breakers.conftest import Scenario

pytestmark = pytest.mark.storage


def test_an_edge_stands_for_all_breakers_of_its_pair(scenario: Scenario) -> None:
    scenario.at("08:00")
    for breaker in ("read", "write"):
        scenario.beats("closed", breaker=breaker, dependency="db")
    scenario.posts({"type": "heartbeat", "breaker": "q", "dependency": "db", "state": "closed"}, service="search")
    scenario.at("08:01")
    scenario.moves("open", breaker="write", dependency="db")
    scenario.posts(
        {"type": "rejected", "breaker": "write", "instance": "a", "count": 7},
        {"type": "failure", "breaker": "read", "instance": "a", "count": 2},
    )
    one, other = edges(scenario.at("08:01:05"))
    assert (one.service, one.dependency, one.state, one.counts) == ("checkout", "db", "open", {"open": 1, "closed": 1})
    assert (one.since[11:16], one.calls_1m, one.failures_1m, one.rejected_1m) == ("08:01", 2, 2, 7)
    assert one.breaker_id == str(scenario.breaker("write").pk)
    assert (other.service, other.state, other.counts) == ("search", "closed", {"closed": 1})


def test_silence_that_no_sweep_has_seen_is_drawn(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.beats("closed", dependency="db", interval_s=10)
    assert [edge.state for edge in edges(scenario.at("08:00:20"))] == ["closed"]
    assert [edge.state for edge in edges(scenario.at("08:00:30"))] == ["stale"]


def test_those_cut_off_come_first(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.beats("closed", breaker="a", dependency="db")
    scenario.moves("open", breaker="z", dependency="db")
    scenario.beats("closed", breaker="other", dependency="cdn")
    assert [card.name for card in callers("db", scenario.now)] == ["z", "a"]
