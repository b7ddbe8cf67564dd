"""Rotas at work: whoever is on call hears, the trail says why, nobody on call is never nobody told."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from pytest_django.fixtures import Settings

from alerts import addressing, calendars, escalating, leading, reading, rostering, rota_queries, tasks
from alerts.calendars import BadCalendar
from alerts.errors import BadTarget
from alerts.models import Notification, Override, Rota
from alerts.routing import Routing
from breakers.access import Actor
from breakers.errors import Conflict, Invalid, NotAllowed
from breakers.models import Audit
from breakers.sealing import place_of, unseal
from tests.alerts.conftest import DAY, Scenario, clock
from tests.alerts.receiver import Receiver, answers, closes, receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]
OUTSIDE = "https://192.0.32.7/hook"
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def to(ada: Actor) -> dict[str, str]:
    """Ids of destinations, by name; Ada and Grace sign in here, and have a pager each."""
    Group.objects.get_or_create(name="operator")
    found = {}
    for name in ("ops", "ada", "grace"):
        found[name] = str(addressing.add(ada, name, "webhook", {"url": OUTSIDE}, at=DAY).row.pk)
    for name, full in (("ada", "Ada"), ("grace", "Grace")):
        User.objects.create_user(name, first_name=full, last_name="")
        rostering.reach(ada, name, {"destinations": [found[name]]}, at=DAY)
    return found


def layer(*people: str, **given: Any) -> dict[str, Any]:
    """People who hand over each second day, at noon, since the day before."""
    return {"people": list(people), "since": "2026-11-22", "at": "12:00", "every_days": 2, **given}


@pytest.fixture
def rota(ada: Actor, to: dict[str, str]) -> Rota:
    """Ada until noon of the second day, then Grace; ops where nobody is."""
    given = {"name": "payments", "timezone": "UTC", "layers": [layer("ada", "grace")], "fallback": [to["ops"]]}
    return rostering.add(ada, given, at=DAY)


def leads(ada: Actor, *names: str, **given: Any) -> None:
    """The only route."""
    leading.add(ada, {"name": "all", "destinations": list(names), "repeat_s": [], **given}, at=DAY)


def told() -> list[str]:
    """Who was owed what, and why: `10:00:00 ada opened | on call for payments: Ada`."""
    rows = Notification.objects.select_related("destination").order_by("pk")
    return [f"{row.created_at:%H:%M:%S} {row.destination.name} {row.kind} | {row.because}" for row in rows]


def event(*lines: str) -> str:
    """A calendar of one event."""
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN", "BEGIN:VEVENT", "UID:1", "DTSTAMP:20261101T000000Z")
    return "\r\n".join([*head, *lines, "END:VEVENT", "END:VCALENDAR", ""])


WEEKEND = event("DTSTART:20261123T090000Z", "DTEND:20261123T110000Z", "RRULE:FREQ=DAILY", "SUMMARY:On call: Grace")


def test_whoever_is_on_call_hears_and_the_trail_says_why(
    scenario: Scenario, to: dict[str, str], rota: Rota, ada: Actor, grace: Actor
) -> None:
    leads(ada, f"rota:{rota.pk}")
    scenario.at("10:00").then("open")
    rostering.override(
        grace, str(rota.pk), "grace", begins_at=None, ends_at=clock("11:00"), comment="Ada flies", at=clock("10:01")
    )
    scenario.at("10:02").then("open", "orders/stock")
    scenario.at("11:00").then("open", "orders/tax")
    assert told() == [
        "10:00:00 ada opened | on call for payments: Ada",
        "10:02:00 grace opened | on call for payments: Grace, override by grace",
        "11:00:00 ada opened | on call for payments: Ada",
    ]


def test_an_escalation_asks_who_is_on_call_when_it_is_due(
    scenario: Scenario, to: dict[str, str], rota: Rota, ada: Actor
) -> None:
    leads(ada, to["ops"], steps=[{"after_s": 300, "destinations": [f"rota:{rota.pk}"]}])
    scenario.at("11:58").then("open")
    rostering.override(
        ada, str(rota.pk), "grace", begins_at=None, ends_at=clock("13:00"), comment="", at=clock("12:00")
    )
    escalating.sweep(clock("12:03"))
    assert told() == [
        "11:58:00 ops opened | ",
        "12:03:00 grace escalation | on call for payments: Grace, override by ada",
    ]


def test_where_nobody_is_on_call_the_fallback_hears(
    scenario: Scenario, to: dict[str, str], rota: Rota, ada: Actor
) -> None:
    leads(ada, f"rota:{rota.pk}")
    day = {"days": ["mon"], "from": "08:00", "to": "18:00"}
    rostering.change(ada, str(rota.pk), {"layers": [layer("ada", hours=day)]}, at=DAY)
    view = rota_queries.rota(Rota.objects.get(), clock("10:00"))
    assert [(gap.from_, gap.to) for gap in view.gaps] == [
        ("2026-11-23T18:00:00Z", "2026-11-30T08:00:00Z"),
        ("2026-11-30T18:00:00Z", "2026-12-07T08:00:00Z"),
    ]
    scenario.at("10:00").then("open")
    scenario.at("18:00").then("open", "orders/stock")
    addressing.change(ada, to["ada"], enabled=False, at=DAY)
    scenario.at("17:00").then("open", "orders/tax")
    addressing.change(ada, to["ops"], enabled=False, at=DAY)
    scenario.at("19:00").then("open", "orders/geo")
    assert told() == [
        "10:00:00 ada opened | on call for payments: Ada",
        "18:00:00 ops opened | nobody is on call for payments: its fallback",
        "17:00:00 ops opened | Ada is on call for payments and can't be reached: its fallback",
        "19:00:00 grace opened | nobody is on call for payments, nor can its fallback: everybody hears",
    ]


def test_someone_who_may_not_sign_in_any_more_is_not_reached(
    scenario: Scenario, to: dict[str, str], rota: Rota, ada: Actor
) -> None:
    leads(ada, f"rota:{rota.pk}")
    User.objects.filter(username="ada").update(is_active=False)
    scenario.at("10:00").then("open")
    assert told() == ["10:00:00 ops opened | Ada is on call for payments and can't be reached: its fallback"]
    view = rota_queries.rota(rota, clock("10:00"))
    assert (view.on_call.people, view.on_call.reachable, view.next and view.next.people) == (["ada"], False, ["grace"])


def test_who_hears_twice_over_hears_once_and_needs_no_reason(
    scenario: Scenario, to: dict[str, str], rota: Rota, ada: Actor
) -> None:
    leads(ada, f"rota:{rota.pk}", to["ada"], to["ops"])
    scenario.at("10:00").then("open")
    assert told() == ["10:00:00 ada opened | ", "10:00:00 ops opened | "]


def test_of_the_pager_that_fails_the_fallback_of_whoever_is_on_call_hears(
    scenario: Scenario, to: dict[str, str], rota: Rota, ada: Actor
) -> None:
    leads(ada, f"rota:{rota.pk}")
    scenario.breaker("breakerboard/ada")
    scenario.at("10:00").then("open", "breakerboard/ada")
    alert = scenario.alert()
    assert [(each.destination.name, each.because) for each in Routing([], scenario.now).owed_to(alert)] == [
        ("ops", "Ada is on call for payments and can't be reached: its fallback")
    ]


def test_a_calendar_says_who_and_a_stranger_in_it_is_said_loudly(
    scenario: Scenario, to: dict[str, str], rota: Rota, ada: Actor
) -> None:
    leads(ada, f"rota:{rota.pk}")
    rostering.change(ada, str(rota.pk), {"calendar": WEEKEND}, at=DAY)
    scenario.at("10:00").then("open")
    scenario.at("11:00").then("open", "orders/stock")
    rostering.change(ada, str(rota.pk), {"calendar": WEEKEND.replace("Grace", "Bob")}, at=DAY)
    scenario.at("10:30").then("open", "orders/tax")
    rostering.reach(ada, "grace", {"names": ["Bob"]}, at=DAY)
    scenario.at("10:31").then("open", "orders/geo")
    assert told() == [
        "10:00:00 grace opened | on call for payments: Grace, by the calendar",
        "11:00:00 ada opened | on call for payments: Ada",
        "10:30:00 ada opened | on call for payments: Ada, the calendar says 'On call: Bob', which names nobody known here",
        "10:31:00 grace opened | on call for payments: Grace, by the calendar",
    ]


@pytest.fixture
def served(settings: Settings) -> Any:
    """A receiver that serves the calendar."""
    settings.ALLOW_PRIVATE_TARGETS = True
    with receiver() as one:
        one.then = answers(200, WEEKEND.encode())
        yield one


def calendar_of(ada: Actor, to: dict[str, str], served: Receiver) -> Rota:
    """A rota by a calendar alone."""
    given = {"name": "nights", "timezone": "UTC", "fallback": [to["ops"]], "calendar_url": served.url}
    return rostering.add(ada, given, at=DAY)


def now_on_call(rota: Rota, at: datetime) -> list[str]:
    return rota_queries.rota(Rota.objects.get(pk=rota.pk), at).on_call.people


def test_a_fetched_calendar_is_read_each_quarter_and_the_last_good_one_stays(
    to: dict[str, str], ada: Actor, served: Receiver
) -> None:
    rota = calendar_of(ada, to, served)
    assert (len(served.requests), served.requests[0].headers["accept"]) == (1, "text/calendar")
    assert served.url not in rota.calendar_url
    assert unseal(rota.calendar_url, place_of(rota, "calendar_url")) == served.url
    assert now_on_call(rota, clock("10:00")) == ["grace"]
    assert reading.due(DAY + timedelta(minutes=14, seconds=59)) == []
    # It goes away: tried again after 1, 2, 4 … minutes, an hour at most; Grace stays on call.
    at, waits = DAY + timedelta(minutes=15), []
    for behaviour in (closes, answers(500), answers(200, b"<html>sign in</html>"), answers(302), *[answers(404)] * 5):
        served.script = [behaviour]
        assert reading.due(at) == [rota.pk]
        reading.refresh(rota.pk, at)
        row = Rota.objects.get(pk=rota.pk)
        assert row.read_due_at is not None
        waits.append((row.read_due_at - at).total_seconds() / 60)
        at = row.read_due_at
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    view = rota_queries.rota(row, clock("10:00"))
    assert view.calendar is not None
    assert (view.calendar.error, view.calendar.failures) == ("its address answered 404", 9)
    assert (view.calendar.read_at, view.calendar.url) == ("2026-11-23T00:00:00Z", f"http://127.0.0.1:{served.port}/•••")
    assert view.on_call.people == ["grace"]
    # It is back, and says somebody else.
    served.then = answers(200, WEEKEND.replace("Grace", "Ada").encode())
    reading.refresh(rota.pk, at)
    row = Rota.objects.get(pk=rota.pk)
    assert (row.read_failures, row.read_error, row.read_at) == (0, "", at)
    assert now_on_call(rota, clock("10:00")) == ["ada"]


def test_nobody_reads_what_is_not_due_and_a_lost_reader_holds_up_nobody(
    to: dict[str, str], ada: Actor, served: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    rota = calendar_of(ada, to, served)
    reading.refresh(rota.pk, clock("00:14"))
    assert len(served.requests) == 1
    reading.refresh(rota.pk, clock("00:15"))
    assert len(served.requests) == 2

    def dies(url: str) -> str:
        raise SystemExit

    monkeypatch.setattr(reading, "fetched", dies)
    with pytest.raises(SystemExit):
        reading.refresh(rota.pk, clock("00:30"))
    assert (reading.due(clock("00:31")), reading.due(clock("00:32"))) == ([], [rota.pk])


def test_the_sweep_asks_for_what_is_due_and_the_task_reads_it(
    to: dict[str, str], ada: Actor, served: Receiver, nudges: list[tuple[object, ...]]
) -> None:
    rota = calendar_of(ada, to, served)
    wanted = ("alerts.tasks.read_calendar", str(rota.pk))
    Rota.objects.update(read_due_at=NEW_YEAR + timedelta(days=3_650))
    tasks.sweep()
    assert wanted not in nudges
    Rota.objects.update(read_due_at=DAY)
    tasks.sweep()
    assert nudges.count(wanted) == 1
    tasks.read_calendar(str(rota.pk))
    assert len(served.requests) == 2
    tasks.sweep()
    assert nudges.count(wanted) == 1


def test_a_calendar_given_meanwhile_is_not_undone(
    to: dict[str, str], ada: Actor, served: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    rota = calendar_of(ada, to, served)
    fetched = reading.fetched

    def slowly(url: str) -> str:
        monkeypatch.setattr(reading, "fetched", fetched)
        rostering.change(ada, str(rota.pk), {"calendar": WEEKEND.replace("Grace", "Ada")}, at=clock("00:15"))
        return fetched(url)

    monkeypatch.setattr(reading, "fetched", slowly)
    reading.refresh(rota.pk, clock("00:15"))
    row = Rota.objects.get(pk=rota.pk)
    assert (row.calendar_url, now_on_call(row, clock("10:00"))) == ("", ["ada"])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:8000/a.ics", "private_address"),
        ("webcal://169.254.169.254/a.ics", "private_address"),
        ("http://[::1]/a.ics", "private_address"),
        ("ftp://example.com/a.ics", "bad_url"),
        ("hello", "bad_url"),
        ("https://192.0.32.7:5432/a.ics", "bad_url"),
    ],
)
def test_a_calendar_is_fetched_from_no_private_address(to: dict[str, str], ada: Actor, url: str, code: str) -> None:
    with pytest.raises(BadTarget) as refused:
        rostering.add(ada, {"name": "x", "fallback": [to["ops"]], "calendar_url": url}, at=DAY)
    assert refused.value.code == code
    assert Rota.objects.count() == 0


def test_a_name_that_turns_private_is_refused_when_it_is_fetched(
    to: dict[str, str], ada: Actor, served: Receiver, settings: Settings
) -> None:
    rota = calendar_of(ada, to, served)
    settings.ALLOW_PRIVATE_TARGETS = False
    reading.refresh(rota.pk, clock("00:15"))
    row = Rota.objects.get(pk=rota.pk)
    assert "must not be reached" in row.read_error
    assert len(served.requests) == 1
    assert now_on_call(row, clock("10:00")) == ["grace"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello", "this can't be read as a calendar (RFC 5545): Content line could not be parsed"),
        (event("SUMMARY:x"), "the event 'x' has no beginning (DTSTART)"),
        (event("DTSTART:yesterday", "UID:7"), "the event '1' has a DTSTART that can't be read"),
        ("BEGIN:VEVENT\r\nEND:VEVENT", "this can't be read as a calendar"),
        (event("DTSTART:20261123T000000Z", "RRULE:FREQ=SECONDLY"), "recurs more than once a day"),
        (event("DTSTART:19000101T000000Z", "RRULE:FREQ=DAILY"), "recurs since before 2015"),
        (event("DTSTART:20261123T000000Z") * 2_001, "more than 2,000 events"),
        ("x" * 600_000, "larger than 512 KiB"),
    ],
)
def test_a_text_that_is_no_calendar_changes_nothing(
    to: dict[str, str], rota: Rota, ada: Actor, text: str, sentence: str
) -> None:
    with pytest.raises(BadCalendar) as refused:
        rostering.change(ada, str(rota.pk), {"name": "other", "calendar": text}, at=DAY)
    assert sentence in str(refused.value)
    assert (Rota.objects.get().name, Rota.objects.get().calendar) == ("payments", "")


def test_a_rule_that_never_comes_true_ends_with_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "DEADLINE_S", 1)
    text = event("DTSTART:20261123T000000Z", "DTEND:20261124T000000Z", "RRULE:FREQ=DAILY;INTERVAL=0")
    with pytest.raises(BadCalendar, match="could not be read within 1 s"):
        calendars.events(text, "UTC", DAY, NEW_YEAR)


def test_events_across_the_change_of_the_clock_whole_days_and_changed_ones() -> None:
    berlin = "TZID=Europe/Berlin"
    text = event(
        f"DTSTART;{berlin}:20261019T090000", f"DTEND;{berlin}:20261019T170000", "RRULE:FREQ=WEEKLY;COUNT=3",
        f"EXDATE;{berlin}:20261102T090000", "SUMMARY:Ada", "ATTENDEE;CN=Ada Lovelace:mailto:Ada@Example.com",
        "END:VEVENT", "BEGIN:VEVENT", "UID:1", f"RECURRENCE-ID;{berlin}:20261026T090000",
        f"DTSTART;{berlin}:20261026T100000", f"DTEND;{berlin}:20261026T170000", "SUMMARY:Grace",
        "END:VEVENT", "BEGIN:VEVENT", "UID:2", "DTSTART;VALUE=DATE:20261025", "DTEND;VALUE=DATE:20261026", "SUMMARY:Sunday",
        "END:VEVENT", "BEGIN:VEVENT", "UID:3", "DTSTART:20261028T000000", "DURATION:PT6H", "SUMMARY:There",
        "END:VEVENT", "BEGIN:VEVENT", "UID:4", "DTSTART:20261029T000000Z", "DTEND:20261029T010000Z", "STATUS:CANCELLED",
    )  # fmt: skip
    found = calendars.events(
        text, "Europe/Berlin", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    )
    assert [(f"{each.begins:%d %H:%M}", f"{each.ends:%d %H:%M}", each.title) for each in found] == [
        ("19 07:00", "19 15:00", "Ada"),
        # The Sunday of 25 hours; nine o'clock is another hour in UTC after it.
        ("24 22:00", "25 23:00", "Sunday"),
        ("26 09:00", "26 16:00", "Grace"),
        ("27 23:00", "28 05:00", "There"),
    ]
    assert found[0].texts == ("ada@example.com", "Ada Lovelace", "Ada")


def test_what_is_written_as_a_calendar_reads_the_same(to: dict[str, str], rota: Rota) -> None:
    some = rota_queries.duties(rota, DAY, DAY + timedelta(days=3))
    slots = [(" and ".join(each.people), clock("00:00"), clock("12:00"), each.why) for each in some[:1]]
    text = calendars.written("payments", slots, DAY).decode()
    assert [(e.title, e.begins, e.ends) for e in calendars.events(text, "UTC", DAY, NEW_YEAR)] == [
        ("ada", clock("00:00"), clock("12:00"))
    ]


def test_who_may_and_what_the_audit_trail_says(
    to: dict[str, str], rota: Rota, ada: Actor, grace: Actor, eve: Actor
) -> None:
    pk, given = str(rota.pk), {"name": "x", "layers": [layer("ada")], "fallback": [to["ops"]]}
    refused: list[Callable[[], object]] = [
        lambda: rostering.add(grace, given, at=DAY),
        lambda: rostering.change(grace, pk, {"name": "x"}, at=DAY),
        lambda: rostering.remove(grace, pk, at=DAY),
        lambda: rostering.reach(grace, "grace", {"destinations": []}, at=DAY),
        lambda: rostering.override(eve, pk, "eve", begins_at=None, ends_at=NEW_YEAR, comment="", at=DAY),
        lambda: rostering.end_override(eve, pk, "1", at=DAY),
    ]
    before = Audit.objects.count()
    for verb in refused:
        with pytest.raises(NotAllowed):
            verb()
    assert (Audit.objects.count(), Override.objects.count()) == (before, 0)
    end = DAY + timedelta(days=3)
    lasting = rostering.override(grace, pk, "grace", begins_at=None, ends_at=end, comment="Ada is ill", at=DAY)
    coming = rostering.override(grace, pk, "grace", begins_at=end, ends_at=NEW_YEAR, comment="", at=DAY)
    rostering.end_override(grace, pk, str(coming.pk), at=clock("10:00"))
    rostering.end_override(grace, pk, str(lasting.pk), at=clock("10:00"))
    assert list(Override.objects.values_list("pk", "ends_at")) == [(lasting.pk, clock("10:00"))]
    with pytest.raises(Conflict, match="is over"):
        rostering.end_override(grace, pk, str(lasting.pk), at=clock("10:00"))
    rostering.remove(ada, pk, at=clock("11:00"))
    lines = Audit.objects.filter(pk__gt=0).order_by("pk").values_list("verb", "actor", "target_name", "reason")
    assert list(lines)[-6:] == [
        ("rota.add", "ada", "payments", ""),
        ("rota.override", "grace", "payments", "Ada is ill"),
        ("rota.override", "grace", "payments", ""),
        ("rota.end-override", "grace", "payments", ""),
        ("rota.end-override", "grace", "payments", ""),
        ("rota.remove", "ada", "payments", ""),
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": " "}, "a name has 1 to 200 characters"),
        ({"timezone": "Mars/Olympus"}, "unknown time zone 'Mars/Olympus'"),
        ({"fallback": []}, "at least one destination hears where nobody is on call"),
        ({"fallback": ["nowhere"]}, "no destination 'nowhere'"),
        ({"layers": []}, "a rota has a layer of people who take turns, or a calendar"),
        ({"layers": [layer()]}, "a layer has at least one person"),
        ({"layers": [layer("mallory")]}, "nobody here signs in as 'mallory'"),
        ({"layers": [layer("ada", every_days=0)]}, "'0' is no number of days from 1 to 92"),
        ({"layers": [layer("ada", since="soon")]}, "'soon' is no day like 2026-11-23"),
        ({"layers": [layer("ada", at="25:00")]}, "'25:00' is no time of day like 08:00"),
        ({"layers": [layer("ada", hours={"days": []})]}, "at least one day"),
        ({"calendar": "x", "calendar_url": "y"}, "not both"),
        ({"surprise": 1}, "a rota has no 'surprise'"),
    ],
)
def test_what_can_not_be_a_rota(
    to: dict[str, str], ada: Actor, rota: Rota, given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Invalid) as refused:
        rostering.change(ada, str(rota.pk), given, at=DAY)
    assert sentence in str(refused.value)


def test_what_is_led_to_and_what_hears_last_can_not_be_taken_away(to: dict[str, str], rota: Rota, ada: Actor) -> None:
    leads(ada, to["ops"], steps=[{"after_s": 60, "destinations": [f"rota:{rota.pk}"]}])
    with pytest.raises(Conflict, match="the route 'all' leads to whoever is on call for payments"):
        rostering.remove(ada, str(rota.pk), at=DAY)
    with pytest.raises(Conflict, match="it is all that hears where nobody is on call for payments"):
        addressing.remove(ada, to["ops"], at=DAY)
    rostering.change(ada, str(rota.pk), {"fallback": [to["ops"], to["grace"]]}, at=DAY)
    addressing.remove(ada, to["ops"], at=DAY)
    assert Rota.objects.get().fallback == [to["grace"]]
    with pytest.raises(Invalid, match="no rota 'nowhere'"):
        leads(ada, "rota:nowhere", name="other")
    assert date.fromisoformat(Rota.objects.get().layers[0]["since"]) == date(2026, 11, 22)
