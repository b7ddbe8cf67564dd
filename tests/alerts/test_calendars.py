"""Calendars as others write them: in any encoding, folded anywhere, with people who declined, with an event that is wrong."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from hypothesis import example, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from alerts import calendars, rostering, rota_queries
from alerts.calendars import BadCalendar, TooMuch, read_here, text_of
from alerts.domain import rotas as domain
from alerts.models import Rota
from breakers.access import Actor
from dashboard.pages import rotas
from tests.alerts.conftest import DAY, clock
from tests.alerts.receiver import Receiver, answers
from tests.alerts.test_rostering import NEW_YEAR, event, layer, rota, to

__all__ = ["rota", "to"]

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]
TIME = ("DTSTART:20261123T090000Z", "DTEND:20261123T110000Z")
NAMED = event(*TIME, "ATTENDEE;CN=Zoë Ødegård:mailto:zoe@example.com", "SUMMARY:Zoë hat Bereitschaft")


def seen(text: str) -> list[tuple[str, ...]]:
    """Whom each event names."""
    return [each.texts for each in calendars.events(text, "UTC", DAY, NEW_YEAR)]


def folded(text: str, every: int) -> bytes:
    """Each line folded after so many bytes, wherever that is."""
    lines = []
    for line in text.encode().split(b"\r\n"):
        pieces = [line[n : n + every] for n in range(0, len(line), every)] or [b""]
        lines.append(b"\r\n ".join(pieces))
    return b"\r\n".join(lines)


PEOPLE = [("zoe@example.com", "Zoë Ødegård", "Zoë hat Bereitschaft")]


@pytest.mark.parametrize(
    "raw",
    [
        NAMED.encode(),
        b"\xef\xbb\xbf" + NAMED.encode(),
        NAMED.encode("utf-16"),
        b"\xfe\xff" + NAMED.encode("utf-16-be"),
        NAMED.encode("utf-16-le"),
        NAMED.encode("utf-16-be"),
        NAMED.replace("\r\n", "\n").encode(),
        NAMED.replace("ë", "e\u0308").encode(),
    ],
    ids=["utf-8", "mark", "utf-16", "utf-16-be", "unmarked-le", "unmarked-be", "lf", "decomposed"],
)
def test_in_any_encoding(raw: bytes) -> None:
    assert seen(text_of(raw)) == PEOPLE


@pytest.mark.parametrize("every", range(1, 24))
def test_folded_within_a_letter(every: int) -> None:
    assert read_here(text_of(folded(NAMED, every)), "UTC", DAY, NEW_YEAR).events[0].texts == PEOPLE[0]


def test_a_mark_before_a_text_that_is_pasted() -> None:
    assert seen(f"\ufeff{NAMED}") == PEOPLE


def test_who_declined_is_not_on_call(to: dict[str, str], rota: Rota, ada: Actor) -> None:
    text = event(
        *TIME, "SUMMARY:On call", "ATTENDEE;CN=Ada;PARTSTAT=DECLINED:mailto:ada@example.com",
        "ATTENDEE;CN=Grace;PARTSTAT=ACCEPTED:mailto:grace@example.com", "ATTENDEE;PARTSTAT=delegated:mailto:bob@example.com",
    )  # fmt: skip
    assert seen(text) == [("grace@example.com", "Grace", "On call")]
    rostering.change(ada, str(rota.pk), {"calendar": text}, at=DAY)
    assert rota_queries.rota(Rota.objects.get(), clock("10:00")).on_call.people == ["grace"]


@pytest.mark.parametrize(
    ("known", "said"), [("Zoë", "Zoe\u0308"), ("Zoe\u0308", "Zoë"), ("ZOË", "zoe\u0308"), ("Ａnn", "Ａnn")]
)
def test_a_name_is_the_same_however_it_was_typed(known: str, said: str) -> None:
    people = [("1", [known]), ("2", ["Zo"])]
    assert domain.named([said], people) == ("1",)
    assert domain.named([f"On call: {said}!"], people) == ("1",)


def several(*bad: str, good: int = 1) -> str:
    """Good events with others among them."""
    times = "BEGIN:VEVENT\r\nUID:g{n}\r\nDTSTAMP:20261101T000000Z\r\nDTSTART:202611{d:02}T090000Z\r\nDTEND:202611{d:02}T100000Z\r\nSUMMARY:good {n}\r\nEND:VEVENT"
    events = [times.format(n=n, d=23 + n % 7) for n in range(good)]
    for place, each in enumerate(bad):
        events.insert(place * 2, f"BEGIN:VEVENT\r\nDTSTAMP:20261101T000000Z\r\n{each}\r\nEND:VEVENT")
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *events, "END:VCALENDAR", ""])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("UID:b\r\nSUMMARY:Ada's week", "the event 'Ada's week' has no beginning (DTSTART)"),
        ("UID:b7", "the event 'b7' has no beginning (DTSTART)"),
        ("DTSTART:20261123T000000Z\r\nSUMMARY:x\r\nRRULE:FREQ=HOURLY", "the event 'x' recurs more than once a day"),
        ("DTSTART:19000101T000000Z\r\nSUMMARY:x\r\nRRULE:FREQ=DAILY", "the event 'x' recurs since before 2015"),
        ("DTSTART:2026-11-23\r\nSUMMARY:x", "the event 'x' has a DTSTART that can't be read"),
        ("DTSTART:20261123T000000Z\r\nDTEND:soon\r\nSUMMARY:x", "the event 'x' has a DTEND that can't be read"),
        ("DTSTART:20261123T000000Z\r\nSUMMARY:x\r\nRRULE:FREQ=OFTEN", "the event 'x' "),
    ],
)
def test_one_bad_event_is_left_out_and_named(to: dict[str, str], rota: Rota, ada: Actor, bad: str, why: str) -> None:
    said = calendars.read(several(bad, good=3), "UTC", DAY, NEW_YEAR)
    assert [each.title for each in said.events] == ["good 0", "good 1", "good 2"]
    assert said.warning.startswith(f"1 event can't be read and is left out: {why}"), said.warning
    rostering.change(ada, str(rota.pk), {"calendar": several(bad, good=3)}, at=DAY)
    told = rota_queries.rota(Rota.objects.get(), clock("10:00")).calendar
    assert told is not None
    assert (told.warning, told.error) == (said.warning, "")
    # Mended, nothing is said any more.
    rostering.change(ada, str(rota.pk), {"calendar": several(good=3)}, at=DAY)
    told = rota_queries.rota(Rota.objects.get(), clock("10:00")).calendar
    assert told is not None
    assert told.warning == ""


def test_several_bad_ones_are_counted() -> None:
    said = read_here(several(*(f"UID:b{n}" for n in range(5)), good=40), "UTC", DAY, NEW_YEAR)
    assert len(said.events) == 40
    assert said.warning.startswith(
        "5 events can't be read and are left out: the event 'b0' has no beginning (DTSTART); the event"
    )
    assert said.warning.endswith("; and 2 more")


def test_where_no_event_is_good_the_calendar_is_refused() -> None:
    with pytest.raises(BadCalendar, match="the event 'b0' has no beginning"):
        read_here(several("UID:b0", "UID:b1", good=0), "UTC", DAY, NEW_YEAR)
    with pytest.raises(TooMuch, match="events that recur; at most 100"):
        read_here(
            several(*(f"UID:r{n}\r\nDTSTART:20261123T000000Z\r\nRRULE:FREQ=DAILY" for n in range(101))),
            "UTC",
            DAY,
            NEW_YEAR,
        )


def test_a_fetched_calendar_in_utf_16_with_a_bad_event(
    to: dict[str, str], ada: Actor, hook: Receiver, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True
    User.objects.create_user("zoe", first_name="Zoë")
    rostering.reach(ada, "zoe", {"destinations": [to["ada"]]}, at=DAY)
    text = NAMED.replace("END:VCALENDAR", "BEGIN:VEVENT\r\nUID:b\r\nEND:VEVENT\r\nEND:VCALENDAR")
    hook.then = answers(200, text.encode("utf-16"))
    given = {"name": "nights", "timezone": "UTC", "fallback": [to["ops"]], "calendar_url": hook.url}
    row = rostering.add(ada, given, at=DAY)
    view = rota_queries.rota(row, clock("10:00"))
    assert view.on_call.people == ["zoe"]
    assert view.calendar is not None
    assert view.calendar.warning.startswith("1 event can't be read and is left out: the event 'b' has no beginning")


def exported(
    client: Client, row: Rota, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> dict[str, tuple[datetime, datetime]]:
    """The events of the calendar file by their UIDs."""
    monkeypatch.setattr(rotas, "now_of", lambda request: at)
    calendar = Calendar.from_ical(client.get(f"/alerts/on-call/{row.pk}/on-call.ics").content)
    found = calendar.walk("VEVENT")
    told = {str(each["UID"]): (each.decoded("DTSTART"), each.decoded("DTEND")) for each in found}
    assert len(told) == len(found)
    return told


def test_exported_duties_keep_their_uids_and_share_none(
    to: dict[str, str], rota: Rota, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = rostering.add(
        ada, {"name": "other", "timezone": "UTC", "layers": [layer("ada", "grace")], "fallback": [to["ops"]]}, at=DAY
    )
    client = Client()
    reader = User.objects.get(username="grace")
    reader.groups.add(Group.objects.get(name="operator"))
    client.force_login(reader)
    first = exported(client, rota, DAY + timedelta(days=10), monkeypatch)
    assert not set(first) & set(exported(client, other, DAY + timedelta(days=10), monkeypatch))
    for hours in (1, 5, 11.5, 13, 36):
        later = exported(client, rota, DAY + timedelta(days=10, hours=hours), monkeypatch)
        # What lasts still, or is to come, is the same event as before.
        lasting = {uid: told for uid, told in first.items() if told[1] > DAY + timedelta(days=10, hours=hours)}
        last = max(told[0] for told in first.values())
        assert {uid: told for uid, told in later.items() if told[0] < last} == {
            uid: told for uid, told in lasting.items() if told[0] < last
        }


@settings(max_examples=120, deadline=None)
@given(raw=st.binary(max_size=200))
@example(raw=b"")
@example(raw=b"\xef\xbb\xbf")
@example(raw=b"\xff\xfe")
@example(raw="BEGIN".encode("utf-16-le") + b"\x00")
@example(raw=b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n")
@example(raw=b"BEGIN:VEVENT\nBEGIN:VEVENT\nEND:VEVENT\nEND:VEVENT")
@example(raw=b"\n \n \n ")
def test_any_bytes(raw: bytes) -> None:
    with suppress(BadCalendar):
        assert read_here(text_of(raw), "UTC", DAY, NEW_YEAR).error == ""


@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, len(NAMED.encode())),
    cut=st.integers(0, 12),
    put=st.sampled_from(
        [b"", b"\r\n ", b"\x00", b"\xff", b"BEGIN:VEVENT\r\n", b"END:VEVENT\r\n", b":", b";", b"\r", b"99999999999"]
    ),
)
@example(at=0, cut=6, put=b"")
def test_one_odd_place_in_a_calendar(at: int, cut: int, put: bytes) -> None:
    raw = NAMED.encode()
    with suppress(BadCalendar):
        said = read_here(text_of(raw[:at] + put + raw[at + cut :]), "UTC", DAY, NEW_YEAR)
        assert all(each.ends > each.begins for each in said.events)
