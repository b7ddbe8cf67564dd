"""Our own breakers on our own wall, and the facts that an alert can be raised from."""

from datetime import timedelta

import pytest
from django.dispatch import receiver as hears

from alerts import addressing, evaluating, faulting, notifying
from alerts.models import Alert, DeliveryFault, Destination, Notification
from alerts.signals import delivery_faults_changed
from breakers.access import Actor
from breakers.models import Breaker, Event, Service, Transition
from tests.alerts import receiver as behaviours
from tests.alerts.conftest import Scenario
from tests.alerts.receiver import Receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


def ours() -> Breaker:
    """The one breaker of ours."""
    return Breaker.objects.get(service__name="breakerboard")


def fails_five_times(scenario: Scenario, hook: Receiver) -> None:
    """Five alerts that the receiver does not take."""
    hook.then = behaviours.answers(500)
    for number in range(5):
        scenario.at("10:00").then("open", f"orders/breaker-{number}")
    scenario.delivers()


def test_a_board_whose_destinations_answer_shows_nothing_of_itself(scenario: Scenario, hook: Receiver) -> None:
    hook.script = [behaviours.answers(500)] * 4
    for number in range(5):
        scenario.at("10:00").then("open", f"orders/breaker-{number}")
    scenario.delivers()
    assert len(hook.requests) == 5
    assert not Service.objects.filter(name="breakerboard").exists()


def test_a_destination_that_fails_is_a_breaker_that_opens(scenario: Scenario, hook: Receiver) -> None:
    fails_five_times(scenario, hook)
    breaker = ours()
    assert (breaker.name, breaker.dependency, breaker.state) == (f"http://127.0.0.1:{hook.port}",) * 2 + ("open",)
    why = Transition.objects.get(breaker=breaker, instance_name=None).reason
    assert why["threshold"] == 5
    assert Event.objects.get(breaker_id=breaker.pk, type="failure").error_message == "answered 500"
    # It was tried again, and did not hold; then it did.
    scenario.now = Destination.objects.get().open_until or scenario.now
    scenario.delivers()
    hook.then = behaviours.answers(200)
    scenario.now = Destination.objects.get().open_until or scenario.now
    scenario.delivers()
    steps = Transition.objects.filter(breaker=breaker, instance_name=None).order_by("pk")
    assert list(steps.values_list("to_state", flat=True)) == ["open", "half_open", "open", "half_open", "closed"]
    assert ours().state == "closed"


def test_it_alerts_like_any_other(scenario: Scenario, hook: Receiver, ada: Actor) -> None:
    addressing.add(ada, "other", "webhook", {"url": "https://192.0.32.7/"}, at=scenario.now)
    addressing.change(ada, str(Destination.objects.get(name="other").pk), enabled=False, at=scenario.now)
    fails_five_times(scenario, hook)
    addressing.change(ada, str(Destination.objects.get(name="other").pk), enabled=True, at=scenario.now)
    evaluating.evaluate(scenario.now)
    told = Notification.objects.filter(alert__service="breakerboard").values_list("destination__name", flat=True)
    assert list(told) == ["other"], "another one tells of it, never itself"
    alert = Alert.objects.get(service="breakerboard")
    assert alert.summary == f"http://127.0.0.1:{hook.port} opened in breakerboard (1 of 1 instances)"


def test_facts_of_a_failing_destination(scenario: Scenario, hook: Receiver) -> None:
    heard: list[list[tuple[str, bool]]] = []

    @hears(delivery_faults_changed)
    def hear(ids: frozenset[int], **_: object) -> None:
        rows = DeliveryFault.objects.filter(pk__in=ids).order_by("pk")
        heard.append([(row.kind, row.ended_at is None) for row in rows])

    fails_five_times(scenario, hook)
    assert [(fault.kind, fault.detail) for fault in faulting.live()] == [("failing", "answered 500")]
    Notification.objects.filter(pk=Notification.objects.earliest("pk").pk).update(give_up_at=scenario.now)
    hook.script = [behaviours.answers(500)]
    scenario.now += timedelta(seconds=30)
    first = Notification.objects.earliest("pk")
    claim = notifying.claim_one(first.pk, scenario.now)
    assert claim is not None
    notifying.finish(claim, notifying.attempt(claim), scenario.now)
    assert [fault.kind for fault in faulting.live()] == ["failing", "dead_letter"]
    hook.then = behaviours.answers(200)
    scenario.now += timedelta(minutes=20)
    scenario.delivers()
    assert faulting.live() == []
    assert heard == [
        [("failing", True)],
        [("dead_letter", True)],
        [("failing", False), ("dead_letter", False)],
    ]


def test_who_asks_to_be_left_in_peace_is(scenario: Scenario, hook: Receiver) -> None:
    """429 with Retry-After holds up the destination, not the one message alone; for five minutes at most."""
    hook.script = [behaviours.answers(429, headers="Retry-After: 120\r\n")]
    for name in ("a", "b"):
        scenario.at("10:00").then("open", f"orders/{name}")
    scenario.delivers()
    assert len(hook.requests) == 1
    scenario.at("10:01:59")
    assert scenario.delivers() == 0
    scenario.at("10:02")
    scenario.delivers()
    assert len(hook.requests) == 3
    hook.script = [behaviours.answers(503, headers="Retry-After: 99999\r\n")]
    for name in ("c", "d"):
        scenario.at("11:00").then("open", f"orders/{name}")
    scenario.delivers()
    assert Destination.objects.get().rests_until == scenario.now + timedelta(minutes=5)
