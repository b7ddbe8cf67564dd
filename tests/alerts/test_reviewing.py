"""The week by team: what it counts, whom it is told, once."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from alerts import leading, reviewing, ruling
from alerts.domain import weeks
from alerts.domain.weeks import Raised, Trip
from alerts.models import Alert, Destination, Notification, Rule
from breakers.access import Actor
from breakers.models import Outage
from tests.alerts.conftest import Scenario, rules
from tests.alerts.receiver import Receiver

storage = [
    pytest.mark.storage,
    pytest.mark.usefixtures("board"),
    # Apprise 2.2 looks for the module that it replaces.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
BEFORE = MONDAY - timedelta(days=7)
MORNING = MONDAY + timedelta(hours=8)


def day(number: int, minutes: float = 0) -> datetime:
    """A moment of the week before."""
    return BEFORE + timedelta(days=number, minutes=minutes)


def test_trips_minutes_recovery_and_the_noisiest() -> None:
    trips = [
        Trip("logistics", "tracking in orders", day(-1), day(0, 30)),  # begun the week before
        Trip("logistics", "tracking in orders", day(1), day(1, 10)),
        Trip("logistics", "quote in checkout", day(2), day(2, 20)),
        Trip("logistics", "quote in checkout", day(7, -5), None),  # lasts
        Trip("payments", "card in checkout", day(3), day(3, 1)),
    ]
    raised = [Raised("logistics", name) for name in ("opened: a", "flapping: b", "opened: a")]
    logistics, payments = weeks.of_teams(trips, [*raised, Raised("payments", "opened: c")], BEFORE, MONDAY)
    assert (logistics.trips, logistics.breakers, logistics.open_minutes) == (3, 2, 65.0)
    assert logistics.recovery_s == (24 * 60 + 30 + 10 + 20) * 60 / 3
    assert logistics.noisiest == (("opened: a", 2), ("flapping: b", 1))
    assert logistics.said == "logistics: 3 trips of 2 breakers, open for 1 h 5 min in all"
    assert payments.said == "payments: 1 trip of 1 breaker, open for 1 min in all"
    assert payments.lines == ("recovered after 1 min on average", "1 alert", "1 × opened: c")
    [since] = weeks.of_teams([Trip("ops", "backup in ops", day(-1), day(0, 30))], [], BEFORE, MONDAY)
    assert since.said == "ops: nothing opened anew, open for 30 min in all since the week before"


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (MORNING - timedelta(seconds=1), None),
        (MORNING, BEFORE),
        (MORNING + timedelta(hours=23), BEFORE),
        (MORNING + timedelta(hours=24), None),
        (MONDAY - timedelta(seconds=1), None),
    ],
)
def test_the_hour(now: datetime, told: datetime | None) -> None:
    assert weeks.told_now(now) == told


class TestTold:
    """With the database, and a person's telephone."""

    pytestmark = storage

    @pytest.fixture(autouse=True)
    def _phone(self, board: None, scenario: Scenario, hook: Receiver, settings: Settings) -> None:
        settings.ALERT_URLS = (f"json://127.0.0.1:{hook.port}/s3cret-token", hook.url)
        rules("opened", "weekly digest")
        for path, team in (("orders/tracking", "logistics"), ("checkout/card", "payments")):
            breaker = scenario.breaker(path, labels={"team": team})
            Outage.objects.create(breaker=breaker, started_at=day(1), ended_at=day(1, 10))

    def test_each_team_once_and_people_alone(self, scenario: Scenario, hook: Receiver) -> None:
        reviewing.tell(MORNING - timedelta(minutes=1))
        assert Notification.objects.count() == 0
        for minutes in (0, 10, 600):
            reviewing.tell(MORNING + timedelta(minutes=minutes))
        rows = Notification.objects.select_related("alert", "destination").order_by("pk")
        assert [(row.kind, row.destination.kind, row.alert.labels["team"]) for row in rows] == [
            ("digest", "apprise", "logistics"),
            ("digest", "apprise", "payments"),
        ]
        scenario.now = MORNING
        scenario.delivers()
        said = [json.loads(request.body) for request in hook.requests]
        assert [each["title"] for each in said] == [
            "The week: logistics: 1 trip of 1 breaker, open for 10 min in all",
            "The week: payments: 1 trip of 1 breaker, open for 10 min in all",
        ]
        assert "recovered after 10 min on average" in said[0]["message"]
        assert "/alerts/week/?from=2026-11-16" in said[0]["message"]

    def test_it_goes_where_the_teams_alerts_go(self, scenario: Scenario, ada: Actor) -> None:
        scenario.at("07:00").then("open")
        phone = Destination.objects.get(kind="apprise")
        given = {"matchers": {"labels": {"team": "payments"}}, "destinations": [str(phone.pk)], "repeat_s": []}
        leading.add(ada, {"name": "payments", **given}, at=scenario.now)
        reviewing.tell(MORNING)
        told = Notification.objects.filter(kind="digest").select_related("alert")
        assert [row.alert.labels for row in told] == [{"team": "payments"}]

    def test_switched_off_it_tells_nothing(self) -> None:
        Rule.objects.filter(kind="weekly digest").update(enabled=False)
        ruling.forget()
        reviewing.tell(MORNING)
        assert Alert.objects.count() == 0
        Rule.objects.filter(kind="weekly digest").update(enabled=True)
        ruling.forget()
        reviewing.tell(MORNING)
        assert Alert.objects.count() == 2

    def test_it_is_no_storm_and_takes_no_members(self, scenario: Scenario, hook: Receiver) -> None:
        reviewing.tell(MORNING)
        scenario.at("08:00").then("open", "orders/stock")
        opened = Notification.objects.get(kind="opened", destination__kind="apprise")
        scenario.delivers()
        opened.refresh_from_db()
        assert (opened.state, opened.digest) == ("sent", None)
