"""Calendars: an iCalendar text (RFC 5545) read into shifts, and shifts written as one.

A calendar is somebody else's text. Its size, the number of its events and how often one may recur are bounded; and it is read in
a process of its own with a deadline, since a rule that never comes true (each 30 February) is looked for until the year 9999.

    python -m alerts.calendars Europe/Berlin 2026-11-23T00:00:00+00:00 2027-02-21T00:00:00+00:00 < calendar.ics
"""

import codecs
import re
import resource
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.domain.wording import plain
from breakers.errors import Invalid

LONGEST = 512 * 1024  # bytes of text
MOST_EVENTS = 2_000
MOST_NAMED = 3  # events that can't be read
MOST_SERIES = 100  # events that recur
MOST_SHIFTS = 2_000  # in the time that is looked at
EARLIEST = 2015  # the year in which a series may begin
RECURS = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
DEADLINE_S = 10
MOST_MEMORY = 1 << 30
ROOT = Path(__file__).resolve().parent.parent
NEEDED = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
FOLDED = re.compile(r"(?:\r\n|\n|\r)[ \t]")
FOLDED_BYTES = re.compile(rb"(?:\r\n|\n|\r)[ \t]")
WITHIN_A_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")


class Event(msgspec.Struct, frozen=True):
    """Once that an event lasts. `texts`: what may name people: addresses and names of those who attend, and its title."""

    begins: datetime
    ends: datetime
    title: str
    texts: tuple[str, ...]


class BadCalendar(Invalid):
    """A text that is no calendar, or one beyond the bounds."""

    def __init__(self, detail: str) -> None:
        super().__init__(("calendar", detail))


class TooMuch(BadCalendar):
    """The calendar as a whole is beyond the bounds."""


class Said(msgspec.Struct, frozen=True):
    """What the process that reads answers. `warning`: which events could not be read and are left out."""

    events: list[Event] = []
    warning: str = ""
    error: str = ""


def text_of(raw: bytes) -> str:
    """The text of a file. Lines are folded after so many bytes, within a letter too: they are joined before they are read as letters."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return FOLDED.sub("", raw.decode("utf-16", "replace"))
    # Without a mark, what begins with BEGIN shows by its zeros what it is.
    for encoding in ("utf-16-le", "utf-16-be"):
        if raw.startswith("BEGIN".encode(encoding)):
            return FOLDED.sub("", raw.decode(encoding, "replace"))
    return FOLDED_BYTES.sub(b"", raw.removeprefix(codecs.BOM_UTF8)).decode("utf-8", "replace")


def events(text: str, timezone: str, begins: datetime, ends: datetime) -> list[Event]:
    """The events of a calendar between two moments, in order. Times without a zone are those of `timezone`.

    Errors: BadCalendar.
    """
    return read(text, timezone, begins, ends).events


def read(text: str, timezone: str, begins: datetime, ends: datetime) -> Said:
    """The same, with what was left out of it. Errors: BadCalendar."""
    if len(text.encode(errors="replace")) > LONGEST:
        raise BadCalendar(f"the calendar is larger than {LONGEST // 1024} KiB")
    words = [sys.executable, "-m", "alerts.calendars", timezone, begins.isoformat(), ends.isoformat()]
    try:
        done = subprocess.run(
            words, input=text.encode(errors="replace"), capture_output=True, cwd=ROOT, timeout=DEADLINE_S, check=True
        )
    except subprocess.TimeoutExpired:
        raise BadCalendar(f"the calendar could not be read within {DEADLINE_S} s") from None
    except subprocess.CalledProcessError:
        raise BadCalendar("the calendar could not be read: it needs too much time or memory") from None
    said = msgspec.json.decode(done.stdout, type=Said)
    if said.error:
        raise BadCalendar(said.error)
    return said


def read_here(text: str, timezone: str, begins: datetime, ends: datetime) -> Said:
    """The same in this process, however long it takes. An event that can't be read is left out and named. Errors: BadCalendar."""
    outside, inside = _parted(FOLDED.sub("", text.removeprefix("\ufeff")))
    if len(inside) > MOST_EVENTS:
        raise BadCalendar(f"the calendar has more than {MOST_EVENTS:,} events")
    zone, bad = ZoneInfo(timezone), list[tuple[str, BadCalendar]]()

    def between(some: list[str]) -> list[Event]:
        return _between(outside, some, zone, begins, ends)

    try:
        found = between(inside)
    except TooMuch:
        raise
    except BadCalendar:
        _require_calendar(between)
        bad = _strangers(inside, between)
        names = {id(event) for event, _ in bad}
        good = [event for event in inside if id(event) not in names]
        if not good:
            raise BadCalendar(f"{_named(bad[0][0])} {bad[0][1]}") from None
        found = between(good)
    found.sort(key=lambda event: (event.begins, event.ends, event.title))
    return Said(found, _warning(bad))


