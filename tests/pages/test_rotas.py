"""The pages of rotas: who is on call now and next, forms that show their effect first, gaps that are said loudly."""

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from alerts import addressing, calendars, rostering
from alerts.models import Destination, Override, Rota, Route
from alerts.rota_queries import Roster
from breakers import nudging
from breakers.access import BOARD
from dashboard.pages.schedules import schedule

SignIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db
CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20200101T000000Z\r\n"
    "DTEND:20200102T000000Z\r\nRRULE:FREQ=DAILY\r\nSUMMARY:On call: grace\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nudging, "nudge", lambda task, *args: None)


def text(answer: Any, status: int = 200) -> str:
    """The page's text, without its tags."""
    assert answer.status_code == status, answer.content.decode()[-2_000:]
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())
    return re.sub(r" ([.,;:])", r"\1", words)


def destination(name: str) -> str:
    """The id of one of that name."""
    row = Destination.objects.filter(name=name).first()
    return str((row or addressing.add(BOARD, name, "webhook", {"url": "https://192.0.32.7/x"}, at=now()).row).pk)


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def form(**more: Any) -> dict[str, Any]:
    """The form of a rota: Ada, then Grace, a week each."""
    monday = now().date() - timedelta(days=now().weekday())
    return {
        "name": "payments", "timezone": "UTC", "fallback": [destination("ops")], "verb": "save",
        "people-0": "ada, grace", "since-0": monday.isoformat(), "at-0": "00:00", "every-0": "7", **more,
    }  # fmt: skip


@pytest.fixture
def ada(signed_in: SignIn) -> Client:
    """Ada is an admin; Grace is there too. Both are reached by a destination of their name."""
    client = signed_in("admin")
    signed_in("operator")
    for name in ("ada", "grace"):
        rostering.reach(BOARD, name, {"destinations": [destination(name)]}, at=now())
    return client


def added(client: Client, **more: Any) -> Rota:
    """A rota, by its form."""
    answer = client.post("/alerts/on-call/add/", form(**more))
    assert answer.status_code == 302, answer.content.decode()
    return Rota.objects.get()


def test_the_form_shows_two_weeks_before_it_is_saved(ada: Client) -> None:
    assert "No rota yet" in text(ada.get("/alerts/on-call/"))
    shown = text(ada.post("/alerts/on-call/add/", form(verb="preview")))
    assert "Not saved yet. It would be:" in shown
    assert Rota.objects.count() == 0
    row = added(ada)
    page = text(ada.get("/alerts/on-call/"))
    assert re.search(r"ada until \w{3} \d+ \w{3} 00:00; then grace", page), page
    assert "Nobody from" not in page
    there = text(ada.get(f"/alerts/on-call/{row.pk}/"))
    assert "grace" in there
    assert text(ada.get("/alerts/")).count("On call for payments: ada until ") == 1
    assert "On call for payments: ada until " in text(ada.get("/alerts/destinations/"))


@pytest.mark.parametrize("days", [2, 4, 14])
def test_the_form_keeps_a_length_of_turns_that_it_does_not_offer(ada: Client, days: int) -> None:
    row = added(ada)
    rostering.change(
        BOARD, str(row.pk), {"layers": [{"people": ["ada"], "since": "2026-01-01", "every_days": days}]}, at=now()
    )
    page = ada.get(f"/alerts/on-call/{row.pk}/").content.decode()
    [first, *_] = re.findall(r'<select name="every-0">(.*?)</select>', page)
    assert re.findall(r'<option value="(\d+)" selected>', first) == [str(days)]


