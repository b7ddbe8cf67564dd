"""Calendars: an iCalendar text (RFC 5545) read into shifts, and shifts written as one.

A calendar is somebody else's text. Its size, the number of its events and how often one may recur are bounded; and it is read in
a process of its own with a deadline, since a rule that never comes true (each 30 February) is looked for until the year 9999.

    python -m alerts.calendars Europe/Berlin 2026-11-23T00:00:00+00:00 2027-02-21T00:00:00+00:00 < calendar.ics
"""

import resource
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from alerts.domain.wording import plain
from breakers.errors import Invalid

LONGEST = 512 * 1024  # bytes of text
MOST_EVENTS = 2_000
MOST_SERIES = 100  # events that recur
MOST_SHIFTS = 2_000  # in the time that is looked at
EARLIEST = 2015  # the year in which a series may begin
RECURS = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
DEADLINE_S = 10
MOST_MEMORY = 1 << 30
ROOT = Path(__file__).resolve().parent.parent
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


class Said(msgspec.Struct, frozen=True):
    """What the process that reads answers."""

    events: list[Event] = []
    error: str = ""


def events(text: str, timezone: str, begins: datetime, ends: datetime) -> list[Event]:
    """The events of a calendar between two moments, in order. Times without a zone are those of `timezone`.

    Errors: BadCalendar.
    """
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
    return said.events


def events_here(text: str, timezone: str, begins: datetime, ends: datetime) -> list[Event]:
    """The same in this process, however long it takes. Errors: BadCalendar."""
    import recurring_ical_events

    try:
        found = recurring_ical_events.of(_read(text)).between(begins, ends)
        if len(found) > MOST_SHIFTS:
            raise BadCalendar(
                f"the calendar has {len(found):,} events in {(ends - begins).days} days; at most {MOST_SHIFTS:,}"
            )
        zone = ZoneInfo(timezone)
        told = [event for each in found if (event := _event(each, zone)) is not None]
    except BadCalendar:
        raise
    except Exception as error:
        # Whatever a library makes of somebody else's text.
        raise BadCalendar(f"this can't be read as a calendar (RFC 5545): {plain(str(error), 200)}") from None
    return sorted(told, key=lambda event: (event.begins, event.ends, event.title))


def written(name: str, slots: Iterable[tuple[str, datetime, datetime, str]], at: datetime) -> bytes:
    """A calendar of who is on call: a title, a beginning, an end and a remark each."""
    from icalendar import Calendar
    from icalendar import Event as Entry

    calendar = Calendar()
    calendar.add("prodid", "-//Breakerboard//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", plain(name))
    for title, begins, ends, remark in slots:
        entry = Entry()
        entry.add("uid", f"{begins:%Y%m%dT%H%M%SZ}-{ends:%Y%m%dT%H%M%SZ}@breakerboard")
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

    if text.count("BEGIN:VEVENT") > MOST_EVENTS:
        raise BadCalendar(f"the calendar has more than {MOST_EVENTS:,} events")
    calendar = Calendar.from_ical(text)
    if getattr(calendar, "name", "") != "VCALENDAR":
        raise BadCalendar("this is no calendar: it does not begin with BEGIN:VCALENDAR")
    series = sum(1 for _ in _series(calendar))
    if series > MOST_SERIES:
        raise BadCalendar(f"the calendar has {series} events that recur; at most {MOST_SERIES}")
    return calendar


def _series(calendar: Any) -> Iterator[Any]:
    """The events that recur. Errors: BadCalendar for one that recurs more often than anyone takes turns."""
    for event in calendar.walk("VEVENT"):
        rules = event.get("RRULE")
        dates = event.get("RDATE")
        if rules is None and dates is None:
            continue
        for rule in rules if isinstance(rules, list) else [rules] if rules is not None else []:
            often = [str(each).upper() for each in rule.get("FREQ", [])]
            if not RECURS.issuperset(often) or any(len(rule.get(part, [])) > 1 for part in WITHIN_A_DAY):
                raise BadCalendar("an event of the calendar recurs more than once a day; at most DAILY")
        starts = event.decoded("DTSTART", None)
        if not isinstance(starts, date) or starts.year < EARLIEST:
            raise BadCalendar(f"an event of the calendar recurs since before {EARLIEST}")
        yield event


def _event(found: Any, zone: ZoneInfo) -> Event | None:
    """Errors: BadCalendar."""
    if str(found.get("STATUS", "")).upper() == "CANCELLED":
        return None
    begins, ends = _moment(found.decoded("DTSTART"), zone), _moment(found.decoded("DTEND"), zone)
    if ends <= begins:
        return None
    title = plain(str(found.get("SUMMARY", "")), 200)
    attend = found.get("ATTENDEE", [])
    texts = []
    for each in attend if isinstance(attend, list) else [attend]:
        texts += [str(each).lower().removeprefix("mailto:"), str(getattr(each, "params", {}).get("CN", ""))]
    return Event(begins, ends, title, tuple(plain(text, 200) for text in (*texts[:40], title) if text))


def _moment(value: Any, zone: ZoneInfo) -> datetime:
    """A whole day begins at midnight there; a time without a zone is one there."""
    if not isinstance(value, datetime):
        if not isinstance(value, date):
            raise BadCalendar("an event of the calendar has no time")
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
        said = Said(events_here(text, timezone, datetime.fromisoformat(begins), datetime.fromisoformat(ends)))
    except BadCalendar as refused:
        said = Said(error=str(refused))
    sys.stdout.buffer.write(msgspec.json.encode(said))


if __name__ == "__main__":
    main()