def _require_calendar(between: Callable[[list[str]], list[Event]]) -> None:
    """Without any of its events it is a calendar still. Errors: BadCalendar."""
    try:
        between([])
    except BadCalendar as error:
        raise BadCalendar(f"this {str(error).removeprefix('this ')}") from None


def _between(outside: list[str], inside: list[str], zone: ZoneInfo, begins: datetime, ends: datetime) -> list[Event]:
    import recurring_ical_events

    try:
        calendar = _read("\r\n".join([*outside[:-1], *inside, *outside[-1:], ""]))
        found = recurring_ical_events.of(calendar).between(begins, ends)
        if len(found) > MOST_SHIFTS:
            raise TooMuch(
                f"the calendar has {len(found):,} events in {(ends - begins).days} days; at most {MOST_SHIFTS:,}"
            )
        return [event for each in found if (event := _event(each, zone)) is not None]
    except BadCalendar:
        raise
    except Exception as error:
        # Whatever a library makes of somebody else's text.
        raise BadCalendar(f"can't be read as a calendar (RFC 5545): {plain(str(error), 200)}") from None


def _parted(text: str) -> tuple[list[str], list[str]]:
    """The lines outside of events, and the events, a text each."""
    outside: list[str] = []
    inside: list[str] = []
    held: list[str] | None = None
    for line in re.split(r"\r\n|\n|\r", text):
        word = line.strip().upper()
        if word == "BEGIN:VEVENT":
            held = [line]
            inside.append("")
        elif held is not None and word != "END:VCALENDAR":
            held.append(line)
        elif line.strip():
            outside.append(line)
        if held is not None and (word in {"END:VEVENT", "END:VCALENDAR"}):
            inside[-1] = "\r\n".join(each for each in held if each.strip())
            held = None
            if word == "END:VCALENDAR":
                outside.append(line)
    if held is not None:
        inside[-1] = "\r\n".join(each for each in held if each.strip())
    return outside, inside


def _strangers(inside: list[str], between: Callable[[list[str]], list[Event]]) -> list[tuple[str, BadCalendar]]:
    """The events that can't be read, each with why; looked for by halves."""
    try:
        between(inside)
    except TooMuch:
        raise
    except BadCalendar as error:
        if len(inside) == 1:
            return [(inside[0], error)]
        middle = len(inside) // 2
        return [*_strangers(inside[:middle], between), *_strangers(inside[middle:], between)]
    return []


def _warning(bad: list[tuple[str, BadCalendar]]) -> str:
    """1 event can't be read and is left out: the event 'On call: Grace' has no beginning (DTSTART)"""
    if not bad:
        return ""
    some = "; ".join(f"{_named(event)} {why}" for event, why in bad[:MOST_NAMED])
    more = f"; and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
    count = (
        "1 event can't be read and is left out"
        if len(bad) == 1
        else f"{len(bad)} events can't be read and are left out"
    )
    return plain(f"{count}: {some}{more}", 500)


def _named(event: str) -> str:
    for name in ("SUMMARY", "UID"):
        told = re.search(rf"(?im)^{name}(?:;[^:\r\n]*)?:(.*)$", event)
        if told and told[1].strip():
            return f"the event '{plain(told[1].strip(), 60)}'"
    return "an event without a title"


