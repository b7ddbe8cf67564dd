"""Rotas, without a database: who is on call at a moment and why, who comes next, and where nobody is.

Handovers happen by the clock of the rota's own place: at 09:00 there, whatever the clock change does to the hours between. What
the spring takes away (02:30) counts as an hour later; of what the autumn has twice, the first counts.
"""

import re
import unicodedata
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.domain.routes import DAYS, Hours

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns: each for so many days, handed over at a time of day. `hours`: when they are on call; None: always."""

    people: tuple[str, ...]
    since: date
    at: time
    every_days: int
    hours: Hours | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Someone in the place of whoever it would be."""

    id: int
    person: str
    begins: datetime
    ends: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Shift:
    """An event of a calendar. `people`: whom it names, of those who are known here; `strangers`: what it says where it names nobody."""

    people: tuple[str, ...]
    begins: datetime
    ends: datetime
    strangers: str = ""


@dataclass(frozen=True, slots=True)
class Rota:
    """What decides, the strongest first: overrides, the calendar, the layers in their order."""

    timezone: str
    layers: tuple[Layer, ...] = ()
    shifts: tuple[Shift, ...] = ()
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is on call from when to when; nobody: a gap. `why`: in words, empty where it is their turn."""

    people: tuple[str, ...]
    begins: datetime
    ends: datetime
    why: str = ""


def on_call(rota: Rota, at: datetime) -> tuple[tuple[str, ...], str]:
    """Who is on call at a moment, and why it is they."""
    at = at.astimezone(UTC)
    standing_in = [each for each in rota.overrides if each.begins <= at < each.ends]
    if standing_in:
        # The newest word counts.
        last = max(standing_in, key=lambda each: each.id)
        return (last.person,), f"override by {last.by}"
    now = [each for each in rota.shifts if each.begins <= at < each.ends]
    named = tuple(dict.fromkeys(person for each in now for person in each.people))
    if named:
        return named, "by the calendar"
    strangers = next((each.strangers for each in now if each.strangers), "")
    said = f"the calendar says '{strangers}', which names nobody known here" if strangers else ""
    for layer in rota.layers:
        if layer.people and _begun(layer, rota.timezone, at) and _awake(layer, rota.timezone, at):
            return (layer.people[_turn(layer, rota.timezone, at) % len(layer.people)],), said
    return (), said


def duties(rota: Rota, begins: datetime, ends: datetime) -> list[Duty]:
    """Who is on call from a moment to another, without a hole: where nobody is, a duty of nobody."""
    begins, ends = begins.astimezone(UTC), ends.astimezone(UTC)
    near = [each for each in rota.shifts if each.begins < ends and each.ends > begins]
    rota = replace(rota, shifts=tuple(near))
    edges = sorted({begins, *(each for each in _edges(rota, begins, ends) if begins < each < ends)})
    found: list[Duty] = []
    for start, end in zip(edges, [*edges[1:], ends], strict=True):
        people, why = on_call(rota, start)
        if found and (found[-1].people, found[-1].why) == (people, why):
            found[-1] = replace(found[-1], ends=end)
        else:
            found.append(Duty(people, start, end, why))
    return found


def gaps(some: Iterable[Duty], reachable: Set[str]) -> list[Duty]:
    """Where nobody is on call, or nobody of those who are can be reached."""
    found: list[Duty] = []
    for each in some:
        if not reachable.isdisjoint(each.people):
            continue
        if found and found[-1].ends == each.begins and found[-1].people == each.people:
            found[-1] = replace(found[-1], ends=each.ends)
        else:
            found.append(each)
    return found


def instant(day: date, at: time, timezone: str) -> datetime:
    """The moment of a time of day at a place."""
    return datetime.combine(day, at, ZoneInfo(timezone)).astimezone(UTC)


def named(texts: Iterable[str], known: Iterable[tuple[str, Iterable[str]]]) -> tuple[str, ...]:
    """Whom the texts of a calendar's event mean, of people and their names: by a whole text, else by the words in one."""
    people = [(person, {_folded(name) for name in names if name}) for person, names in known]
    said = [_folded(text) for text in texts if text.strip()]
    exactly = tuple(person for person, names in people if not names.isdisjoint(said))
    return exactly or tuple(
        person for person, names in people if any(_holds(text, name) for name in names for text in said)
    )


def _folded(text: str) -> str:
    """Without what typing adds: case, and letters put together of several signs."""
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _holds(text: str, name: str) -> bool:
    """Whether the name stands in the text as words of its own: Ada is not in Adam."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _turn(layer: Layer, timezone: str, at: datetime) -> int:
    """How many handovers there were since the first."""
    number = (at.astimezone(ZoneInfo(timezone)).date() - layer.since).days // layer.every_days
    if at < _handover(layer, timezone, number):
        number -= 1
    elif at >= _handover(layer, timezone, number + 1):
        number += 1
    return number


def _begun(layer: Layer, timezone: str, at: datetime) -> bool:
    """Before its first handover a layer names nobody."""
    return at >= _handover(layer, timezone, 0)


def _handover(layer: Layer, timezone: str, number: int) -> datetime:
    return instant(layer.since + number * layer.every_days * DAY, layer.at, timezone)


def _awake(layer: Layer, timezone: str, at: datetime) -> bool:
    if layer.hours is None:
        return True
    today = at.astimezone(ZoneInfo(timezone)).date()
    # Yesterday's: over midnight.
    return any(begins <= at < ends for begins, ends in _windows(layer.hours, timezone, today - DAY, today))


def _windows(hours: Hours, timezone: str, first: date, last: date) -> Iterable[tuple[datetime, datetime]]:
    for number in range((last - first).days + 1):
        day = first + number * DAY
        if DAYS[day.weekday()] in hours.days:
            over = day if hours.begins < hours.ends else day + DAY
            yield instant(day, hours.begins, timezone), instant(over, hours.ends, timezone)


def _edges(rota: Rota, begins: datetime, ends: datetime) -> Iterable[datetime]:
    """Every moment at which it may change; more than needed does no harm."""
    for override in rota.overrides:
        yield from (override.begins, override.ends)
    for shift in rota.shifts:
        yield from (shift.begins, shift.ends)
    zone = ZoneInfo(rota.timezone)
    first, last = begins.astimezone(zone).date() - DAY, ends.astimezone(zone).date() + DAY
    for layer in rota.layers:
        number = max((first - layer.since).days // layer.every_days, 0)
        while (moment := _handover(layer, rota.timezone, number)) < ends:
            yield moment
            number += 1
        if layer.hours is not None:
            for window in _windows(layer.hours, rota.timezone, first, last):
                yield from window
