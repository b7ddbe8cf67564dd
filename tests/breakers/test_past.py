"""The past: wall, map and page of a moment, as the transitions and buckets tell them."""

import pytest

from breakers import commanding, queries
from breakers.errors import NotFound
from breakers.queries.past import cards_at, details_at, edges_at, wall_at
from tests.breakers.conftest import Scenario

pytestmark = pytest.mark.storage


@pytest.fixture
def morning(scenario: Scenario) -> Scenario:
    """Payments opens at 08:10 at one of two instances and closes at 08:20; tax is there from 08:15 on."""
    scenario.at("08:00")
    for pod in ("a", "b"):
        scenario.beats(
            "closed", instance=pod, dependency="payments-api", config={"failure_rate_threshold": 50}, interval_s=3_600
        )
    scenario.at("08:09:30")
    scenario.posts(
        {"type": "success", "breaker": "payments", "instance": "a", "count": 60},
        {"type": "failure", "breaker": "payments", "instance": "a", "count": 40},
    )
    scenario.at("08:10")
    scenario.moves("open", reason={"metric": "failure_rate", "value": 60, "threshold": 50})
    scenario.at("08:15")
    scenario.beats("closed", breaker="tax", dependency="rules", config={"timeout_ms": 5}, interval_s=3_600)
    scenario.at("08:18")
    scenario.moves("half_open")
    scenario.at("08:18:30")
    scenario.moves("open")
    scenario.at("08:20")
    scenario.moves("closed")
    scenario.at("09:00")
    scenario.beats("closed", config={"failure_rate_threshold": 40}, interval_s=3_600)
    scenario.now = scenario.at("09:30")
    return scenario


def wall(scenario: Scenario, clock: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    now = scenario.at("09:30")
    counts, cards = wall_at(scenario.at(clock), now, limit=10)
    return counts, [(card.name, card.state) for card in cards]


def test_the_wall_stands_as_it_stood(morning: Scenario) -> None:
    assert wall(morning, "07:59") == ({}, [])
    assert wall(morning, "08:05") == ({"closed": 1}, [("payments", "closed")])
    assert wall(morning, "08:16") == ({"open": 1, "closed": 1}, [("payments", "open"), ("tax", "closed")])
    assert wall(morning, "08:25")[0] == {"closed": 2}


def test_a_card_of_then(morning: Scenario) -> None:
    now, at = morning.at("09:30"), morning.at("08:10:05")
    [card] = cards_at([morning.breaker().pk], at, now)
    assert (card.state, card.since[11:19], card.instances) == ("open", "08:10:00", {"open": 1, "closed": 1})
    assert (card.calls_1m, card.failures_1m, card.failure_rate_1m) == (100, 40, 40.0)
    assert [(span.state, span.from_[11:16]) for span in card.strip_15m][-2:] == [("closed", "08:00"), ("open", "08:10")]
    assert [card.calls_1m for card in cards_at([morning.breaker().pk], morning.at("08:12"), now)] == [0]


def test_a_page_of_then(morning: Scenario) -> None:
    now, breaker = morning.at("09:30"), str(morning.breaker().pk)
    shown = details_at(breaker, morning.at("08:19"), now)
    assert [(copy.name, copy.state, copy.since[11:19]) for copy in shown.instances] == [
        ("a", "open", "08:18:30"), ("b", "closed", "08:00:00"),
    ]  # fmt: skip
    assert {(path.from_state, path.to_state): path.count for path in shown.paths}["half_open", "open"] == 1
    # What it was set to then, not what it is set to now.
    assert (shown.config, shown.card.failure_rate_threshold) == ({"failure_rate_threshold": 50}, 50)
    assert details_at(breaker, morning.at("09:10"), now).config == {"failure_rate_threshold": 40}
    with pytest.raises(NotFound):
        details_at(breaker, morning.at("07:00"), now)


def test_why_it_opened_knows_nothing_of_later(morning: Scenario) -> None:
    breaker = str(morning.breaker().pk)
    assert queries.why_opened(breaker, morning.at("08:09")) is None
    early = queries.why_opened(breaker, morning.at("08:12"))
    assert early
    assert (early.opened_at[11:16], early.ended_at, early.failed_probes) == ("08:10", None, 0)
    over = queries.why_opened(breaker, morning.at("09:00"))
    assert over
    assert (over.ended_at and over.ended_at[11:16], over.failed_probes) == ("08:20", 1)


def test_the_map_of_then(morning: Scenario) -> None:
    now = morning.at("09:30")
    seen = {(edge.service, edge.dependency): edge.state for edge in edges_at(morning.at("08:16"), now)}
    assert seen == {("checkout", "payments-api"): "open", ("checkout", "rules"): "closed"}
    assert [edge.dependency for edge in edges_at(morning.at("08:05"), now)] == ["payments-api"]


def test_an_override_is_wanted_until_its_end(morning: Scenario) -> None:
    breaker = morning.breaker()
    at = morning.at("09:05")
    commanding.order(morning.ada, str(breaker.pk), "force_open", "drill", until=morning.at("09:15"), at=at)
    now = morning.at("09:30")

    def wanted(clock: str) -> str | None:
        [card] = cards_at([breaker.pk], morning.at(clock), now)
        return card.wanted.action if card.wanted else None

    assert [wanted(clock) for clock in ("09:04", "09:06", "09:16")] == [None, "force_open", None]
