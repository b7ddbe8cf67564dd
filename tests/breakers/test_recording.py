"""What is posted, and what the board then knows."""

import itertools
import random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakers import queries
from breakers.domain.reports import key_of
from breakers.models import Breaker, Event, Outage, Transition
from tests.breakers.conftest import MORNING, Scenario

pytestmark = pytest.mark.storage


def test_a_trip_is_stored_and_shown(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.moves("open", from_state="closed", reason="5 failures in 10 s")
    card = scenario.card()
    assert (card.state, card.reported_state, card.instances, card.since) == (
        "open",
        "open",
        {"open": 1},
        "2026-11-23T08:00:00.000Z",
    )
    assert scenario.headline() == ["08:00:00 unknown → closed", "08:00:00 closed → open"]
    assert Outage.objects.get().reason == {"text": "5 failures in 10 s"}


def test_a_full_cycle_is_one_outage(scenario: Scenario) -> None:
    for clock, state in (
        ("08:00", "closed"),
        ("08:01", "open"),
        ("08:02", "half_open"),
        ("08:03", "open"),
        ("08:04", "half_open"),
        ("08:05", "closed"),
    ):
        scenario.at(clock)
        scenario.moves(state)
    outage = Outage.objects.get()
    assert (f"{outage.started_at:%H:%M}", f"{outage.ended_at:%H:%M}", outage.failed_probes) == ("08:01", "08:05", 1)
    assert scenario.headline()[1:] == [
        "08:01:00 closed → open",
        "08:02:00 open → half_open",
        "08:03:00 half_open → open",
        "08:04:00 open → half_open",
        "08:05:00 half_open → closed",
    ]


def test_the_same_id_twice_is_a_duplicate(scenario: Scenario) -> None:
    event = {"type": "failure", "breaker": "payments", "id": "one", "count": 3}
    assert scenario.posts(event).accepted == 1
    again = scenario.posts(event, {**event, "id": "two"})
    assert (again.accepted, again.duplicates) == (1, 1)
    assert sorted(Event.objects.values_list("count", flat=True)) == [3, 3]
    assert scenario.card().failures_1m == 6


def test_the_same_id_in_one_body_counts_once(scenario: Scenario) -> None:
    event = {"type": "failure", "breaker": "payments", "id": "one"}
    answer = scenario.posts(event, event)
    assert (answer.accepted, answer.duplicates, Event.objects.count()) == (1, 1, 1)


def test_an_older_event_changes_history_and_not_the_present(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.moves("closed")
    scenario.at("08:10")
    scenario.moves("half_open")
    scenario.at("08:11")
    scenario.moves("open", occurred_at="2026-11-23T08:05:00Z")
    assert scenario.card().state == "half_open"
    assert scenario.headline()[1:] == ["08:05:00 closed → open", "08:10:00 open → half_open"]
    shown = queries.timeline(scenario.card().id, MORNING, scenario.now, scenario.now)
    assert [span.state for span in shown.spans] == ["closed", "open", "half_open"]


def test_an_outage_told_late_is_drawn(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.moves("closed")
    scenario.at("08:20")
    scenario.beats("closed")
    scenario.moves("open", occurred_at="2026-11-23T08:05:00Z")
    scenario.moves("closed", occurred_at="2026-11-23T08:06:00Z")
    assert scenario.card().state == "closed"
    [outage] = queries.outages(scenario.card().id, MORNING, scenario.now)
    assert (outage["started_at"], outage["ended_at"]) == ("2026-11-23T08:05:00.000Z", "2026-11-23T08:06:00.000Z")


def test_a_step_that_does_not_follow_is_a_gap(scenario: Scenario) -> None:
    for clock, state in (("08:00", "open"), ("08:01", "closed")):
        scenario.at(clock)
        scenario.moves(state)
    copies = Transition.objects.exclude(instance_name=None).order_by("at")
    assert [(row.to_state, row.gap) for row in copies] == [("open", False), ("closed", True)]


@pytest.mark.parametrize(
    ("rule", "states", "expected"),
    [
        ("any", ["closed", "closed", "open"], "open"),
        ("majority", ["closed", "closed", "open"], "closed"),
        ("majority", ["closed", "open", "half_open"], "half_open"),
        ("all", ["closed", "open", "open"], "closed"),
        ("all", ["open", "open", "open"], "open"),
    ],
)
def test_the_headline_over_instances(scenario: Scenario, rule: str, states: list[str], expected: str) -> None:
    scenario.beats("closed", instance="i0")
    breaker = scenario.breaker()
    breaker.headline = rule
    breaker.save()
    for index, state in enumerate(states):
        scenario.beats(state, instance=f"i{index}")
    assert scenario.card().state == expected


def test_outcomes_are_counted(scenario: Scenario) -> None:
    scenario.posts(
        {"type": "success", "breaker": "payments", "count": 90, "duration_ms": 12},
        {"type": "failure", "breaker": "payments", "count": 6, "error": {"type": "ConnectError", "message": "refused"}},
        {"type": "timeout", "breaker": "payments", "count": 4},
        {"type": "rejected", "breaker": "payments", "count": 7},
        {"type": "slow", "breaker": "payments", "count": 2},
    )
    card = scenario.card()
    assert (card.calls_1m, card.failures_1m, card.rejected_1m, card.failure_rate_1m, card.last_error_type) == (
        100,
        10,
        7,
        10.0,
        "ConnectError",
    )
    end = scenario.at(60)
    shown = queries.timeline(card.id, MORNING, end, end, points=10)
    assert [
        sum(int(str(bucket[name])) for bucket in shown.buckets)
        for name in ("success", "failure", "timeout", "rejected", "slow")
    ] == [90, 6, 4, 7, 2]


def test_an_unknown_state_is_refused_with_its_value(scenario: Scenario) -> None:
    answer = scenario.moves("opne")
    assert answer.accepted == 0
    assert answer.rejected[0].detail.startswith("'to_state': unknown state 'opne'; expected one of open, forced_open")


def test_stopped_leaves_and_a_heartbeat_comes_back(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.beats("closed", instance="a")
    scenario.beats("open", instance="b")
    scenario.at("08:01")
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "b"})
    assert (scenario.card().state, scenario.card().instances) == ("closed", {"closed": 1})
    scenario.at("08:02")
    scenario.beats("open", instance="b")
    assert (scenario.card().state, scenario.card().instances) == ("open", {"open": 1, "closed": 1})


def test_a_breaker_without_live_instances_is_unknown(scenario: Scenario) -> None:
    scenario.beats("closed")
    scenario.at(10)
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a"})
    assert (scenario.card().state, scenario.card().instances) == ("unknown", {})


def test_an_idempotency_key_with_another_body_is_a_conflict(scenario: Scenario) -> None:
    event = {"type": "failure", "breaker": "payments"}
    key = key_of("first")
    assert not scenario.posts(event, request_key=key, body_digest=b"1" * 16).conflict
    assert not scenario.posts(event, request_key=key, body_digest=b"1" * 16).conflict
    other = scenario.posts(event, request_key=key, body_digest=b"2" * 16)
    assert (other.conflict, other.accepted) == (True, 0)


# The examples of one run share a database: each has breakers of its own.
EXAMPLES = itertools.count()
STATES = st.sampled_from(["closed", "open", "half_open", "forced_open", "disabled"])
HAPPENINGS = st.lists(
    st.tuples(
        st.integers(0, 60),  # seconds
        st.sampled_from(["a", "b", "c"]),
        st.one_of(
            st.tuples(st.just("state_change"), STATES),
            st.tuples(st.just("heartbeat"), STATES),
            st.tuples(st.just("stopped"), st.none()),
            st.tuples(st.just("failure"), st.none()),
        ),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=HAPPENINGS, seed=st.integers(0, 2**32))
def test_any_order_and_repetition_ends_in_the_same_state(scenario: Scenario, happenings: list, seed: int) -> None:
    events = []
    for number, (second, instance, (kind, state)) in enumerate(happenings):
        event = {
            "type": kind,
            "instance": instance,
            "id": f"{seed}-{number}",
            "sequence": number,
            "occurred_at": f"2026-11-23T08:{second // 60:02}:{second % 60:02}Z",
        }
        if kind == "state_change":
            event["to_state"] = state
        elif kind == "heartbeat":
            event["state"] = state
        events.append(event)
    scenario.at("08:30")
    shuffled = [*events, *random.Random(seed).choices(events, k=4)]
    random.Random(seed).shuffle(shuffled)
    example = next(EXAMPLES)
    names = (f"in order {example}", f"shuffled {example}")
    for name, told in zip(names, (events, shuffled), strict=True):
        for event in told:
            scenario.posts({**event, "breaker": name, "id": name + event["id"]})
    first, second = (scenario.breaker(name) for name in names)

    def shown(breaker) -> list:
        return [(copy.name, copy.state, copy.reported_state, copy.left_at) for copy in breaker.copies.order_by("name")]

    assert shown(first) == shown(second)
    assert (first.state, first.instances) == (second.state, second.instances)


def test_an_id_that_a_lost_transaction_gave_out_leads_nobody_astray(scenario: Scenario) -> None:
    scenario.moves("closed", breaker="first")
    with transaction.atomic():
        scenario.moves("open", breaker="lost", instance="x")
        transaction.set_rollback(True)
    scenario.moves("closed", breaker="second", instance="y")
    scenario.moves("open", breaker="lost", instance="x")
    assert [(b.name, b.state, [c.name for c in b.copies.all()]) for b in Breaker.objects.order_by("name")] == [
        ("first", "closed", ["a"]),
        ("lost", "open", ["x"]),
        ("second", "closed", ["y"]),
    ]