def test_a_gap_is_said_loudly_before_and_after(ada: Client) -> None:
    hours = {"limited-0": "on", "days-0": ["mon", "tue", "wed", "thu", "fri"], "from-0": "09:00", "to-0": "09:01"}
    shown = text(ada.post("/alerts/on-call/add/", form(verb="preview", **hours)))
    assert re.search(r"Nobody from \w{3} \d+ \w{3} \d\d:\d\d to \w{3} \d+ \w{3} 09:00\.", shown)
    row = added(ada, **hours)
    for path in ("/alerts/on-call/", f"/alerts/on-call/{row.pk}/"):
        page = text(ada.get(path))
        # The first one may have begun before today: on a weekend, or early in the morning.
        assert re.search(r"Nobody from \w{3} \d+ \w{3} (00:00|09:01) to \w{3} \d+ \w{3} 09:00\. Then ops hears\.", page)
        assert re.search(r"Nobody from \w{3} \d+ \w{3} 09:01 to \w{3} \d+ \w{3} 09:00 ", page)
    rostering.reach(BOARD, "ada", {"destinations": []}, at=now())
    rostering.change(BOARD, str(row.pk), {"layers": [{"people": ["ada"], "since": "2026-01-01"}]}, at=now())
    assert re.search(r"ada can't be reached from .* Then ops hears\.", text(ada.get("/alerts/on-call/")))
    assert "ada is on call for payments and can't be reached until" in text(ada.get("/alerts/"))


def test_grace_stands_in_and_it_is_shown_first_what_that_changes(ada: Client, signed_in: SignIn) -> None:
    row = added(ada, timezone="Europe/Berlin")
    grace = Client()
    grace.force_login(User.objects.get(username="grace"))
    day = (now() + timedelta(days=1)).strftime("%Y-%m-%d")
    given = {"person": "grace", "from": f"{day}T18:00", "to": f"{day}T20:00", "comment": "Ada flies"}
    if now().weekday() == 6:
        given["person"] = "ada"
    other = {"grace": "ada", "ada": "grace"}[given["person"]]
    address = f"/alerts/on-call/{row.pk}/override/"
    shown = text(grace.post(address, {**given, "verb": "preview"}))
    assert f"Not saved yet: {given['person']} instead of {other}, from " in shown
    assert Override.objects.count() == 0
    assert grace.post(address, {**given, "verb": "save"}).status_code == 302
    kept = Override.objects.get()
    # 18:00 in Berlin.
    assert (kept.begins_at.hour in (16, 17), kept.ends_at - kept.begins_at) == (True, timedelta(hours=2))
    page = grace.get(f"/alerts/on-call/{row.pk}/").content.decode()
    assert "override by grace" in page
    assert 'rect data-kind="override"' in page
    wrong = text(grace.post(address, {**given, "to": "soon", "verb": "save"}), 422)
    assert "'soon' is no moment; expected 2026-11-27T18:00." in wrong
    early = text(grace.post(address, {**given, "to": "2020-01-01T00:00", "verb": "save"}), 422)
    assert "expected a moment after its beginning" in early
    assert grace.post(f"{address}{kept.pk}/end/").status_code == 302
    assert Override.objects.count() == 0
    eve = signed_in("viewer")
    for path, body in ((address, given), (f"/alerts/on-call/{row.pk}/save/", form(verb="preview"))):
        assert "needs the role" in text(eve.post(path, body), 403)


def test_a_calendar_by_text_file_or_address(ada: Client) -> None:
    row = added(ada, calendar=CALENDAR)
    assert "grace by the calendar until" in text(ada.get(f"/alerts/on-call/{row.pk}/"))
    address = f"/alerts/on-call/{row.pk}/save/"
    # An empty field keeps it.
    assert ada.post(address, form()).status_code == 302
    assert Rota.objects.get().calendar == CALENDAR.strip()
    assert ada.post(address, {**form(), "forget-calendar": "on"}).status_code == 302
    assert Rota.objects.get().calendar == ""
    file = SimpleUploadedFile("on-call.ics", CALENDAR.encode(), "text/calendar")
    assert ada.post(address, {**form(), "calendar_file": file}).status_code == 302
    assert Rota.objects.get().calendar == CALENDAR
    tried = {
        **form(),
        "verb": "preview",
        "calendar_file": SimpleUploadedFile("x.ics", CALENDAR.replace("grace", "ada").encode()),
    }
    assert "SUMMARY:On call: ada" in text(ada.post(address, tried)), "what was tried is still there to be saved"
    large = SimpleUploadedFile("on-call.ics", b"x" * 600_000, "text/calendar")
    assert "larger than 512 KiB" in text(ada.post(address, {**form(), "calendar_file": large}), 422)
    inside = text(ada.post(address, {**form(), "calendar_url": "http://127.0.0.1/s3cret.ics"}), 422)
    assert "must not be reached" in inside
    assert "s3cret" not in inside
    shown = text(ada.post(address, {**form(), "calendar": "hello"}), 422)
    assert "this can't be read as a calendar" in shown


