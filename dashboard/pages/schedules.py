"""Schedules: two weeks of a rota as lanes, one a person, and as a list; in the time of the rota's own place."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.domain.rotas import Duty, instant
from alerts.models import Override, Rota
from alerts.rota_queries import Roster

DAYS = 14
WIDTH = 1_400  # units across a lane: a hundred a day, but for those on which the clock changes
NARROWEST = 6
NOBODY = "Nobody"
MOST_ROWS = 40

# From a moment to its place in a lane.
Place = Callable[[datetime], int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A duty in a lane, in units from its left end. `kind`: turn, override, calendar, or nobody."""

    kind: str
    x: int
    width: int
    said: str


@dataclass(frozen=True, slots=True)
class Lane:
    """Someone's duties; of nobody, the gaps."""

    name: str
    kind: str
    pieces: tuple[Piece, ...]

    @property
    def said(self) -> str:
        """The drawing in words."""
        return "; ".join(piece.said for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Row:
    """A duty as a line of the list. `now`: it lasts."""

    begins: str
    ends: str
    who: str
    why: str
    gap: bool
    now: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a page draws. `days`: their names and numbers; `gaps`: where nobody is, in sentences; `now_x`: how far today is."""

    timezone: str
    days: tuple[tuple[str, str], ...]
    ticks: tuple[int, ...]
    now_x: int
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    gaps: tuple[str, ...]


def schedule(roster: Roster, row: Rota, draft: Override | None = None) -> Schedule:
    """Two weeks from this morning; `draft`: with an override that is not saved."""
    zone = ZoneInfo(row.timezone)
    today = roster.now.astimezone(zone).date()
    edges = [instant(today + timedelta(days=n), datetime.min.time(), row.timezone) for n in range(DAYS + 1)]
    begins, ends = edges[0], edges[-1]

    def x(at: datetime) -> int:
        return round(WIDTH * ((min(max(at, begins), ends) - begins) / (ends - begins)))

    duties = roster.duties(row, begins, ends, draft)
    gaps = [each for each in roster.gaps(duties) if each.ends > roster.now]
    lanes = [_gap_lane(gaps, x, zone)] if gaps else []
    for person in dict.fromkeys(person for each in duties for person in each.people):
        pieces = tuple(
            _piece(_kind(each), each, x, f"{_span(each, zone)}{f', {each.why}' if each.why else ''}")
            for each in duties
            if person in each.people
        )
        lanes.append(Lane(roster.name(person), "person", pieces))
    return Schedule(
        timezone=row.timezone,
        days=tuple((f"{at.astimezone(zone):%a}", f"{at.astimezone(zone):%-d}") for at in edges[:-1]),
        ticks=tuple(x(at) for at in edges[1:-1]),
        now_x=x(roster.now),
        lanes=tuple(lanes),
        rows=tuple(_row(each, roster, zone) for each in duties if each.ends > roster.now)[:MOST_ROWS],
        gaps=tuple(_gap(each, roster, zone) for each in gaps),
    )


def local(at: datetime, zone: ZoneInfo) -> str:
    """Fri 27 Nov 18:00"""
    return f"{at.astimezone(zone):%a %-d %b %H:%M}"


def sentence(roster: Roster, row: Rota, draft: Override) -> str:
    """What an override would change: Grace instead of Ada, from Fri 27 Nov 18:00 to Mon 30 Nov 09:00."""
    before = roster.duties(row, draft.begins_at, draft.ends_at)
    people = dict.fromkeys(person for each in before for person in each.people if person != str(draft.user_id))
    instead = " and ".join(roster.name(each) for each in people)
    if any(not each.people for each in before):
        instead = f"{instead} and nobody" if instead else "nobody"
    zone = ZoneInfo(row.timezone)
    when = f"from {local(draft.begins_at, zone)} to {local(draft.ends_at, zone)}"
    name = roster.name(str(draft.user_id))
    return f"{name} instead of {instead}, {when}" if instead else f"{name} is on call then anyhow, {when}"


def _gap_lane(gaps: list[Duty], x: Place, zone: ZoneInfo) -> Lane:
    return Lane(NOBODY, "nobody", tuple(_piece("nobody", each, x, _span(each, zone)) for each in gaps))


def _piece(kind: str, duty: Duty, x: Place, said: str) -> Piece:
    start = x(duty.begins)
    return Piece(kind, start, max(x(duty.ends) - start, NARROWEST), said)


def _kind(duty: Duty) -> str:
    if duty.why.startswith("override"):
        return "override"
    return "calendar" if duty.why == "by the calendar" else "turn"


def _row(duty: Duty, roster: Roster, zone: ZoneInfo) -> Row:
    who = " and ".join(roster.name(each) for each in duty.people) or NOBODY
    gap = roster.reachable.isdisjoint(duty.people)
    why = duty.why
    if gap and duty.people:
        why = f"{why}, can't be reached" if why else "can't be reached"
    now = duty.begins <= roster.now < duty.ends
    return Row(local(duty.begins, zone), local(duty.ends, zone), who, why, gap, now)


def _gap(duty: Duty, roster: Roster, zone: ZoneInfo) -> str:
    who = " and ".join(roster.name(each) for each in duty.people)
    return f"{who} can't be reached {_span(duty, zone)}" if who else f"{NOBODY} {_span(duty, zone)}"


def _span(duty: Duty, zone: ZoneInfo) -> str:
    return f"from {local(duty.begins, zone)} to {local(duty.ends, zone)}"
