"""What the clock alone does: stale, unknown, gone; and never green when no one speaks."""

from types import SimpleNamespace

import pytest

from breakers import bulk, queries, silencing
from breakers.chores import sweep_if_nobody_does
from breakers.jumps import Jumps
from breakers.listening import listen
from breakers.models import Board, Breaker, Source
from breakers.queries import CardFilter
from breakers.signals import sources_fell_silent, sources_spoke_again
from tests.breakers.conftest import MORNING, Scenario

pytestmark = pytest.mark.storage


def test_two_intervals_and_five_seconds_make_it_stale(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=10)
    scenario.at(24.9)
    assert (silencing.sweep(scenario.now), scenario.card().state) == (0, "closed")
    scenario.at(25)
    assert (silencing.sweep(scenario.now), scenario.card().state) == (1, "stale")
    card = scenario.card()
    assert (card.reported_state, card.since, card.instances) == ("closed", "2026-11-23T08:00:25.000Z", {"stale": 1})


def test_a_read_sees_silence_before_the_sweep(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=10)
    scenario.at(30)
    assert scenario.card().state == "stale"
    assert queries.counts(CardFilter(), scenario.now) == {"stale": 1}
    scenario.at(150)
    assert scenario.card().state == "unknown"
    assert queries.details(scenario.card().id, scenario.now).instances[0].state == "unknown"


def test_a_heartbeat_keeps_it_fresh_and_ends_silence(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=10)
    scenario.at(20)
    scenario.beats("closed", interval_s=10)
    scenario.at(40)
    assert (silencing.sweep(scenario.now), scenario.card().state) == (0, "closed")
    scenario.at(46)
    assert (silencing.sweep(scenario.now), scenario.card().state) == (1, "stale")
    scenario.at(50)
    scenario.beats("closed", interval_s=10)
    assert scenario.card().state == "closed"
    assert scenario.headline()[1:] == ["08:00:45 closed → stale", "08:00:50 stale → closed"]


def test_what_another_tells_does_not_hide_a_silence_that_is_due(scenario: Scenario) -> None:
    """Told at the very moment, or long after it with no sweep between: what is due stays due."""
    scenario.beats("closed", instance="a", interval_s=5)
    scenario.at(15)
    scenario.beats("closed", instance="b", interval_s=5)
    assert (silencing.sweep(scenario.now), scenario.card().instances) == (1, {"stale": 1, "closed": 1})
    scenario.at(50)
    scenario.beats("closed", instance="b", interval_s=5)
    assert (silencing.sweep(scenario.now), scenario.breaker().copies.get(name="a").left_at is not None) == (1, True)


def test_a_failure_is_a_sign_of_life_too(scenario: Scenario) -> None:
    scenario.beats("open", interval_s=10)
    scenario.at(30)
    silencing.sweep(scenario.now)
    scenario.posts({"type": "failure", "breaker": "payments", "instance": "a"})
    assert scenario.card().state == "open"


def test_a_duplicate_is_no_sign_of_life(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=10, id="one")
    scenario.at(20)
    scenario.beats("closed", interval_s=10, id="one")
    scenario.at(26)
    assert scenario.card().state == "stale"


def test_one_that_posts_on_change_only_never_goes_stale(scenario: Scenario) -> None:
    scenario.moves("closed")
    scenario.at(86_000)
    assert (silencing.sweep(scenario.now), scenario.card().state) == (0, "closed")


def test_a_replaced_instance_leaves_when_unknown(scenario: Scenario) -> None:
    scenario.beats("closed", instance="old", interval_s=10)
    scenario.at(5)
    scenario.beats("closed", instance="new", interval_s=60)
    scenario.at(101)
    silencing.sweep(scenario.now)
    assert scenario.card().instances == {"closed": 1}


def test_without_a_successor_it_leaves_an_hour_later(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=10)
    scenario.at(200)
    silencing.sweep(scenario.now)
    assert scenario.card().instances == {"unknown": 1}
    scenario.at(100 + 3_600)
    silencing.sweep(scenario.now)
    assert (scenario.card().instances, scenario.card().state) == ({}, "unknown")


def test_our_own_downtime_is_nobodys_silence(scenario: Scenario) -> None:
    listen(MORNING)
    scenario.beats("closed", interval_s=10)
    scenario.at(600)
    listen(scenario.now)
    assert (silencing.sweep(scenario.now), scenario.card().state) == (0, "closed")
    for second in range(605, 690, 5):
        listen(scenario.at(second))
    # A client's longest backoff, and then two of its intervals and 5 s.
    assert (silencing.sweep(scenario.at(684)), scenario.card().state) == (0, "closed")
    assert (silencing.sweep(scenario.at(686)), scenario.card().state) == (1, "stale")
    assert scenario.headline()[1:] == ["08:11:25 closed → stale"]
    assert Board.objects.get().listening_since == scenario.at(600)


def test_few_silent_ones_do_not_hide_the_rest(scenario: Scenario) -> None:
    for name in "abc":
        scenario.beats("closed", instance=name, interval_s=10)
    scenario.at(20)
    scenario.beats("closed", instance="a", interval_s=10)
    scenario.beats("closed", instance="b", interval_s=10)
    scenario.at(26)
    silencing.sweep(scenario.now)
    card = scenario.card()
    assert (card.state, card.instances) == ("closed", {"stale": 1, "closed": 2})


def test_numbers_of_the_last_minute_pass(scenario: Scenario) -> None:
    scenario.posts({"type": "failure", "breaker": "payments", "count": 5})
    assert (silencing.tally(scenario.at(30)), scenario.card().calls_1m) == (0, 5)
    assert (silencing.tally(scenario.at(75)), scenario.card().calls_1m) == (1, 0)
    assert scenario.card().failure_rate_1m is None


