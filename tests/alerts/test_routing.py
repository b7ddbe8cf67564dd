"""Who hears of an alert, in which hours, who next, and how often again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import addressing, escalating, handling, leading, silencing
from alerts.domain import routes
from alerts.domain.matching import Subject
from alerts.models import Destination, Notification, Reminder, Route
from breakers.access import Actor
from tests.alerts.conftest import DAY, Scenario, clock

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]
OUTSIDE = "https://192.0.32.7/hook"


@pytest.fixture
def to(ada: Actor) -> dict[str, str]:
    """Ids of three destinations, by name."""
    return {
        name: str(addressing.add(ada, name, "webhook", {"url": OUTSIDE}, at=DAY).row.pk)
        for name in ("ops", "lead", "night")
    }


def route(ada: Actor, **given: Any) -> Route:
    """A route of that kind."""
    return leading.add(ada, {"repeat_s": [], **given}, at=DAY)


def told(scenario: Scenario) -> list[str]:
    """Who was owed what, when: `10:05:00 lead escalation`."""
    rows = Notification.objects.select_related("destination").order_by("pk")
    return [f"{row.created_at:%H:%M:%S} {row.destination.name} {row.kind}" for row in rows]


def at(scenario: Scenario, text: str) -> None:
    """The clock stands there, and the sweep comes by."""
    scenario.at(text)
    escalating.sweep(scenario.now)


def test_until_the_first_route_everybody_hears(scenario: Scenario, to: dict[str, str], ada: Actor) -> None:
    scenario.at("10:00").then("open")
    assert sorted(each.split()[1] for each in told(scenario)) == ["lead", "night", "ops"]
    only = route(ada, name="payments", matchers={"service": "pay*"}, destinations=[to["ops"]])
    scenario.at("10:01").then("open", "payments/ledger")
    scenario.at("10:02").then("open", "orders/stock")
    assert told(scenario)[3:] == ["10:01:00 ops opened"]
    leading.change(ada, str(only.pk), {"enabled": False}, at=scenario.now)
    scenario.at("10:03").then("open", "payments/card")
    assert len(told(scenario)) == 4, "a route that is off is still a route: nobody hears of everything again unasked"
    leading.remove(ada, str(only.pk), at=scenario.now)
    scenario.at("10:04").then("open", "payments/bank")
    assert len(told(scenario)) == 7


def test_every_route_that_matches_counts_and_each_hears_once(
    scenario: Scenario, to: dict[str, str], ada: Actor
) -> None:
    route(ada, name="all", destinations=[to["ops"], to["lead"]])
    route(ada, name="logistics", matchers={"labels": {"team": "logistics"}}, destinations=[to["ops"], to["night"]])
    route(ada, name="others", matchers={"labels": {"team": "payments"}}, destinations=[to["night"]])
    scenario.at("10:00").then("open")
    assert told(scenario) == ["10:00:00 ops opened", "10:00:00 lead opened", "10:00:00 night opened"]


def test_a_destination_that_is_off_hears_nothing(scenario: Scenario, to: dict[str, str], ada: Actor) -> None:
    route(ada, name="all", destinations=[to["ops"], to["lead"]])
    addressing.change(ada, to["ops"], enabled=False, at=DAY)
    scenario.at("10:00").then("open")
    assert told(scenario) == ["10:00:00 lead opened"]
    addressing.change(ada, to["ops"], enabled=True, at=DAY)
    scenario.at("10:01").then("open", "orders/stock")
    assert told(scenario)[1:] == ["10:01:00 ops opened", "10:01:00 lead opened"]


def test_escalation_until_somebody_has_it_in_hand(scenario: Scenario, to: dict[str, str], ada: Actor) -> None:
    steps = [{"after_s": 300, "destinations": [to["lead"]]}, {"after_s": 900, "destinations": [to["night"]]}]
    route(ada, name="all", destinations=[to["ops"]], steps=steps)
    scenario.at("10:00").then("open")
    at(scenario, "10:04:59")
    assert told(scenario) == ["10:00:00 ops opened"]
    at(scenario, "10:05")
    at(scenario, "10:14:59")
    assert told(scenario)[1:] == ["10:05:00 lead escalation"]
    at(scenario, "10:15")
    at(scenario, "10:44")
    assert told(scenario)[2:] == ["10:15:00 night escalation"]
    # The last step comes again each half hour.
    at(scenario, "10:45")
    assert told(scenario)[3:] == ["10:45:00 night escalation"]
    handling.acknowledge(ada, str(scenario.alert().pk), "mine", scenario.now)
    at(scenario, "11:15")
    assert len(told(scenario)) == 4
    assert Reminder.objects.get().reason == "not sent: ada has it in hand"
    # Given back, the escalation goes on where it was: nothing was forgotten.
    handling.unacknowledge(ada, str(scenario.alert().pk), scenario.now)
    at(scenario, "11:16")
    assert told(scenario)[4:] == ["11:16:00 night escalation"]


def test_steps_that_our_downtime_held_back_do_not_come_in_one_burst(
    scenario: Scenario, to: dict[str, str], ada: Actor
) -> None:
    steps = [{"after_s": 300, "destinations": [to["lead"]]}, {"after_s": 900, "destinations": [to["night"]]}]
    route(ada, name="all", destinations=[to["ops"]], steps=steps)
    scenario.at("10:00").then("open")
    at(scenario, "13:00")
    at(scenario, "13:00:59")
    assert told(scenario)[1:] == ["13:00:00 lead escalation"]
    at(scenario, "13:01")
    assert told(scenario)[2:] == ["13:01:00 night escalation"]


def test_reminders_after_a_quarter_an_hour_an_hour_then_each_four(
    scenario: Scenario, to: dict[str, str], ada: Actor
) -> None:
    leading.add(ada, {"name": "all", "destinations": [to["ops"]]}, at=DAY)
    scenario.at("01:00").then("open")
    while scenario.now < DAY + timedelta(hours=12):
        escalating.sweep(scenario.now)
        scenario.now += timedelta(minutes=1)
    assert told(scenario) == [
        "01:00:00 ops opened",
        "01:15:00 ops repeat",
        "02:15:00 ops repeat",
        "06:15:00 ops repeat",
        "10:15:00 ops repeat",
    ]
    scenario.tried().then("closed")
    scenario.now += timedelta(minutes=1)
    scenario.sweeps()
    escalating.sweep(scenario.now + timedelta(hours=9))
    assert Reminder.objects.get().due_at is None, "over with the alert"
    assert told(scenario)[5:] == ["12:01:00 ops resolved"]


def test_a_quiet_hour_holds_it_back_and_its_end_tells_it(scenario: Scenario, to: dict[str, str], ada: Actor) -> None:
    hours = {"days": ["mon", "tue"], "from": "08:00", "to": "18:00", "timezone": "UTC"}
    route(ada, name="day", destinations=[to["ops"]], hours=hours)
    route(ada, name="always", destinations=[to["night"]], hours=hours, always=["critical"])
    scenario.at("07:00").then("open")
    assert told(scenario) == ["07:00:00 night opened"]
    at(scenario, "07:59:59")
    assert Reminder.objects.get().reason == "not sent: outside the route's hours"
    scenario.now = Reminder.objects.get().due_at or DAY
    escalating.sweep(scenario.now)
    assert [each[9:] for each in told(scenario)[1:]] == ["ops opened"], "to whom it is news, it is an opening"
    assert DAY + timedelta(hours=8) <= scenario.now <= DAY + timedelta(hours=8, minutes=1)
    at(scenario, "12:00")
    assert len(told(scenario)) == 2


def test_of_an_incident_one_is_reminded_of_and_then_the_next_that_is_still_open(
    scenario: Scenario, to: dict[str, str], ada: Actor
) -> None:
    route(ada, name="all", destinations=[to["ops"]], repeat_s=[900])
    scenario.at("10:00")
    for number in range(30):
        scenario.breaker(f"orders/b{number:02}", dependency="tracking-api")
        scenario.then("open", f"orders/b{number:02}")
    assert Reminder.objects.count() == 1
    at(scenario.tried(), "10:00:30")
    scenario.sweeps()
    before = Notification.objects.count()
    at(scenario, "10:15")
    assert told(scenario)[before:] == ["10:15:00 ops repeat"], "the others leave nothing behind"
    scenario.tried().then("closed", "orders/b00")
    scenario.at("10:16").sweeps()
    scenario.tried()
    before = Notification.objects.count()
    at(scenario, "10:30")
    assert told(scenario)[before:] == ["10:30:00 ops repeat"]
    assert Notification.objects.latest("pk").alert.breaker_name == "b01"


def test_in_the_morning_an_incident_of_the_night_is_one_word(
    scenario: Scenario, to: dict[str, str], ada: Actor
) -> None:
    hours = {"from": "08:00", "to": "18:00"}
    route(ada, name="day", destinations=[to["ops"]], hours=hours)
    scenario.at("03:00")
    for number in range(5):
        scenario.breaker(f"orders/b{number}", dependency="tracking-api")
        scenario.then("open", f"orders/b{number}")
    assert told(scenario) == []
    at(scenario, "08:01")
    assert told(scenario) == ["08:01:00 ops opened"]


def test_what_is_silenced_is_reminded_of_from_the_end_of_the_silence(
    scenario: Scenario, to: dict[str, str], ada: Actor
) -> None:
    route(ada, name="all", destinations=[to["ops"]], repeat_s=[900])
    scenario.at("10:00")
    silencing.silence(ada, {"service": "orders"}, starts_at=None, ends_at=clock("10:30"), comment="x", at=scenario.now)
    scenario.then("open")
    assert Reminder.objects.count() == 0
    scenario.at("10:30").sweeps()
    at(scenario, "10:45")
    assert told(scenario) == ["10:00:00 ops opened", "10:30:00 ops opened", "10:45:00 ops repeat"]
    assert [row.state for row in Notification.objects.order_by("pk")] == ["dropped", "due", "due"]


def test_an_escalation_that_falls_into_a_silence_comes_after_it(
    scenario: Scenario, to: dict[str, str], ada: Actor
) -> None:
    route(ada, name="all", destinations=[to["ops"]], steps=[{"after_s": 300, "destinations": [to["lead"]]}])
    scenario.at("10:00").then("open")
    silencing.silence(ada, {"service": "orders"}, starts_at=None, ends_at=clock("10:20"), comment="x", at=scenario.now)
    at(scenario, "10:05")
    assert Reminder.objects.get().reason == "not sent: silenced until 10:20 by ada"
    for minute in range(6, 20):
        at(scenario, f"10:{minute:02}")
    assert told(scenario) == ["10:00:00 ops opened"]
    at(scenario, "10:20")
    assert told(scenario)[1:] == ["10:20:00 lead escalation"]


def test_what_is_over_when_the_day_begins_is_told_to_nobody(scenario: Scenario, to: dict[str, str], ada: Actor) -> None:
    hours = {"from": "08:00", "to": "18:00"}
    route(ada, name="day", destinations=[to["ops"]], hours=hours)
    scenario.at("03:00").then("open")
    scenario.at("03:10").then("closed")
    scenario.at("03:11").sweeps()
    at(scenario, "08:05")
    assert told(scenario) == []
    scenario.at("08:06").then("open")
    assert told(scenario) == ["08:06:00 ops opened"]


@pytest.mark.parametrize(
    ("begins", "ends", "moment", "holds"),
    [
        ("08:00", "18:00", "2026-11-23T07:59:59", False),
        ("08:00", "18:00", "2026-11-23T08:00:00", True),
        ("08:00", "18:00", "2026-11-23T18:00:00", False),
        ("08:00", "18:00", "2026-11-28T12:00:00", False),  # a Saturday
        ("22:00", "06:00", "2026-11-23T23:00:00", True),
        ("22:00", "06:00", "2026-11-24T05:59:00", True),
        ("22:00", "06:00", "2026-11-23T05:00:00", False),  # the night from Sunday
        ("22:00", "06:00", "2026-11-28T05:00:00", True),  # the night from Friday
        ("00:00", "00:00", "2026-11-23T13:00:00", True),
    ],
)
def test_hours(begins: str, ends: str, moment: str, holds: bool) -> None:
    told = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": begins, "to": ends, "timezone": "UTC"}
    hours = routes.hours_of(told)
    assert hours is not None
    assert hours.hold(datetime.fromisoformat(moment).replace(tzinfo=UTC)) is holds


def test_hours_are_those_of_the_place() -> None:
    hours = routes.hours_of({"days": list(routes.DAYS), "from": "08:00", "to": "18:00", "timezone": "Europe/Berlin"})
    assert hours is not None
    # Winter and summer differ by an hour.
    assert [hours.hold(datetime(2026, month, 1, 6, 30, tzinfo=UTC)) for month in (1, 7)] == [False, True]


def test_a_route_matches_as_a_silence_does_and_by_severity_too() -> None:
    wanted = routes.wanted({"service": "pay*", "labels": {"team": "*"}, "severity": "crit*"})
    subject = Subject("payments", "bank", "card", (("team", "shop"),))
    assert wanted.matches(subject, "critical")
    assert not wanted.matches(subject, "warning")
    assert not wanted.matches(Subject("payments", "bank", "card"), "critical")
    assert not wanted.matches(Subject("repay", "bank", "card", (("team", "shop"),)), "critical")
    assert routes.wanted({}).matches(Subject(), "info")


def test_the_environments_need_a_route_like_all_others(scenario: Scenario, hook: Any, ada: Actor) -> None:
    scenario.at("10:00").then("open")
    assert len(told(scenario)) == 1
    mine = Destination.objects.get()
    route(ada, name="payments", matchers={"service": "payments"}, destinations=[str(mine.pk)])
    scenario.at("10:01").then("open", "orders/stock")
    scenario.at("10:02").then("open", "payments/card")
    assert [each[:8] for each in told(scenario)] == ["10:00:00", "10:02:00"]
