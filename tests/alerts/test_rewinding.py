"""The clock is set back by an hour: nothing waits an hour longer for it, and nobody is told of it."""

from datetime import timedelta

import pytest

from alerts import notifying, rewinding
from alerts.models import Attempt, DeliveryFault, Destination, Notification
from tests.alerts import receiver as behaviours
from tests.alerts.conftest import Scenario, clock
from tests.alerts.receiver import Receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


def set_back(scenario: Scenario) -> None:
    """It was just after eleven, and is just after ten; the sweep comes by."""
    assert clock("11:00") <= scenario.now < clock("11:01")
    scenario.sweeps()
    scenario.now -= timedelta(hours=1)
    scenario.sweeps()


def test_the_next_try_of_a_message(scenario: Scenario, hook: Receiver) -> None:
    hook.script = [behaviours.answers(503, headers="Retry-After: 20\r\n")]
    scenario.at("11:00").then("open")
    assert scenario.delivers() == 1
    set_back(scenario)
    scenario.at("10:00:19")
    assert scenario.delivers() == 0, "the receiver still has the time that it asked for"
    scenario.at("10:00:20")
    assert scenario.delivers() == 1
    assert scenario.notifications() == ["11:00:00 opened sent"]
    first, second = hook.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_the_lease_of_a_worker_that_was_lost(scenario: Scenario, hook: Receiver) -> None:
    scenario.at("11:00").then("open")
    assert notifying.claim_one(Notification.objects.get().pk, scenario.now) is not None
    set_back(scenario)
    scenario.at("10:01")
    assert scenario.delivers() == 0, "it may yet send it"
    scenario.at("10:01:01")
    assert scenario.delivers() == 1
    assert [row.outcome for row in Attempt.objects.order_by("number")] == ["lost", "accepted"]


def test_a_lease_by_the_clock_as_it_is_now(scenario: Scenario, hook: Receiver) -> None:
    """Its worker claimed it between the setting and the sweep that noticed: it is not taken from it."""
    scenario.at("11:00").then("open")
    scenario.sweeps()
    scenario.at("10:00")
    Notification.objects.update(due_at=scenario.now)
    claim = notifying.claim_one(Notification.objects.get().pk, scenario.now)
    assert claim is not None
    scenario.at("10:00:02").sweeps()
    assert scenario.delivers() == 0
    assert notifying.finish(claim, notifying.attempt(claim), scenario.now)
    assert scenario.notifications() == ["11:00:00 opened sent"]


def test_a_destination_that_was_left_in_peace(scenario: Scenario, hook: Receiver) -> None:
    hook.then = behaviours.answers(500)
    for number in range(5):
        scenario.at("11:00").then("open", f"orders/breaker-{number}")
    scenario.delivers()
    assert Destination.objects.get().open_until == clock("11:00:30")
    hook.then = behaviours.answers(200)
    set_back(scenario)
    assert Destination.objects.get().open_until == clock("10:00:30")
    scenario.at("10:05")
    scenario.delivers()
    assert set(Notification.objects.values_list("state", flat=True)) == {"sent"}


def test_for_how_long_a_destination_has_failed(scenario: Scenario, hook: Receiver) -> None:
    """Its fallback stands in two minutes after it began, not an hour later."""
    scenario.at("11:00").then("open")
    DeliveryFault.objects.create(
        destination=Destination.objects.get(), kind=DeliveryFault.Kind.FAILING, began_at=scenario.now, detail="it hangs"
    )
    set_back(scenario)
    assert DeliveryFault.objects.get().began_at == clock("10:00")


def test_the_end_of_a_hold(scenario: Scenario, hook: Receiver) -> None:
    scenario.at("10:59").then("open")
    scenario.delivers()
    scenario.at("11:00").then("closed")
    assert scenario.alert().status == "recovering"
    set_back(scenario)
    scenario.at("10:00:59").sweeps()
    assert scenario.alert().status == "recovering"
    scenario.at("10:01:00").sweeps()
    scenario.delivers()
    assert scenario.alert().status == "resolved"
    assert scenario.notifications() == ["10:59:00 opened sent", "10:01:00 resolved sent"]


def test_a_clock_that_is_set_right_by_a_little_moves_nothing(scenario: Scenario, hook: Receiver) -> None:
    hook.script = [behaviours.answers(503, headers="Retry-After: 20\r\n")]
    scenario.at("11:00").then("open")
    scenario.delivers()
    due_at = Notification.objects.get().due_at
    scenario.sweeps()
    scenario.at("10:59:55").sweeps()
    assert Notification.objects.get().due_at == due_at
    scenario.at("10:59:49").sweeps()
    assert Notification.objects.get().due_at == due_at - timedelta(seconds=6)


def test_it_is_moved_once(scenario: Scenario, hook: Receiver) -> None:
    scenario.at("11:00").sweeps()
    assert rewinding.notice(clock("10:00")) == timedelta(hours=1)
    assert rewinding.notice(clock("10:00")) is None
    assert rewinding.notice(clock("10:00:05")) is None


def test_set_forward_a_message_is_only_earlier(scenario: Scenario, hook: Receiver) -> None:
    """As after an hour in which no worker ran: each is sent, in its order, and once."""
    hook.script = [behaviours.answers(503, headers="Retry-After: 20\r\n")]
    scenario.at("10:00").then("open")
    scenario.delivers()
    scenario.sweeps()
    scenario.at("11:00").sweeps()
    scenario.delivers()
    scenario.then("closed")
    scenario.at("11:01").sweeps()
    scenario.delivers()
    assert scenario.notifications() == ["10:00:00 opened sent", "11:01:00 resolved sent"]
    assert len(hook.requests) == 3
