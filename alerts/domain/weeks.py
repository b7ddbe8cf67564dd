"""Weeks, without a database: what a team's breakers did in one, in numbers and in words."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.domain.wording import plain, span

LASTS = timedelta(days=7)
# On the Monday after it, and no later than a day: who was down for longer tells no old news.
TOLD_AT = timedelta(hours=8)
TOLD_UNTIL = timedelta(hours=32)
NOBODY = "no team"
MOST_NOISY = 5


@dataclass(frozen=True, slots=True)
class Trip:
    """An outage of a breaker; `ended_at` null: it lasts."""

    team: str
    breaker: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert that began: of whose, and of what."""

    team: str
    name: str


@dataclass(frozen=True, slots=True)
class TeamWeek:
    """A team's week. `recovery_s`: the mean of what ended in it, null where nothing did; `noisiest`: (alert, how often), most first."""

    team: str
    breakers: int
    trips: int
    open_minutes: float
    recovery_s: float | None
    alerts: int
    noisiest: tuple[tuple[str, int], ...]

    @property
    def said(self) -> str:
        """logistics: 12 trips of 3 breakers, open for 1 h 4 min in all"""
        if not self.trips and not self.open_minutes:
            return f"{plain(self.team)}: nothing opened"
        if not self.trips:
            lasted = span(timedelta(minutes=self.open_minutes))
            return f"{plain(self.team)}: nothing opened anew, open for {lasted} in all since the week before"
        opened = f"{self.trips} trip{'s' * (self.trips != 1)} of {self.breakers} breaker{'s' * (self.breakers != 1)}"
        return f"{plain(self.team)}: {opened}, open for {span(timedelta(minutes=self.open_minutes))} in all"

    @property
    def lines(self) -> tuple[str, ...]:
        """What else there is to tell, a line each."""
        recovery = (
            "nothing recovered"
            if self.recovery_s is None
            else f"recovered after {span(timedelta(seconds=self.recovery_s))} on average"
        )
        raised = f"{self.alerts} alert{'s' * (self.alerts != 1)}"
        return (recovery, raised, *(f"{n} × {plain(name, 200)}" for name, n in self.noisiest))


def monday_of(at: datetime) -> datetime:
    """The beginning of its week, UTC as given."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=at.weekday())


def told_now(now: datetime) -> datetime | None:
    """The Monday of the week that is to be told of at this moment; None: it is not the hour."""
    monday = monday_of(now)
    return monday - LASTS if TOLD_AT <= now - monday < TOLD_UNTIL else None


def of_teams(trips: Iterable[Trip], raised: Iterable[Raised], start: datetime, end: datetime) -> list[TeamWeek]:
    """Each team in whose breakers' or services' week something happened, by name."""
    by_team: dict[str, list[Trip]] = {}
    for trip in trips:
        by_team.setdefault(trip.team, []).append(trip)
    alerts: dict[str, Counter[str]] = {}
    for each in raised:
        alerts.setdefault(each.team, Counter())[each.name] += 1
    return [
        _of(team, by_team.get(team, []), alerts.get(team, Counter()), start, end)
        for team in sorted({*by_team, *alerts})
    ]


def _of(team: str, trips: list[Trip], alerts: Counter[str], start: datetime, end: datetime) -> TeamWeek:
    begun = [trip for trip in trips if start <= trip.started_at < end]
    lasted = [min(trip.ended_at or end, end) - max(trip.started_at, start) for trip in trips]
    recovered = [trip.ended_at - trip.started_at for trip in trips if trip.ended_at is not None and trip.ended_at < end]
    return TeamWeek(
        team=team,
        breakers=len({trip.breaker for trip in begun}),
        trips=len(begun),
        open_minutes=sum(lasted, timedelta()) / timedelta(minutes=1),
        recovery_s=sum(recovered, timedelta()).total_seconds() / len(recovered) if recovered else None,
        alerts=alerts.total(),
        noisiest=tuple(sorted(alerts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_NOISY]),
    )
