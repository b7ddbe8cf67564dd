"""Alertmanager: labels that stay, an end that moves, and the repetition that keeps an alert alive there."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from alerts import addressing, refreshing
from alerts.models import Destination, Notification
from breakers.access import Actor
from tests.alerts import receiver as behaviours
from tests.alerts.conftest import DAY, Scenario
from tests.alerts.receiver import Receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture
def manager(hook: Receiver, settings: Settings, ada: Actor) -> Receiver:
    """A receiver that stands for an Alertmanager."""
    settings.ALERT_URLS = ()
    settings.ALLOW_PRIVATE_TARGETS = True
    settings.SITE_URL = "https://board.example.org"
    url = f"http://127.0.0.1:{hook.port}/am/"
    addressing.add(ada, "am", "alertmanager", {"url": url, "secret": "t0ken"}, at=DAY)
    return hook


def told(manager: Receiver) -> list[Any]:
    """The last request's alerts."""
    alerts: list[Any] = json.loads(manager.requests[-1].body)
    return alerts


def ends(alert: Any) -> datetime:
    """When Alertmanager takes it as over."""
    return datetime.fromisoformat(alert["endsAt"])


def refresh(scenario: Scenario) -> None:
    """What the sweep would start."""
    for pk in refreshing.due(scenario.now):
        refreshing.refresh(pk, scenario.now)


def test_firing_and_resolved(scenario: Scenario, manager: Receiver, settings: Settings) -> None:
    settings.ENVIRONMENT = "production"
    scenario.at("10:00").then("open")
    scenario.delivers()
    pk = scenario.alert().pk
    request = manager.requests[0]
    assert (request.path, request.headers["authorization"]) == ("/am/api/v2/alerts", "Bearer t0ken")
    assert told(manager) == [
        {
            "labels": {
                "alertname": "breaker_opened",
                "service": "orders",
                "breaker": "delivery-tracking",
                "dependency": "tracking-api",
                "breakerboard_alert": f"bb-{pk}",
                "env": "production",
            },
            "annotations": {
                "summary": "delivery-tracking opened in orders (3 of 10 instances)",
                "severity": "critical",
            },
            "startsAt": "2026-11-23T10:00:00Z",
            "endsAt": "2026-11-23T10:04:00Z",
            "generatorURL": f"https://board.example.org/alerts/{pk}",
        }
    ]
    labels = told(manager)[0]["labels"]
    scenario.at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    scenario.delivers()
    assert told(manager)[0]["labels"] == labels, "with other labels it were another alert"
    assert told(manager)[0]["endsAt"] == "2026-11-23T10:06:00Z"


def test_a_late_try_does_not_begin_in_the_past(scenario: Scenario, manager: Receiver) -> None:
    manager.script = [behaviours.answers(503)]
    scenario.at("10:00").then("open")
    scenario.delivers()
    scenario.at("10:20")
    scenario.delivers()
    assert ends(told(manager)[0]) == scenario.now + timedelta(minutes=4)


def test_live_ones_are_told_again_each_minute(scenario: Scenario, manager: Receiver) -> None:
    for name in ("a", "b"):
        scenario.at("10:00").then("open", f"orders/{name}")
    scenario.delivers()
    refresh(scenario)
    assert len(manager.requests) == 3
    refresh(scenario)
    assert len(manager.requests) == 3, "once a minute"
    scenario.at("10:01")
    refresh(scenario)
    assert [(each["labels"]["breaker"], ends(each)) for each in told(manager)] == [
        ("a", scenario.now + timedelta(minutes=4)),
        ("b", scenario.now + timedelta(minutes=4)),
    ]
    # Twice at once, from two workers, is once.
    [pk] = refreshing.due(scenario.now + timedelta(minutes=1))
    scenario.at("10:02")
    refreshing.refresh(pk, scenario.now)
    refreshing.refresh(pk, scenario.now)
    assert len(manager.requests) == 5


def test_resolved_is_told_for_a_quarter_of_an_hour(scenario: Scenario, manager: Receiver) -> None:
    scenario.at("10:00").then("open")
    scenario.delivers()
    scenario.at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    scenario.delivers()
    for text, count in (("10:07", 1), ("10:20", 1), ("10:21", 0)):
        scenario.at(text)
        refresh(scenario)
        assert len(told(manager) if count else manager.requests[-1:] and []) == count
    assert len(manager.requests) == 4
    assert {each["endsAt"] for each in told(manager)} == {"2026-11-23T10:06:00Z"}


def test_what_it_was_not_told_is_not_repeated(scenario: Scenario, manager: Receiver) -> None:
    """An alert from before it was set up, or one that never got through, is not its business."""
    manager.then = behaviours.answers(400)
    scenario.at("10:00").then("open")
    scenario.delivers()
    assert Notification.objects.get().state == "dead"
    scenario.at("10:01")
    refresh(scenario)
    assert len(manager.requests) == 1


def test_a_manager_that_fails_is_left_in_peace(scenario: Scenario, manager: Receiver) -> None:
    scenario.at("10:00").then("open")
    scenario.delivers()
    manager.then = behaviours.answers(500)
    for minute in range(1, 9):
        scenario.at(f"10:{minute:02}")
        refresh(scenario)
    destination = Destination.objects.get()
    assert destination.failures >= 5
    assert destination.open_until is not None
    before = len(manager.requests)
    scenario.now = destination.open_until - timedelta(seconds=1)
    refresh(scenario)
    assert len(manager.requests) == before
    manager.then = behaviours.answers(200)
    scenario.now = destination.open_until + timedelta(seconds=60)
    refresh(scenario)
    assert Destination.objects.get().open_until is None
