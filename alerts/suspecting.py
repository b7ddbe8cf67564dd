"""Suspecting: what can be seen around incidents at a moment, and who is suspected by it. Nothing here writes.

Four queries, however many incidents.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from django.db.models import Count, Min, Q

from alerts.domain.lifecycle import Status
from alerts.domain.suspects import BESIDE, CHANGED_WITHIN, Edge, Opened, Scene, Suspect, suspect
from alerts.models import Alert, Incident
from alerts.models.rule import OPENED
from breakers.domain.states import State
from breakers.models import Annotation, Breaker

LIVE = Q(resolved_at=None) & ~Q(status=Status.RECOVERING)
# What is looked at beside an incident: enough to tell, and a storm of thousands in one service stays cheap.
MOST_OTHERS = 200
MOST_OF_A_SERVICE = 50


def members(ids: Iterable[int]) -> dict[int, dict[Edge, tuple[datetime, int, int]]]:
    """{incident: {(service, dependency): (first opening, how many breakers, how many of them are open still)}}."""
    found: dict[int, dict[Edge, tuple[datetime, int, int]]] = {}
    rows = Alert.objects.filter(incident__in=list(ids), rule__kind=OPENED).values("incident", "service", "dependency")
    for row in rows.annotate(first=Min("started_at"), n=Count("pk"), live=Count("pk", filter=LIVE)):
        found.setdefault(row["incident"], {})[row["service"], row["dependency"]] = (row["first"], row["n"], row["live"])
    return found


def opened_of(ids: Iterable[int]) -> dict[int, dict[Edge, tuple[datetime, int]]]:
    """{incident: {(service, dependency): (first opening, how many breakers)}}."""
    return {key: {edge: (first, n) for edge, (first, n, _) in some.items()} for key, some in members(ids).items()}


def beside(ids: Collection[int], opened: Iterable[Opened]) -> set[int]:
    """Other incidents that are not over, in the same services: what they are suspected of hangs on these too."""
    services = {service for some in opened for service, _ in some}
    rows = Alert.objects.filter(
        rule__kind=OPENED, service__in=services, incident__resolved_at=None, incident__isnull=False
    )
    newest = rows.exclude(incident__in=list(ids)).order_by("-incident").values_list("incident", flat=True).distinct()
    return set(newest[:MOST_OTHERS])


def judge(
    rows: Sequence[Incident], opened: Mapping[int, Opened], now: datetime, *, moves: bool = True
) -> dict[int, Suspect]:
    """{incident: its suspect, as it looks now}. `moves` False: why the one that is suspected is, and nobody else."""
    around = _Around([opened.get(row.pk, {}) for row in rows], [row.cause for row in rows], now)
    return {
        row.pk: suspect(
            row.cause, around.scene(opened.get(row.pk, {}), row.cause), row.refuted, moves=moves and not row.by_hand
        )
        for row in rows
    }


class _Around:
    """What surrounds some incidents, read once for all of them."""

    def __init__(self, opened: Sequence[Opened], causes: Iterable[str], now: datetime) -> None:
        self._now = now
        times = [at for some in opened for at, _ in some.values()]
        self._calm: set[Edge] = set()
        self._told: dict[Edge, list[datetime]] = {}
        self._changed: list[tuple[str, datetime]] = []
        self._told_of: dict[str, list[Edge]] = {}
        self._calm_of: dict[str, list[Edge]] = {}
        self._callers: dict[str, set[str]] = {}
        if not times:
            return
        services = {service for some in opened for service, _ in some}
        called = {dependency for some in opened for _, dependency in some} | set(causes)
        start, end = min(times) - BESIDE, max(times) + BESIDE
        self._read_openings(services | called, start, end)
        self._read_breakers(services, called, start, end)
        self._index()
        marks = Annotation.objects.filter(
            kind__in=("deploy", "config"), at__gte=min(times) - CHANGED_WITHIN, at__lte=max(times)
        )
        for service, dependency, at in marks.values_list("service", "dependency", "at"):
            self._changed += [(name, at) for name in (service, dependency) if name]

    def scene(self, opened: Opened, cause: str) -> Scene:
        """What surrounds one of them."""
        if not opened:
            return Scene(self._now, opened)
        times = [at for at, _ in opened.values()]
        start, end = min(times) - BESIDE, max(times) + BESIDE
        names = {name for edge in opened for name in edge} | {cause}
        others = {}
        for edge in self._near(self._told, self._told_of, names, cause):
            near = [at for at in self._told[edge] if start <= at <= end]
            if near and edge not in opened:
                others[edge] = min(near)
        calm = frozenset(self._near(self._calm, self._calm_of, names, cause))
        return Scene(self._now, opened, others, calm, self._changed)

    def _near(
        self, known: Collection[Edge], of: Mapping[str, list[Edge]], names: Iterable[str], cause: str
    ) -> Iterator[Edge]:
        """The calls of these services, and the calls of the cause by others."""
        for name in names:
            yield from of.get(name, [])[:MOST_OF_A_SERVICE]
        for caller in self._callers.get(cause, ()):
            if (caller, cause) in known:
                yield caller, cause

    def _index(self) -> None:
        self._told_of, self._calm_of = _by_service(self._told), _by_service(self._calm)
        for service, dependency in {*self._told, *self._calm}:
            self._callers.setdefault(dependency, set()).add(service)

    def _read_openings(self, services: Collection[str], start: datetime, end: datetime) -> None:
        rows = Alert.objects.filter(
            rule__kind=OPENED, service__in=services, started_at__gte=start, started_at__lte=end
        ).exclude(status=Status.PENDING)
        for service, dependency, at in rows.values_list("service", "dependency", "started_at"):
            self._told.setdefault((service, dependency), []).append(at)

    def _read_breakers(self, services: set[str], called: set[str], start: datetime, end: datetime) -> None:
        """Who is well: closed, with calls. One that is open without an alert counts too: a rule may not speak of it."""
        rows = Breaker.objects.filter(Q(service__name__in=services | called) | Q(dependency__in=called))
        ill = set()
        for service, dependency, state, since, calls in rows.values_list(
            "service__name", "dependency", "state", "since", "calls_1m"
        ):
            if state == State.CLOSED:
                if calls:
                    self._calm.add((service, dependency))
            elif state in (State.OPEN, State.HALF_OPEN):
                ill.add((service, dependency))
                if start <= since <= end:
                    self._told.setdefault((service, dependency), []).append(since)
        self._calm -= ill


def _by_service(edges: Iterable[Edge]) -> dict[str, list[Edge]]:
    """In the order of their names, so that of two services the same are looked at."""
    found: dict[str, list[Edge]] = {}
    for edge in sorted(edges):
        found.setdefault(edge[0], []).append(edge)
    return found
