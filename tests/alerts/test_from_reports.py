"""From what services post to alerts: recording and evaluating together."""

from collections.abc import Iterator
from itertools import permutations

import pytest

from alerts import evaluating
from alerts.models import Alert, Notification
from breakers.models import Breaker, Outage, Transition
from tests.breakers.conftest import Scenario as Services

pytestmark = [pytest.mark.storage, pytest.mark.django_db]


@pytest.fixture
def services() -> Iterator[Services]:
    """They post; nothing has happened yet."""
    return Services()


def alerts() -> list[str]:
    """`payments firing`."""
    return [f"{row.breaker_name} {row.status}" for row in Alert.objects.order_by("pk")]


def test_an_opening_of_some_instances(services: Services) -> None:
    services.at("10:00")
    for name in "abc":
        services.beats("closed", instance=name)
    services.moves("open", instance="a")
    evaluating.evaluate(services.now)
    alert = Alert.objects.get()
    assert (alert.status, alert.summary) == ("firing", "payments opened in checkout (1 of 3 instances)")
    services.at("10:01")
    services.moves("closed", instance="a")
    evaluating.evaluate(services.now)
    assert alerts() == ["payments recovering"]
    services.at("10:02")
    evaluating.sweep(services.now)
    assert alerts() == ["payments resolved"]


def test_a_duplicate_is_no_second_alert(services: Services) -> None:
    for clock in ("10:00", "10:00:05"):
        services.at(clock)
        services.moves("open", id="one")
        evaluating.evaluate(services.now)
    assert alerts() == ["payments firing"]


ROAD = [("09:00:01", "open"), ("09:00:11", "half_open"), ("09:00:12", "open"), ("09:00:22", "half_open")]


@pytest.mark.parametrize("last", ["closed", "open", None])
def test_in_any_order_of_telling_the_alert_says_what_is(services: Services, last: str | None) -> None:
    """Whatever came late: after a sweep there is a live alert where there is an outage, and else it recovers."""
    steps = [*ROAD, *([("09:00:30", last)] if last else [])]
    for number, order in enumerate(list(permutations(range(len(steps))))[::7]):
        name = f"breaker-{number}"
        services.at("09:01")
        for place in order[: 1 + number % len(steps)]:
            _tell(services, name, place, steps[place])
        evaluating.sweep(services.now)
        for place in order[1 + number % len(steps) :]:
            _tell(services, name, place, steps[place])
        services.at("09:01:05")
        evaluating.sweep(services.now)
        breaker = Breaker.objects.get(name=name)
        live = Alert.objects.filter(breaker=breaker, resolved_at=None, status="firing").count()
        outages = Outage.objects.filter(breaker=breaker, ended_at=None).count()
        assert (live, outages) == ((0, 0) if last == "closed" else (1, 1)), [steps[place] for place in order]
    assert not Transition.objects.filter(evaluated_at=None, instance_name=None).exists()
    assert not Notification.objects.exists(), "nobody is configured"


def _tell(services: Services, name: str, place: int, step: tuple[str, str]) -> None:
    occurred_at = f"2026-11-23T{step[0]}Z"
    services.moves(step[1], breaker=name, occurred_at=occurred_at, sequence=place)
