"""Suspects: what is behind an incident, how much that is worth, and why; from what opened, what did not, and who calls whom.

A service is a dependency of those that call it: so the map of calls leads from an effect to its cause. What did not open is evidence as
much as what did, where it had calls. `benchmarks/causes.py` measures how often each confidence is right.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.domain.wording import plain, span

# {(service, dependency): (its first opening, how many breakers)} of an incident's members.
Edge = tuple[str, str]
Opened = Mapping[Edge, tuple[datetime, int]]

# What opened so long before or after an incident's openings is of the same moment.
BESIDE = timedelta(seconds=120)
# A change of a service so long before is held against it.
CHANGED_WITHIN = timedelta(minutes=10)
# A service's own calls open within this time after those that call it, if they are the cause.
OWN_CALLS_TELL = timedelta(seconds=60)
WIDE = 3
# Of the services that call it and have calls now; the fewer opened, the more of them it must be.
HALF = 0.5
MOST_OF = {2: 1.0, 3: 0.75}
MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """What can be seen around an incident. `beside`: what else opened at that time; `calm`: closed, with calls in the last minute.

    `changed`: (name, when) of deploys and changes of settings. `now`: when this is looked at.
    """

    now: datetime
    opened: Opened
    beside: Mapping[Edge, datetime] = field(default_factory=dict)
    calm: frozenset[Edge] = frozenset()
    changed: Sequence[tuple[str, datetime]] = ()

    @property
    def began(self) -> datetime:
        """The first opening."""
        return min((at for at, _ in self.opened.values()), default=self.now)

    def change_of(self, name: str) -> datetime | None:
        """When the service or dependency was last changed before it began, if lately."""
        times = [at for what, at in self.changed if what == name and self.began - CHANGED_WITHIN <= at <= self.began]
        return max(times, default=None)


@dataclass(frozen=True, slots=True)
class Suspect:
    """Who is suspected. `dependency` empty: nobody any more."""

    dependency: str
    confidence: str
    reasons: tuple[str, ...]


def suspect(cause: str, scene: Scene, refuted: Iterable[str] = (), *, moves: bool = True) -> Suspect:
    """Who is behind it, going out from `cause`, how much that is worth, and why. `moves` False: it stays with `cause`."""
    cleared = sorted(refuted)
    if not cause:
        return Suspect("", "low", ("a person said that it is none of these",))
    case = _Case(_behind(cause, scene, cleared) if moves else cause, scene)
    reasons = [*case.reasons(), *(f"a person said that it is not {plain(each, 60)}" for each in cleared)]
    return Suspect(case.cause, case.confidence(), tuple(reasons))


def next_suspect(opened: Opened, refuted: Iterable[str]) -> str:
    """Whom most members call, the earliest of those; empty where everyone was cleared."""
    cleared = set(refuted)
    ranked: dict[str, tuple[int, datetime]] = {}
    for (_, dependency), (at, many) in opened.items():
        if dependency not in cleared:
            n, first = ranked.get(dependency, (0, at))
            ranked[dependency] = (n - many, min(first, at))
    return min(ranked, key=lambda name: (*ranked[name], name), default="")


def _behind(cause: str, scene: Scene, cleared: Collection[str]) -> str:
    """The cause, or the one service through which all of it is seen, where more speaks against that service."""
    callers = {service for service, dependency in scene.opened if dependency == cause}
    called = {dependency for _, dependency in scene.opened} - set(cleared)
    if len(callers) != 1:
        return cause
    [service] = callers
    return service if service in called and _speaks_against(service, cause, scene) else cause


def _speaks_against(service: str, cause: str, scene: Scene) -> bool:
    """It was changed just before, others call the cause and are well, or it fails to reach more than this one."""
    well = scene.calm - set(scene.opened) - set(scene.beside)
    others_well = any(dependency == cause and caller != service for caller, dependency in well)
    more = any(caller == service and dependency != cause for caller, dependency in (*scene.opened, *scene.beside))
    return others_well or more or scene.change_of(service) is not None


class _Case:
    """The evidence for and against one cause."""

    def __init__(self, cause: str, scene: Scene) -> None:
        self.cause, self._scene = cause, scene
        opened = set(scene.opened)
        calm = scene.calm - opened - set(scene.beside)
        self.direct = {service for service, dependency in opened if dependency == cause}
        # Who calls it, and who calls those: what opened there is explained.
        self.reached, fresh = set(self.direct), set(self.direct)
        while fresh:
            fresh = {service for service, dependency in opened if dependency in fresh} - self.reached
            self.reached |= fresh
        explained = {cause, *self.reached}
        self.through = sorted({dependency for _, dependency in opened} & self.direct)
        self.well = {service for service, dependency in calm if dependency == cause}
        # What else opened in them, at a cause of its own.
        self.rivals: dict[str, set[str]] = {}
        for service, dependency in {*opened, *scene.beside}:
            if service in self.reached and dependency not in explained:
                self.rivals.setdefault(dependency, set()).add(service)
        self.other_calm = {edge for edge in calm if edge[0] in self.reached and edge[1] not in explained}
        self.own_open = sorted({each for service, each in {*opened, *scene.beside} if service == cause})
        self.own_calm = {dependency for service, dependency in calm if service == cause}

    @property
    def share(self) -> float:
        """Of the services that call it and have calls, how many opened."""
        return len(self.direct) / max(1, len(self.direct) + len(self.well))

    @property
    def torn(self) -> list[str]:
        """Dependencies that opened in many of the same services: one cause may be behind both."""
        many = max(1, min(2, len(self.reached)))
        return sorted(name for name, services in self.rivals.items() if len(services) >= many)

    def confidence(self) -> str:
        """high, medium or low."""
        scene, direct = self._scene, len(self.direct)
        wide, torn = len(self.reached) >= WIDE, bool(self.torn)
        changed = [service for service in self.direct if scene.change_of(service) is not None]
        if direct < 2:
            # Seen by one service alone: it may be its own fault, unless it reaches its others, and drags down those that call it.
            own_fault = torn or changed or self.own_open or self.share < 1
            if own_fault or len(self.reached) < 2:
                return "low"
            return "high" if wide and self._is_clear and not self._is_early else "medium"
        if self.share < HALF:
            return "medium" if wide and not torn else "low"
        if self.reaching_nothing:
            return "low"
        enough = self.share >= MOST_OF.get(direct, HALF)
        sure = wide and enough and self._is_clear and not torn and not self.own_open and not self._is_early
        return "high" if sure and len(changed) < 2 else "medium"

    @property
    def reaching_nothing(self) -> bool:
        """Whatever these services call opened, and to others that call it the cause is well: it may be their own network."""
        return bool(self.torn) and bool(self.well) and not self.other_calm

    @property
    def _is_clear(self) -> bool:
        """All of the incident is explained; and whom others reach it through, or where few tell, nothing else opened at that time."""
        telling = self.reached if len(self.direct) < WIDE else set(self.through)
        unexplained = any(edge[1] in self.rivals for edge in self._scene.opened)
        doubted = any(services & telling for services in self.rivals.values())
        return not unexplained and not doubted and (len(self.direct) > 1 or bool(self.other_calm))

    @property
    def _is_early(self) -> bool:
        """It calls others itself, and if those were behind it, that would not be seen yet."""
        return bool(self.own_open or self.own_calm) and self._scene.now - self._scene.began < OWN_CALLS_TELL

    def reasons(self) -> list[str]:
        """The evidence in sentences: what speaks for it first."""
        scene, name = self._scene, plain(self.cause, 60)
        direct, well = len(self.direct), len(self.well)
        all_of = direct + well
        first = f"{direct} of {all_of} services with calls to {name} opened"
        if all_of == 1:
            first = f"the only service with calls to {name} opened"
        found = [first]
        more = len(self.reached - self.direct)
        if self.through and more:
            via = _names(self.through)
            found.append(f"{_many(more, 'more service')} {'reaches' if more == 1 else 'reach'} it through {via}")
        earliest = min((at for (_, each), (at, _) in scene.opened.items() if each == self.cause), default=None)
        if earliest is not None and len(scene.opened) > 1 and earliest == scene.began:
            found.append(f"its breakers opened first, at {earliest:%H:%M:%S} UTC")
        changed_at = scene.change_of(self.cause)
        if changed_at is not None:
            found.append(f"{name} was changed at {changed_at:%H:%M:%S} UTC, {span(scene.began - changed_at)} before")
        calm = {dependency for _, dependency in self.other_calm}
        if calm and not self.rivals:
            others = "the other dependency" if len(calm) == 1 else f"the {len(calm)} other dependencies"
            found.append(f"{others} of these services {'is' if len(calm) == 1 else 'are'} well")
        return found + self._against()

    def _against(self) -> list[str]:
        scene, name = self._scene, plain(self.cause, 60)
        found = []
        for rival in self.torn[:MOST_NAMES]:
            same = self.rivals[rival]
            found.append(
                f"{plain(rival, 60)} opened too, in {len(same)} of the same {_many(len(self.reached), 'service')}"
            )
        if self.well:
            found.append(
                f"{_names(sorted(self.well))} {'calls' if len(self.well) == 1 else 'call'} {name} and {'is' if len(self.well) == 1 else 'are'} well"
            )
        if self.reaching_nothing:
            found.append("nothing that these services call is well: the fault may be in their own network")
        if self.own_open:
            found.append(f"{name} itself calls {_names(self.own_open)}, where it opened too")
        elif self.own_calm:
            found.append(f"what {name} itself calls is well: {_names(sorted(self.own_calm))}")
        for service in sorted(self.direct):
            changed_at = scene.change_of(service)
            if changed_at is not None:
                found.append(f"{plain(service, 60)} was changed at {changed_at:%H:%M:%S} UTC: the fault may be its own")
        return found


def _many(n: int, one: str) -> str:
    return f"{n} {one}{'s' * (n != 1)}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(plain(each, 60) for each in names[:MOST_NAMES])
    return f"{shown} and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else shown
