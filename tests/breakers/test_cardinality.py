"""A bug that makes a breaker for each order must not drown the board: refused with a sentence, written down, known ones go on."""

from datetime import timedelta
from typing import Any

import pytest

from breakers.domain.limits import DEFAULTS, changed
from breakers.models import Breaker, Event, ReachedLimit, Service
from breakers.signals import ReachedLimit as Fact
from breakers.signals import limit_reached
from tests.breakers.conftest import Scenario

pytestmark = pytest.mark.storage


def failure(breaker: str, instance: str = "a") -> dict[str, Any]:
    return {"type": "failure", "breaker": breaker, "instance": instance}


def limited(scenario: Scenario, **limits: int) -> Service:
    service = scenario.service()
    service.limits = limits
    service.save()
    return service


def reached() -> list[tuple[str, str, int]]:
    return [(row.service.name, row.what, row.times) for row in ReachedLimit.objects.order_by("id")]


def test_one_breaker_too_many_is_refused_with_a_sentence_and_known_ones_go_on(scenario: Scenario) -> None:
    limited(scenario, breakers=2)
    answer = scenario.posts(failure("a"), failure("b"), failure("order-17"), failure("order-18"), failure("a"))
    assert (answer.accepted, [(each.index, each.code, each.detail) for each in answer.rejected]) == (
        3,
        [
            (2, "too_many_breakers", "'order-17' would be one breaker too many: the service may have 2"),
            (3, "too_many_breakers", "'order-18' would be one breaker too many: the service may have 2"),
        ],
    )
    assert scenario.posts(failure("b")).accepted == 1
    assert [b.name for b in Breaker.objects.order_by("name")] == ["a", "b"]
    assert Event.objects.count() == 4
    assert reached() == [("checkout", "breakers", 2)]


def test_another_service_has_limits_of_its_own(scenario: Scenario) -> None:
    limited(scenario, breakers=1)
    assert scenario.posts(failure("a"), failure("b")).accepted == 1
    assert scenario.posts(failure("a"), failure("b"), service="orders").accepted == 2


def test_one_instance_too_many(scenario: Scenario) -> None:
    limited(scenario, instances=2)
    answer = scenario.posts(failure("a", "1"), failure("a", "2"), failure("a", "3"), failure("b", "3"))
    assert [each.detail for each in answer.rejected] == [
        "'3' would be one instance too many: a breaker of this service may have 2"
    ]
    assert (answer.accepted, reached()) == (3, [("checkout", "instances", 1)])


def test_instances_that_left_make_room(scenario: Scenario) -> None:
    limited(scenario, instances=2)
    scenario.posts(failure("a", "1"), failure("a", "2"))
    assert scenario.posts(failure("a", "3")).accepted == 0
    scenario.posts({"type": "stopped", "breaker": "a", "instance": "1"})
    assert scenario.posts(failure("a", "3")).accepted == 1


def test_what_was_reached_is_told_since_when_and_how_often(
    scenario: Scenario, django_capture_on_commit_callbacks: Any
) -> None:
    limited(scenario, breakers=1)
    facts: list[Fact] = []

    def hear(reached: Fact, **_: Any) -> None:
        facts.append(reached)

    limit_reached.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            began = scenario.at(0)
            scenario.posts(failure("a"))
        assert facts == []
        with django_capture_on_commit_callbacks(execute=True):
            scenario.posts(failure("b"), failure("c"))
            scenario.at(200)
            scenario.posts(failure("d"))
    finally:
        limit_reached.disconnect(hear)
    row = ReachedLimit.objects.get()
    assert [(fact.service_id, fact.what, fact.times) for fact in facts] == [
        (row.service_id, "breakers", n) for n in (2, 1)
    ]
    assert (row.since, row.last_at, row.times) == (began, began + timedelta(seconds=200), 3)
    assert row.detail == "'d' would be one breaker too many: the service may have 1"
    again = scenario.at(200 + 301)
    scenario.posts(failure("e"))
    row.refresh_from_db()
    assert (row.since, row.last_at, row.times) == (again, again, 1)


def test_limits_that_can_be_set() -> None:
    assert changed({}, {"breakers": 5, "events_per_s": 10}) == ({"breakers": 5, "events_per_s": 10}, [])
    assert changed({"breakers": 5}, {"breakers": None}) == ({}, [])
    assert changed({"breakers": 5}, {"breakers": DEFAULTS.breakers}) == ({}, [])
    assert changed({}, {"breakers": 0, "depth": True, "x": 1})[1] == [
        ("breakers", "'breakers' is 0; expected a whole number from 1 to 100,000"),
        ("depth", "'depth' is True; expected a whole number from 3 to 32"),
        ("x", "there is no limit 'x'; expected one of requests_per_s, requests_burst, events_per_s, events_burst, "
              "bytes_per_s, bytes_burst, breakers, instances, text_bytes, depth"),
    ]  # fmt: skip