def test_what_is_exported_reads_back(ada: Client) -> None:
    row = added(ada)
    answer = ada.get(f"/alerts/on-call/{row.pk}/on-call.ics")
    assert answer["Content-Type"] == "text/calendar"
    found = calendars.events(answer.content.decode(), "UTC", now() + timedelta(hours=1), now() + timedelta(days=10))
    assert [each.title for each in found][:2] == ["ada", "grace"]


def test_how_people_are_reached(ada: Client) -> None:
    assert "ada" in text(ada.get("/alerts/on-call/people/ada/"))
    given = {"destinations": [destination("ops")], "names": "Ada L., ada@example.com"}
    assert ada.post("/alerts/on-call/people/ada/reach/", given).status_code == 302
    assert "ops Ada L., ada@example.com" in text(ada.get("/alerts/on-call/"))
    wrong = text(ada.post("/alerts/on-call/people/ada/reach/", {"destinations": ["x"]}), 422)
    assert "no destination 'x'." in wrong
    assert ada.get("/alerts/on-call/people/nobody/").status_code == 404
    assert ada.get("/alerts/on-call/nothing/").status_code == 404


def test_a_route_leads_to_whoever_is_on_call(ada: Client) -> None:
    row = added(ada)
    page = ada.get("/alerts/routes/new/").content.decode()
    assert "whoever is on call for payments (now ada)" in page
    body = {"name": "all", "destinations": [f"rota:{row.pk}"], "after-0": "5", "step-0": [destination("ops")]}
    assert ada.post("/alerts/routes/add/", body).status_code == 302
    assert Route.objects.get().destinations == [f"rota:{row.pk}"]
    assert "whoever is on call for payments (now ada)" in text(ada.get("/alerts/destinations/"))
    refused = text(ada.post(f"/alerts/on-call/{row.pk}/save/", {"verb": "remove"}), 422)
    assert "the route 'all' leads to whoever is on call for payments: change it first." in refused
    Route.objects.all().delete()
    assert ada.post(f"/alerts/on-call/{row.pk}/save/", {"verb": "remove"}).status_code == 302
    assert Rota.objects.count() == 0


def test_a_hostile_name_is_text_on_every_page(ada: Client) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    row = added(ada, name=hostile, calendar=CALENDAR.replace("grace", hostile))
    for path in (
        "/alerts/on-call/",
        f"/alerts/on-call/{row.pk}/",
        "/alerts/",
        "/alerts/destinations/",
        "/alerts/routes/new/",
    ):
        page = ada.get(path).content.decode()
        assert "&lt;img src=x" in page, path
        assert "<img" not in page, path


def test_lanes_span_the_weeks_and_the_days_are_those_of_the_place(ada: Client) -> None:
    row = added(ada, timezone="Europe/Berlin")
    at = datetime(2026, 3, 25, 23, 30, tzinfo=UTC)  # 00:30 of the 26th in Berlin; the clock changes on the 29th
    rostering.change(BOARD, str(row.pk), {"layers": [{"people": ["ada", "grace"], "since": "2026-03-23"}]}, at=at)
    drawn = schedule(Roster(at), Rota.objects.get())
    assert (drawn.days[0], drawn.days[3], len(drawn.days), len(drawn.ticks)) == (("Thu", "26"), ("Sun", "29"), 14, 13)
    assert [(lane.name, len(lane.pieces)) for lane in drawn.lanes] == [("ada", 2), ("grace", 1)]
    first, second = drawn.lanes[0].pieces
    assert first.x == 0
    assert second.x + second.width == 1_400
    assert first.width == drawn.lanes[1].pieces[0].x
    # The Sunday of 23 hours is narrower.
    assert drawn.ticks[3] - drawn.ticks[2] < drawn.ticks[1] - drawn.ticks[0]
    assert [(each.begins, each.who) for each in drawn.rows] == [
        ("Thu 26 Mar 00:00", "ada"), ("Mon 30 Mar 09:00", "grace"), ("Mon 6 Apr 09:00", "ada"),
    ]  # fmt: skip
