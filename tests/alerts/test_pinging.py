"""The watcher outside hears from us while the alert road works, and only then."""

import pytest
from pytest_django.fixtures import Settings

from alerts import evaluating, pinging
from alerts.models import Destination
from tests.alerts import receiver as behaviours
from tests.alerts.conftest import Scenario
from tests.alerts.receiver import Receiver, receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


def test_while_all_is_well(scenario: Scenario, hook: Receiver, settings: Settings) -> None:
    with receiver() as watcher:
        settings.WATCHER_URL = watcher.url
        scenario.at("10:00").then("open")
        scenario.delivers()
        pinging.ping(scenario.now)
        assert [(each.path, each.body) for each in watcher.requests] == [("/hook/s3cret-token", b"")]
        settings.WATCHER_URL = ""
        pinging.ping(scenario.now)
        assert len(watcher.requests) == 1


def test_not_when_we_are_late(scenario: Scenario, hook: Receiver, settings: Settings) -> None:
    with receiver() as watcher:
        settings.WATCHER_URL = watcher.url
        scenario.at("10:00").goes("open")
        pinging.ping(scenario.at("10:00:30").now)
        assert len(watcher.requests) == 1
        pinging.ping(scenario.at("10:00:31").now)
        assert len(watcher.requests) == 1
        assert pinging.lateness(scenario.now) == "a transition of 10:00:00 UTC is not evaluated yet"
        evaluating.evaluate(scenario.now)
        pinging.ping(scenario.at("10:01:31").now)
        assert len(watcher.requests) == 2
        assert pinging.lateness(scenario.at("10:01:32").now) == "a message due at 10:00:31 UTC was not tried yet"
        pinging.ping(scenario.now)
        assert len(watcher.requests) == 2
        scenario.delivers()
        pinging.ping(scenario.now)
        assert len(watcher.requests) == 3


def test_a_destination_that_fails_is_no_reason(scenario: Scenario, hook: Receiver, settings: Settings) -> None:
    hook.then = behaviours.answers(500)
    for number in range(6):
        scenario.at("10:00").then("open", f"orders/breaker-{number}")
    scenario.delivers()
    assert Destination.objects.get().open_until is not None
    assert pinging.lateness(scenario.at("10:00:29").now) is None


@pytest.mark.parametrize("behaviour", [behaviours.answers(500), behaviours.closes], ids=["refuses", "hangs up"])
def test_a_watcher_that_fails_harms_nothing_and_stands_in_the_log_without_its_address(
    scenario: Scenario,
    settings: Settings,
    behaviour: behaviours.Behaviour,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiver() as watcher:
        watcher.then = behaviour
        settings.WATCHER_URL = watcher.url
        pinging.ping(scenario.now)
    assert "the watcher outside" in caplog.text
    assert "s3cret" not in caplog.text
