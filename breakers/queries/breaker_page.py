"""A breaker's page, and what refreshes it: everything that is told of one breaker, from as few looks as it can be.

Each table is asked once, whatever parts of the page tell of it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from breakers.domain.headlines import counted
from breakers.ids import known_id
from breakers.queries import history
from breakers.queries.annotations import Scope, marks_within
from breakers.queries.details import detailed, newest_events, why_of
from breakers.queries.history import Failing, SettingsView, Trips, Upstream
from breakers.queries.past import Seen, details_at, headlines_at
from breakers.queries.shapes import AnnotationView, Card, Details, EventView, Timeline, Why
from breakers.queries.steps import Steps, steps
from breakers.queries.timeline import drawn


@dataclass(frozen=True, slots=True)
class Stretch:
    """The range of a timeline, in how many buckets at most, and whether each instance has its lane."""

    start: datetime
    end: datetime
    points: int
    lanes: bool


class Range(NamedTuple):
    """A timeline, and what is told beside it."""

    details: Details
    line: Timeline
    marks: list[AnnotationView]
    failing: Failing


class Opening(NamedTuple):
    """The last opening, and what there was in the half hour before it."""

    why: Why | None
    marks: list[AnnotationView]
    changes: list[SettingsView]
    opened: list[Upstream]


class News(NamedTuple):
    """What of a page changes with what happens, whatever range is looked at."""

    details: Details
    opening: Opening
    trips: list[Trips]
    settings: list[SettingsView]
    events: list[EventView]
    last_mark: str


class BreakerPage(NamedTuple):
    """All of it. `counts`: of the board at that moment, where it is past."""

    news: News
    range: Range
    counts: dict[str, int] | None


def breaker_page(
    breaker_id: str, stretch: Stretch, now: datetime, *, events: int, present: datetime | None = None
) -> BreakerPage:
    """The page at a moment; `present`: the moment from which it is looked back. Errors: NotFound."""
    number = known_id(breaker_id)
    known = _steps(number, stretch, now)
    last = newest_events(number, now if present else None, events)
    trips, opened = history.outages_told(number, now)
    opened_at = trips[-1].started_at if trips else None
    before = (opened_at - history.LOOKED_BACK, opened_at) if opened_at else None
    settings, changes, config = history.settings_told(number, now, *(before or ()))
    counts = None
    if present is None:
        details = detailed(breaker_id, now, known)
    else:
        headlines = headlines_at(now)
        counts = counted(state for state, _ in headlines.values())
        details = details_at(breaker_id, now, present, Seen(headlines, known, config, last))
    windows = [(stretch.start, stretch.end), *([before] if before else [])]
    marks, last_mark = marks_within(_scope(details.card), *windows)
    failing = history.failing(number, stretch.start, stretch.end, opened_at=opened_at)
    why = why_of(trips[-1], failing.opening, now) if trips else None
    opening = Opening(why, marks[1] if before else [], changes, opened)
    news = News(details, opening, history.trips(trips, now), settings, last, last_mark)
    line = drawn(details.card, known, stretch.start, stretch.end, now, points=stretch.points)
    return BreakerPage(news, Range(details, line, marks[0], failing), counts)


def breaker_news(breaker_id: str, now: datetime, *, events: int) -> News:
    """What the page asks for again when something happened. Errors: NotFound."""
    number = known_id(breaker_id)
    details = detailed(breaker_id, now, steps(number, now))
    trips, opened = history.outages_told(number, now)
    opened_at = trips[-1].started_at if trips else None
    before = (opened_at - history.LOOKED_BACK, opened_at) if opened_at else None
    settings, changes, _ = history.settings_told(number, now, *(before or ()))
    marks, last_mark = marks_within(_scope(details.card), *([before] if before else []))
    errors = history.failing(number, opened_at=opened_at).opening if opened_at else []
    why = why_of(trips[-1], errors, now) if trips else None
    opening = Opening(why, marks[0] if before else [], changes, opened)
    last = newest_events(number, None, events)
    return News(details, opening, history.trips(trips, now), settings, last, last_mark)


def breaker_range(breaker_id: str, stretch: Stretch, now: datetime, present: datetime | None = None) -> Range:
    """A timeline of the page, and what it says of its range. Errors: NotFound."""
    number = known_id(breaker_id)
    known = _steps(number, stretch, now)
    if present is None:
        details = detailed(breaker_id, now, known)
    else:
        config = history.settings_told(number, now)[2]
        last = newest_events(number, now, 1)
        details = details_at(breaker_id, now, present, Seen(headlines_at(now, [number]), known, config, last))
    marks, _ = marks_within(_scope(details.card), (stretch.start, stretch.end))
    line = drawn(details.card, known, stretch.start, stretch.end, now, points=stretch.points)
    return Range(details, line, marks[0], history.failing(number, stretch.start, stretch.end))


def breaker_picture(breaker_id: str, stretch: Stretch, now: datetime) -> tuple[Details, Timeline]:
    """What the socket tells of the page. Errors: NotFound."""
    known = _steps(known_id(breaker_id), stretch, now)
    details = detailed(breaker_id, now, known)
    return details, drawn(details.card, known, stretch.start, stretch.end, now, points=stretch.points)


def _steps(number: int, stretch: Stretch, now: datetime) -> Steps:
    return steps(number, now, stretch.start, min(stretch.end, now), lanes=stretch.lanes)


def _scope(card: Card) -> Scope:
    return Scope(card.service, card.name, card.dependency)
