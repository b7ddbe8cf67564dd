"""Storms: people get one message that counts, machines get each; nothing is told twice, nothing is dropped without a word."""

import json
import re
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from alerts import queries
from alerts.models import Notification
from tests.alerts.conftest import SECRET, Scenario
from tests.alerts.receiver import Receiver, receiver

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.storage,
    pytest.mark.usefixtures("board"),
    # Apprise 2.2 looks for the module that it replaces.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]


@pytest.fixture
def phone(hook: Receiver, settings: Settings) -> Receiver:
    """A receiver that stands for a person: Apprise's JSON."""
    settings.ALERT_URLS = (f"json://127.0.0.1:{hook.port}/s3cret-token",)
    return hook


def storm(scenario: Scenario, first: int, last: int) -> None:
    """So many breakers open within the second, and what is due is sent."""
    for number in range(first, last):
        scenario.then("open", f"orders/breaker-{number:03}")
    scenario.delivers()


def titles(phone: Receiver) -> list[str]:
    """What the person read."""
    return [json.loads(request.body)["title"] for request in phone.requests]


def test_people_get_ten_and_then_a_digest(scenario: Scenario, phone: Receiver) -> None:
    scenario.at("10:00")
    storm(scenario, 0, 40)
    assert len(titles(phone)) == 10
    scenario.at("10:01")
    scenario.delivers()
    assert len(titles(phone)) == 11
    told = json.loads(phone.requests[-1].body)
    assert told["title"] == "Storm: 30 more alerts in a minute (30 critical), most of them on breaker-010-api"
    lines = told["message"].splitlines()
    assert lines[:2] == [
        "opened: breaker-010 opened in orders (3 of 10 instances)",
        "opened: breaker-011 opened in orders (3 of 10 instances)",
    ]
    assert len([line for line in lines if line.startswith("opened: ")]) == 30
    states = list(Notification.objects.values_list("kind", "state", "reason"))
    assert states.count(("opened", "sent", "")) == 10
    assert states.count(("opened", "dropped", "DIGESTED")) == 30
    assert states.count(("digest", "sent", "")) == 1
    view = queries.alert(str(scenario.alert().pk)).notifications[0]
    assert view.reason == "in a digest: more came in a minute than people can read"


def test_what_was_over_long_ago_is_a_line_of_the_next_digest(scenario: Scenario, phone: Receiver) -> None:
    scenario.at("10:00")
    scenario.goes("open", "orders/early", told="09:10")
    scenario.goes("closed", "orders/early", told="09:11")
    scenario.sweeps()
    scenario.sweeps()
    assert titles(phone) == []
    storm(scenario, 0, 12)
    scenario.at("10:01")
    scenario.delivers()
    told = json.loads(phone.requests[-1].body)
    assert told["title"] == "Storm: 2 more alerts in a minute (2 critical), most of them on breaker-010-api"
    late = "early was open in orders from 09:10:00 to 09:11:00 UTC, reported late"
    assert [line for line in told["message"].splitlines() if "early" in line] == [late]
    storm(scenario, 12, 20)
    scenario.at("10:02:30")
    scenario.delivers()
    assert len([request for request in phone.requests if b"early" in request.body]) == 1


def test_machines_get_each(scenario: Scenario, hook: Receiver) -> None:
    scenario.at("10:00")
    storm(scenario, 0, 40)
    assert len(hook.requests) == 40
    assert {json.loads(request.body)["kind"] for request in hook.requests} == {"opened"}


def test_a_hundred_names_and_the_number_of_the_rest(scenario: Scenario, phone: Receiver) -> None:
    scenario.at("10:00")
    storm(scenario, 0, 115)
    scenario.at("10:01")
    scenario.delivers()
    lines = json.loads(phone.requests[-1].body)["message"].splitlines()
    assert len([line for line in lines if line.startswith("opened: ")]) == 100
    assert re.fullmatch(r"… and 5 more: https?://\S+/alerts/", lines[-1])


def test_who_was_told_by_a_digest_hears_that_it_is_over(scenario: Scenario, phone: Receiver) -> None:
    scenario.at("10:00")
    storm(scenario, 0, 12)
    scenario.at("10:01")
    scenario.delivers()
    # Ten minutes later the storm is over: the resolutions go out one by one.
    scenario.at("10:10")
    for number in (0, 11):
        scenario.then("closed", f"orders/breaker-{number:03}")
    scenario.at("10:11").sweeps()
    scenario.delivers()
    assert sorted(title.partition(" closed")[0] for title in titles(phone)[-2:]) == [
        "Resolved: breaker-000",
        "Resolved: breaker-011",
    ]


def test_single_messages_come_back_after_five_quiet_minutes(scenario: Scenario, phone: Receiver) -> None:
    scenario.at("10:00")
    storm(scenario, 0, 20)
    scenario.at("10:01")
    scenario.delivers()
    scenario.at("10:02")
    storm(scenario, 100, 102)
    scenario.at("10:03")
    scenario.delivers()
    kinds = [(row.kind, row.state) for row in Notification.objects.order_by("-pk")[:3]]
    assert ("opened", "sent") in kinds, "one is one"
    assert ("digest", "sent") in kinds, "the second, so soon after a storm, waits for the next digest"
    scenario.at("10:09")
    storm(scenario, 200, 202)
    assert [title[:15] for title in titles(phone)[-2:]] == ["Firing: breaker", "Firing: breaker"]


def test_a_digest_that_fails_is_tried_again_with_the_same_words(scenario: Scenario, phone: Receiver) -> None:
    from tests.alerts.receiver import answers

    scenario.at("10:00")
    storm(scenario, 0, 12)
    phone.script = [answers(503)]
    scenario.at("10:01")
    scenario.delivers()
    scenario.now += timedelta(minutes=10)
    scenario.delivers()
    assert titles(phone)[-1] == titles(phone)[-2]
    assert titles(phone)[-1].startswith("Storm: 2 more alerts")
    assert Notification.objects.get(kind="digest").attempt == 2


def test_a_storm_at_one_destination_is_no_other_ones(scenario: Scenario, phone: Receiver, settings: Settings) -> None:
    with receiver() as other:
        settings.ALERT_URLS = (*settings.ALERT_URLS, other.url)
        settings.ALERT_WEBHOOK_SECRET = SECRET
        scenario.at("10:00")
        storm(scenario, 0, 15)
        assert (len(phone.requests), len(other.requests)) == (10, 15)