def written(
    name: str,
    slots: Iterable[tuple[str, datetime, datetime, str]],
    at: datetime,
    *,
    key: str = "",
    since: datetime | None = None,
) -> bytes:
    """A calendar of who is on call: a title, a beginning, an end and a remark each.

    key: what is the rota's own, so that no two calendars share an event. since: before this nothing was looked at; what begins
    there began at some time before.
    """
    from icalendar import Calendar
    from icalendar import Event as Entry

    calendar = Calendar()
    calendar.add("prodid", "-//Breakerboard//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", plain(name))
    for title, begins, ends, remark in slots:
        entry = Entry()
        began = "always" if begins == since else f"{begins.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        entry.add("uid", f"{key or plain(name)}-{began}@breakerboard")
        entry.add("dtstamp", at.astimezone(UTC).replace(microsecond=0))
        entry.add("dtstart", begins.astimezone(UTC))
        entry.add("dtend", ends.astimezone(UTC))
        entry.add("summary", plain(title, 200))
        if remark:
            entry.add("description", plain(remark, 300))
        calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _read(text: str) -> Any:
    from icalendar import Calendar

    calendar = Calendar.from_ical(text)
    if getattr(calendar, "name", "") != "VCALENDAR":
        raise BadCalendar("this is no calendar: it does not begin with BEGIN:VCALENDAR")
    series = sum(1 for _ in _series(calendar))
    if series > MOST_SERIES:
        raise TooMuch(f"the calendar has {series} events that recur; at most {MOST_SERIES}")
    return calendar


def _series(calendar: Any) -> Iterator[Any]:
    """The events that recur. Errors: BadCalendar for one without a time, or that recurs more often than anyone takes turns."""
    for event in calendar.walk("VEVENT"):
        for name, why in getattr(event, "errors", []):
            if name in NEEDED:
                raise BadCalendar(f"has a {name} that can't be read: {plain(str(why), 100)}")
        if event.get("DTSTART") is None:
            raise BadCalendar("has no beginning (DTSTART)")
        rules = event.get("RRULE")
        dates = event.get("RDATE")
        if rules is None and dates is None:
            continue
        for rule in rules if isinstance(rules, list) else [rules] if rules is not None else []:
            often = [str(each).upper() for each in rule.get("FREQ", [])]
            if not RECURS.issuperset(often) or any(len(rule.get(part, [])) > 1 for part in WITHIN_A_DAY):
                raise BadCalendar("recurs more than once a day; at most DAILY")
        starts = event.decoded("DTSTART", None)
        if not isinstance(starts, date) or starts.year < EARLIEST:
            raise BadCalendar(f"recurs since before {EARLIEST}")
        yield event


def _event(found: Any, zone: ZoneInfo) -> Event | None:
    """Errors: BadCalendar."""
    if str(found.get("STATUS", "")).upper() == "CANCELLED":
        return None
    begins, ends = _moment(found.decoded("DTSTART"), zone), _moment(found.decoded("DTEND"), zone)
    if ends <= begins:
        return None
    title = _told(found.get("SUMMARY", ""))
    attend = found.get("ATTENDEE", [])
    texts = []
    for each in attend if isinstance(attend, list) else [attend]:
        params = getattr(each, "params", {})
        # Who said no is not on call, nor is who passed it on.
        if str(params.get("PARTSTAT", "")).upper() in {"DECLINED", "DELEGATED"}:
            continue
        texts += [_told(each).lower().removeprefix("mailto:"), _told(params.get("CN", ""))]
    return Event(begins, ends, title, tuple(text for text in (*texts[:40], title) if text))


def _told(text: object) -> str:
    """A text of the calendar, its letters composed: Zoë is Zoë, however she was typed."""
    return plain(unicodedata.normalize("NFC", str(text)), 200)


def _moment(value: Any, zone: ZoneInfo) -> datetime:
    """A whole day begins at midnight there; a time without a zone is one there."""
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            raise BadCalendar("has no time")
        value = datetime.combine(value, time())
    at: datetime = value if value.tzinfo else value.replace(tzinfo=zone)
    return at.astimezone(UTC)


def horizon(now: datetime) -> tuple[datetime, datetime]:
    """What of a calendar is read ahead: if it can't be asked again for weeks, it is still known who is on call."""
    return now - timedelta(days=2), now + timedelta(days=90)


def main() -> None:
    """Read the calendar of the standard input, and print its events as JSON."""
    resource.setrlimit(resource.RLIMIT_CPU, (DEADLINE_S, DEADLINE_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    timezone, begins, ends = sys.argv[1:]
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    try:
        said = read_here(text, timezone, datetime.fromisoformat(begins), datetime.fromisoformat(ends))
    except BadCalendar as refused:
        said = Said(error=str(refused))
    sys.stdout.buffer.write(msgspec.json.encode(said))


if __name__ == "__main__":
    main()
