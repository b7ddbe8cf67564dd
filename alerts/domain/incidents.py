"""Incidents: outages close in time with one cause are one incident. Which one an opening joins; `suspects.py` says who is behind it.

An opening joins the open incident of its dependency, or that of a service further along: where B's breaker to C opened
before A's breaker to B, or a minute after it at most, C is the cause of both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

JOINS_WITHIN = timedelta(seconds=120)
JOINS_AT_MOST = timedelta(minutes=30)
WIDENS_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Opening:
    """A breaker that opened."""

    service: str
    dependency: str
    at: datetime


@dataclass(slots=True)
class Case:
    """An open incident, as far as joining needs it."""

    key: int
    cause: str
    started_at: datetime
    joined_at: datetime
    by_hand: bool = False
    refuted: frozenset[str] = frozenset()
    total: int = 0
    live: int = 0
    opened: dict[tuple[str, str], tuple[datetime, int]] = field(default_factory=dict)

    def joinable(self, at: datetime) -> bool:
        """Close enough in time, or at least half of its members are still open."""
        if at < self.started_at - JOINS_WITHIN:
            return False
        soon = at <= self.joined_at + JOINS_WITHIN and at <= self.started_at + JOINS_AT_MOST
        return soon or 2 * self.live >= max(self.total, 1)

    def join(self, opening: Opening) -> None:
        """One more member."""
        first, n = self.opened.get((opening.service, opening.dependency), (opening.at, 0))
        self.opened[opening.service, opening.dependency] = (min(first, opening.at), n + 1)
        self.total += 1
        self.live += 1
        self.started_at = min(self.started_at, opening.at)
        self.joined_at = max(self.joined_at, opening.at)

    def swallow(self, other: "Case") -> None:
        """Take another one's members."""
        for key, (first, n) in other.opened.items():
            known, m = self.opened.get(key, (first, 0))
            self.opened[key] = (min(first, known), n + m)
        self.total += other.total
        self.live += other.live
        self.started_at = min(self.started_at, other.started_at)
        self.joined_at = max(self.joined_at, other.joined_at)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an opening belongs. `case` None: a new incident. `cause`: what it is suspected of then. `swallows`: one that was the same all along."""

    case: Case | None
    cause: str
    swallows: Case | None = None


def place(opening: Opening, cases: Iterable[Case]) -> Placement:
    """The first that fits: the same cause, a cause further along the edges, an effect of this one, else a new incident."""
    near = [case for case in cases if case.joinable(opening.at) and opening.dependency not in case.refuted]
    same = next((case for case in near if case.cause == opening.dependency), None)
    target = same or next((case for case in near if _reaches(opening, case)), None)
    # A second one that cannot reach what the suspected service fails to reach itself: that is behind both.
    beyond = next((case for case in near if case is not target and not case.by_hand and _confirms(opening, case)), None)
    if target is None and beyond is not None:
        return Placement(beyond, opening.dependency)
    effect = next((case for case in near if case is not target and not case.by_hand and _explains(opening, case)), None)
    if target is None and effect is None:
        return Placement(None, opening.dependency)
    if target is None:
        return Placement(effect, opening.dependency)
    return Placement(target, target.cause, effect if not target.by_hand else None)


def _reaches(opening: Opening, case: Case) -> bool:
    """What this breaker guards is a service of the incident, whose own breaker opened before, or a minute after at most."""
    return any(
        service == opening.dependency and first <= opening.at + WIDENS_WITHIN
        for (service, _), (first, _) in case.opened.items()
    )


def _confirms(opening: Opening, case: Case) -> bool:
    """The incident's suspect is a service whose own breaker to the same dependency is a member."""
    return opening.service != case.cause and (case.cause, opening.dependency) in case.opened


def _explains(opening: Opening, case: Case) -> bool:
    """The incident's suspect is this breaker's own service: what it guards lies behind it."""
    return case.cause == opening.service and opening.at <= case.started_at + WIDENS_WITHIN
