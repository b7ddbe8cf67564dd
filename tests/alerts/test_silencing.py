"""Silences: nobody is told, everything is recorded; and when they end, what still holds is told, once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django.fixtures import Settings

from alerts import silencing
from alerts.domain import silences
from alerts.models import Alert, Notification, Rule, Silence
from breakers.access import Actor
from breakers.errors import Conflict, Invalid, NotAllowed, NotFound
from breakers.models import Audit, Breaker
from tests.alerts.conftest import Scenario, clock

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture(autouse=True)
def _destinations(settings: Settings) -> None:
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)


def silenced(actor: Actor, begins: str, ends: str, given: dict[str, Any] | None = None, **more: Any) -> Silence:
    """A silence of the tracking breaker, or of what is given."""
    matchers = {"breaker": "delivery-*"} if given is None else given
    return silencing.silence(
        actor, matchers, starts_at=clock(begins), ends_at=clock(ends), comment="the move", at=clock(begins), **more
    )


def reasons() -> list[str]:
    return [
        f"{row.created_at:%H:%M} {row.kind}: {row.reason or row.state}" for row in Notification.objects.order_by("pk")
    ]


def test_told_when_it_ends_once(scenario: Scenario, grace: Actor) -> None:
    silenced(grace, "09:00", "14:00")
    scenario.at("10:00").then("open")
    scenario.then("open", "orders/other")
    assert reasons() == ["10:00 opened: not sent: silenced until 14:00 by grace", "10:00 opened: due"]
    assert [row.status for row in Alert.objects.all()] == ["firing", "firing"]
    scenario.tried().at("13:00").sweeps()
    assert len(reasons()) == 2
    for minute in ("14:00", "14:01", "14:02"):
        scenario.at(minute).sweeps()
    assert reasons()[-1] == "14:00 opened: due"
    assert len([line for line in reasons() if "opened" in line]) == 3
    Notification.objects.filter(state="due").delete()


def test_what_is_over_when_it_ends_is_told_to_nobody(scenario: Scenario, grace: Actor) -> None:
    silenced(grace, "09:00", "14:00")
    scenario.at("10:00").then("open")
    scenario.at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    scenario.at("14:00").sweeps()
    assert reasons() == ["10:00 opened: not sent: silenced until 14:00 by grace"]
    assert scenario.log() == ["10:00:00 firing", "10:05:00 recovering", "10:06:00 resolved"]


def test_who_was_told_before_hears_of_the_end(scenario: Scenario, grace: Actor) -> None:
    scenario.at("10:00").then("open")
    silenced(grace, "10:01", "14:00")
    scenario.tried().at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    assert reasons() == ["10:00 opened: due", "10:06 resolved: due"]


def test_struck_through_on_the_wall_while_it_lasts(scenario: Scenario, grace: Actor) -> None:
    scenario.at("09:00").then("open")
    scenario.breaker("orders/other")
    before = scenario.alert().version
    silenced(grace, "09:00", "14:00")
    marks = dict(Breaker.objects.values_list("name", "silenced_until"))
    assert marks == {"delivery-tracking": clock("14:00"), "other": None}
    assert scenario.alert().version > before, "the alert is shown struck through, so it changed"
    version = Breaker.objects.get(name="delivery-tracking").version
    scenario.at("14:00").sweeps()
    breaker = Breaker.objects.get(name="delivery-tracking")
    assert (breaker.silenced_until, breaker.version > version) == (None, True)


def test_an_alert_of_no_breaker_changes_when_a_silence_begins_and_ends(scenario: Scenario, grace: Actor) -> None:
    scenario.at("10:00").then("open")
    rule = Rule.objects.get(name="silent")
    row = Alert.objects.create(
        rule=rule, severity="warning", status="firing", subject_kind="service", subject_id="1", service="orders",
        breaker_name="", dependency="", summary="x", started_at=scenario.now, detected_at=scenario.now,
    )  # fmt: skip
    begun = silencing.silence(
        grace, {"service": "orders"}, starts_at=clock("10:01"), ends_at=clock("10:30"), comment="x", at=scenario.now
    )
    said = []
    for text in ("10:00:30", "10:01", "10:02", "10:30"):
        before = row.version
        scenario.at(text).sweeps()
        row.refresh_from_db()
        said.append((row.silenced_until, row.version > before))
    # At its end it is told at last, too.
    assert said == [(None, False), (begun.ends_at, True), (begun.ends_at, False), (None, True)]


def test_a_reminder_before_the_end_where_something_is_hidden(scenario: Scenario, grace: Actor) -> None:
    silenced(grace, "09:00", "14:00")
    silenced(grace, "09:00", "14:00", {"service": "billing"})
    scenario.at("10:00").then("open")
    for minute in ("13:54:59", "13:55", "13:56"):
        scenario.at(minute).sweeps()
    assert reasons()[1:] == ["13:55 repeat: due"]
    body = bytes(Notification.objects.latest("pk").body).decode()
    assert "the silence by grace ends at 14:00 UTC, and 1 alert under it would be told then" in body


def test_a_recovery_ends_it_if_so_wished(scenario: Scenario, grace: Actor) -> None:
    row = silenced(grace, "09:00", "14:00", until_recovery=True)
    scenario.at("09:30").sweeps()
    row.refresh_from_db()
    assert row.ended_at is None, "nothing was wrong yet"
    scenario.at("10:00").then("open")
    scenario.sweeps()
    scenario.at("10:05").then("closed")
    scenario.at("10:06").sweeps()
    scenario.at("10:06:05").sweeps()
    row.refresh_from_db()
    assert (row.ended_at, row.ended_by) == (clock("10:06"), "recovery")
    scenario.at("10:10").then("open")
    assert reasons()[-1] == "10:10 opened: due"


def test_a_window_that_comes_again(scenario: Scenario, grace: Actor) -> None:
    day = timedelta(days=1)
    silenced(grace, "02:00", "03:00", every_days=1, repeats_until=clock("02:00") + 2 * day)
    at = [clock("02:30") + n * day for n in range(4)]
    assert [bool(silencing.at_work(moment)) for moment in at] == [True, True, True, False]
    assert silencing.at_work(clock("03:00") + day) == []
    [hush] = silencing.at_work(at[1])
    assert hush.until == clock("03:00") + day
    scenario.now = at[1]
    scenario.then("open")
    scenario.now = clock("03:00") + day
    scenario.sweeps()
    assert [line.partition(": ")[2] for line in reasons()] == ["not sent: silenced until 03:00 by grace", "due"]


def test_ended_by_hand(scenario: Scenario, grace: Actor) -> None:
    row = silenced(grace, "09:00", "14:00")
    scenario.at("10:00").then("open")
    silencing.end(grace, str(row.pk), clock("11:00"))
    assert silencing.at_work(clock("11:00")) == []
    scenario.at("11:00:05").sweeps()
    assert reasons()[-1] == "11:00 opened: due"
    with pytest.raises(Conflict, match="is over"):
        silencing.end(grace, str(row.pk), clock("11:01"))
    assert [line.verb for line in Audit.objects.order_by("-pk")[:2]] == ["silence.end", "silence.begin"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"comment": " "}, "comment"),
        ({"comment": "x" * 2_001}, "comment"),
        ({"ends_at": clock("10:00")}, "to"),
        ({"ends_at": clock("10:00") + timedelta(days=31)}, "to"),
        ({"given": {"servise": "x"}}, "matchers.servise"),
        ({"given": {}}, "matchers"),
        ({"given": {"service": " ", "labels": {}}}, "matchers"),
        ({"every_days": 0}, "every_days"),
    ],
)
def test_an_end_and_a_reason_are_required(scenario: Scenario, grace: Actor, fields: dict[str, Any], wrong: str) -> None:
    right = {
        "given": {"service": "*"},
        "starts_at": None,
        "ends_at": clock("12:00"),
        "comment": "x",
        "at": clock("10:00"),
    }
    with pytest.raises(Invalid) as refused:
        silencing.silence(grace, **{**right, **fields})
    assert [each["field"] for each in refused.value.errors] == [wrong]
    assert not Silence.objects.exists()


def test_eve_may_not_silence(scenario: Scenario, grace: Actor, eve: Actor) -> None:
    with pytest.raises(NotAllowed, match="needs the role operator"):
        silenced(eve, "10:00", "11:00")
    row = silenced(grace, "10:00", "11:00")
    with pytest.raises(NotAllowed, match="needs the role operator"):
        silencing.end(eve, str(row.pk), clock("10:01"))
    for name in ("0", "x", "01", "9" * 30, "١"):
        with pytest.raises(NotFound):
            silencing.end(grace, name, clock("10:01"))


def test_how_much_it_hides(scenario: Scenario) -> None:
    scenario.at("10:00").then("open")
    scenario.breaker("orders/other")
    assert silencing.hidden_by(silencing.matching.Matchers(service="ord*")) == (2, 1)
    assert silencing.hidden_by(silencing.matching.Matchers(breaker="other")) == (1, 0)


def local(zone: str, text: str, fold: int = 0) -> datetime:
    """A time of day there, as we keep it."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "first", "then", "begins", "ends", "hours"),
    [
        # Into summer time, out of it, the nights of the change themselves, zones of half hours, and none at all.
        ("Europe/Berlin", ("2026-03-23T02:00", "2026-03-23T04:00"), 7, "2026-03-30T02:00", "2026-03-30T04:00", 2),
        ("Europe/Berlin", ("2026-03-22T02:00", "2026-03-22T04:00"), 7, "2026-03-29T03:00", "2026-03-29T04:00", 1),
        ("Europe/Berlin", ("2026-03-22T02:10", "2026-03-22T02:50"), 7, "2026-03-29T03:10", "2026-03-29T03:50", 2 / 3),
        ("Europe/Berlin", ("2026-10-19T02:00", "2026-10-19T04:00"), 7, "2026-10-26T02:00", "2026-10-26T04:00", 2),
        ("Europe/Berlin", ("2026-10-18T02:00", "2026-10-18T04:00"), 7, "2026-10-25T02:00", "2026-10-25T04:00", 3),
        ("Europe/Berlin", ("2026-01-05T02:00", "2026-01-05T04:00"), 196, "2026-07-20T02:00", "2026-07-20T04:00", 2),
        ("Europe/Berlin", ("2026-03-28T23:00", "2026-03-29T04:00"), 1, "2026-03-29T23:00", "2026-03-30T04:00", 5),
        ("America/St_Johns", ("2026-03-01T02:00", "2026-03-01T04:00"), 14, "2026-03-15T02:00", "2026-03-15T04:00", 2),
        ("Australia/Lord_Howe", ("2026-03-30T02:00", "2026-03-30T04:00"), 7, "2026-04-06T02:00", "2026-04-06T04:00", 2),
        ("Asia/Kolkata", ("2026-03-23T02:00", "2026-03-23T04:00"), 7, "2026-03-30T02:00", "2026-03-30T04:00", 2),
        ("UTC", ("2026-03-23T02:00", "2026-03-23T04:00"), 7, "2026-03-30T02:00", "2026-03-30T04:00", 2),
    ],
)
def test_it_keeps_its_hours_summer_and_winter(
    zone: str, first: tuple[str, str], then: int, begins: str, ends: str, hours: float
) -> None:
    starts, stops = (local(zone, each) for each in first)
    every = 1 if then == 1 else 7
    expected = (local(zone, begins), local(zone, ends, fold=1))
    assert expected[1] - expected[0] == timedelta(hours=hours)
    second = timedelta(seconds=1)
    assert silences.next_window(starts, stops, expected[0] - second, every, None, zone) == expected
    before = silences.window(starts, stops, expected[0] - second, every, timezone=zone)
    assert before is not None
    assert before[1] <= expected[0] - second
    for now in (expected[0], expected[1] - second, expected[1] + timedelta(hours=3)):
        assert silences.window(starts, stops, now, every, timezone=zone) == expected