def test_posts_pass_between_the_pieces_of_a_large_board_and_count(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silencing, "CARDS_AT_ONCE", 2)
    monkeypatch.setattr(silencing, "time", SimpleNamespace(sleep=lambda _: call("e")))

    def call(name: str) -> None:
        scenario.posts({"type": "failure", "breaker": name, "count": 3})

    for name in "abcde":
        call(name)
    scenario.at(75)
    assert silencing.tally(scenario.now) == 5
    assert {name: scenario.card(name).calls_1m for name in "abcde"} == {"a": 0, "b": 0, "c": 0, "d": 0, "e": 6}
    assert len(set(Breaker.objects.filter(name__in="acd").values_list("version", flat=True))) == 2


def heard_facts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is announced of sources, as it is announced."""
    said: list[str] = []
    # At once, not after the commit that a test's database never sees.
    monkeypatch.setattr(bulk, "after_commit", lambda hook: hook())
    monkeypatch.setattr(
        sources_fell_silent,
        "send_robust",
        lambda sender, sources: said.extend(f"{each.name} fell silent with {each.breakers}" for each in sources),
    )
    monkeypatch.setattr(
        sources_spoke_again, "send_robust", lambda sender, sources: said.extend(f"{name} spoke" for _, name in sources)
    )
    return said


def test_a_source_that_falls_silent_is_one_fact_and_not_one_a_breaker(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = heard_facts(monkeypatch)
    for number in range(30):
        scenario.beats("closed", breaker=f"breaker-{number}", interval_s=10)
        scenario.beats("closed", breaker=f"breaker-{number}", instance="b", interval_s=10)
    scenario.at(20)
    for number in range(30):
        scenario.beats("closed", breaker=f"breaker-{number}", instance="b", interval_s=10)
    scenario.at(25)
    assert silencing.sweep(scenario.now) == 30
    assert said == ["a fell silent with 30"]
    for second in (30, 40, 110, 200):
        silencing.sweep(scenario.at(second))
    assert said == ["a fell silent with 30", "b fell silent with 30"]
    assert [row.silent_since for row in Source.objects.order_by("name")] == [scenario.at(25), scenario.at(110)]


def test_a_large_board_falls_silent_in_several_commits_and_each_source_once(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = heard_facts(monkeypatch)
    monkeypatch.setattr(silencing, "AT_ONCE", 7)
    for number in range(30):
        scenario.beats("closed", breaker=f"breaker-{number}", interval_s=10)
    before = Board.objects.get().version
    assert silencing.sweep(scenario.at(25)) == 30
    assert (Board.objects.get().version - before, said) == (5, ["a fell silent with 30"])
    assert set(Breaker.objects.values_list("state", flat=True)) == {"stale"}
    assert silencing.sweep(scenario.at(25)) == 0


def test_it_is_silent_when_its_last_breaker_is(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    said = heard_facts(monkeypatch)
    scenario.beats("closed", interval_s=10)
    scenario.at(15)
    scenario.beats("closed", breaker="search", interval_s=10)
    assert (silencing.sweep(scenario.at(25)), said) == (1, [])
    assert (silencing.sweep(scenario.at(40)), said) == (1, ["a fell silent with 2"])


def test_one_word_of_it_ends_the_silence(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    said = heard_facts(monkeypatch)
    scenario.beats("closed", interval_s=10)
    silencing.sweep(scenario.at(25))
    scenario.posts({"type": "success", "breaker": "payments", "instance": "a"})
    scenario.posts({"type": "success", "breaker": "payments", "instance": "a"})
    assert said == ["a fell silent with 1", "a spoke"]
    assert Source.objects.get().silent_since is None


def test_who_stopped_on_purpose_is_not_silent(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    said = heard_facts(monkeypatch)
    scenario.beats("closed", interval_s=10)
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a"})
    scenario.beats("closed", instance="b", interval_s=10)
    silencing.sweep(scenario.at(25))
    assert said == ["b fell silent with 1"]


def test_where_no_worker_sweeps_the_web_process_does(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=10)
    assert sweep_if_nobody_does(scenario.at(30)) == 0, "a worker has some seconds"
    assert scenario.breaker().state == "closed"
    assert sweep_if_nobody_does(scenario.at(33)) == 1
    assert scenario.breaker().state == "stale"


def test_a_clock_that_jumps_forward_is_nobodys_silence(scenario: Scenario) -> None:
    """Nor is the night in which a machine slept. Who is silent after it is found."""
    jumps, hour = Jumps(), 3_600
    scenario.beats("closed", interval_s=10)
    listen(scenario.at(5))
    assert not jumps.seen(scenario.at(5), 100.0)
    assert not jumps.seen(scenario.at(19), 105.0), "a busy machine, and a time service that sets it right"
    assert jumps.seen(scenario.at(hour), 110.0), "an hour in five seconds: nobody is judged now"
    listen(scenario.at(hour + 4))
    assert not jumps.seen(scenario.at(hour + 5), 115.0)
    assert (silencing.sweep(scenario.at(hour + 5)), scenario.card().state) == (0, "closed")
    for second in range(9, 94, 5):
        listen(scenario.at(hour + second))
    assert (silencing.sweep(scenario.at(hour + 90)), scenario.card().state) == (1, "stale")


def test_set_back_or_slow_it_has_not_jumped_forward(scenario: Scenario) -> None:
    jumps = Jumps()
    assert not jumps.seen(scenario.at(3_600), 0.0)
    assert not jumps.seen(scenario.at(0), 5.0)
    assert not jumps.seen(scenario.at(5), 10.0)
    assert not jumps.seen(scenario.at(5), 3_000.0)
