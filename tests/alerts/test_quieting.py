"""Marks of maintenance and chaos page nobody; what still holds at their end is told then, once."""

from datetime import datetime
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from alerts.models import Alert, Notification
from breakers import annotating
from breakers.access import Actor
from breakers.annotating import Mark
from tests.alerts.conftest import Scenario, clock

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture(autouse=True)
def _destinations(settings: Settings) -> None:
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)


def marked(actor: Actor, kind: str, until: datetime | None, **names: Any) -> None:
    """A mark from ten o'clock on."""
    annotating.annotate(actor, Mark(kind, "the move", clock("10:00"), until, **names), at=clock("10:00"))


def reasons() -> list[str]:
    return [f"{row.created_at:%H:%M} {row.reason or row.state}" for row in Notification.objects.order_by("pk")]


@pytest.mark.parametrize("kind", ["maintenance", "chaos"])
def test_told_when_it_ends_once(scenario: Scenario, grace: Actor, kind: str) -> None:
    marked(grace, kind, clock("10:30"), service="orders")
    scenario.at("10:05").then("open")
    scenario.then("open", "billing/invoices")
    quiet = f"10:05 not sent: marked as {kind} until 10:30 by grace: the move"
    assert reasons() == [quiet, "10:05 due"], "of another service it is told"
    assert [row.status for row in Alert.objects.all()] == ["firing", "firing"]
    for minute in ("10:20", "10:29", "10:30", "10:31"):
        scenario.tried().at(minute).sweeps()
    assert reasons() == [quiet, "10:05 due", "10:30 due"]


@pytest.mark.parametrize(
    ("kind", "until", "names"),
    [
        ("deploy", clock("10:30"), {"service": "orders"}),
        ("chaos", None, {"service": "orders"}),
        ("chaos", clock("10:04"), {"service": "orders"}),
        ("maintenance", clock("10:30"), {}),
        ("maintenance", clock("10:30"), {"service": "orders", "dependency": "other"}),
        ("maintenance", clock("10:30"), {"service": "orders*"}),
    ],
)
def test_what_quiets_nobody(
    scenario: Scenario, grace: Actor, kind: str, until: datetime | None, names: dict[str, str]
) -> None:
    marked(grace, kind, until, **names)
    scenario.at("10:05").then("open")
    assert reasons() == ["10:05 due"]