def test_a_weekly_silence_hides_the_right_hours(grace: Actor) -> None:
    begins = local("Europe/Berlin", "2026-03-23T02:00")
    row = silencing.silence(
        grace, {"service": "shop"}, starts_at=begins, ends_at=begins + timedelta(hours=2), comment="back-up",
        every_days=7, timezone="Europe/Berlin", at=begins,
    )  # fmt: skip
    assert Silence.objects.get(pk=row.pk).timezone == "Europe/Berlin"
    for day, at in (("2026-03-30", "02:00"), ("2026-03-30", "03:59"), ("2026-10-26", "02:00"), ("2026-10-26", "03:59")):
        assert len(silencing.at_work(local("Europe/Berlin", f"{day}T{at}"))) == 1, (day, at)
    for day, at in (("2026-03-30", "01:59"), ("2026-03-30", "04:00"), ("2026-10-26", "01:59"), ("2026-10-26", "04:00")):
        assert silencing.at_work(local("Europe/Berlin", f"{day}T{at}")) == [], (day, at)


@pytest.mark.parametrize("zone", ["Mars/Phobos", "", "../../etc/passwd", "europe/berlin\0", "x" * 1_000])
def test_a_zone_that_is_none(grace: Actor, zone: str) -> None:
    with pytest.raises(Invalid, match="unknown time zone"):
        silenced(grace, "09:00", "14:00", timezone=zone)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("00:59", None),
        ("01:00", ("01:00", "02:00")),
        ("05:00", ("01:00", "02:00")),
    ],
)
def test_windows(now: str, expected: tuple[str, str] | None) -> None:
    found = silences.window(clock("01:00"), clock("02:00"), clock(now), every_days=1)
    assert found == (tuple(map(clock, expected)) if expected else None)
    assert silences.next_window(clock("01:00"), clock("02:00"), clock("05:00"), 1, None) == (
        clock("01:00") + timedelta(days=1),
        clock("02:00") + timedelta(days=1),
    )
