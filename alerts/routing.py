"""Routing: who hears of an alert. Until the first route exists every destination does; after that, who a route names."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from alerts.domain import routes
from alerts.domain.matching import Subject, labels_of
from alerts.models import Alert, Destination, Reminder, Route
from alerts.models.destination import Source
from alerts.models.rule import OPENED
from alerts.reaching import Reached, Reaching

# The service of the board's own breakers: one a destination, by its name.
OURSELVES = "breakerboard"


class Routing:
    """Who hears of alerts at a moment: routes and destinations are read once for all of them."""

    def __init__(self, environment: Sequence[Destination], at: datetime) -> None:
        self._at = at
        rows = list(Route.objects.order_by("name"))
        self._everyone = None if rows else everyone(environment)
        self._routes = [(row, routes.wanted(row.matchers)) for row in rows if row.off_at is None]
        self._reaching = Reaching(at)
        self._owed: list[tuple[Alert, Route]] = []

    def owed_to(self, alert: Alert) -> list[Reached]:
        """The destinations that hear of this alert now, and why each does."""
        if self._everyone is not None:
            return [Reached(each) for each in others(self._everyone, alert)]
        awake = [row for row in self._matching(alert) if self._is_awake(row, alert)]
        return list(meant((name for row in awake for name in row.destinations), alert, self._reaching).values())

    def remember(self, alert: Alert, told: Collection[UUID], *, hushed: bool) -> None:
        """What comes next, should nobody take the alert in hand: of each route that told somebody of it.

        A route that sleeps or has steps alone tells nobody yet; it remembers the alert unless that is `hushed` for everybody.
        """
        ids = set(told)
        for row in self._matching(alert):
            heard = meant(row.destinations, alert, self._reaching) if self._is_awake(row, alert) else {}
            if not ids.isdisjoint(heard) if heard else not hushed:
                self._owed.append((alert, row))

    def write(self) -> None:
        """Write down what was remembered: of an incident's openings, once a route."""
        owed, self._owed = self._owed, []
        if not owed:
            return
        incidents = {alert.incident_id for alert, _ in owed if alert.incident_id is not None}
        # One whose alert is over counts too: when it is asked, it goes on with the next of the incident.
        told = Reminder.objects.filter(alert__incident__in=incidents, alert__rule__kind=OPENED, due_at__isnull=False)
        known: set[tuple[int, UUID]] = set(told.values_list("alert__incident", "route"))
        rows = []
        for alert, route in owed:
            if alert.rule.kind == OPENED and alert.incident_id is not None:
                if (alert.incident_id, route.pk) in known:
                    continue
                known.add((alert.incident_id, route.pk))
            rows += self._reminders(alert, route)
        Reminder.objects.bulk_create(rows, ignore_conflicts=True)

    def _matching(self, alert: Alert) -> list[Route]:
        subject = subject_of(alert)
        return [row for row, wanted in self._routes if wanted.matches(subject, alert.severity)]

    def _is_awake(self, row: Route, alert: Alert) -> bool:
        return routes.awake(row.hours, row.always, alert.severity, self._at)

    def _reminders(self, alert: Alert, route: Route) -> list[Reminder]:
        rows = []
        if route.steps:
            after = [step["after_s"] for step in route.steps]
            rows.append((Reminder.Kind.ESCALATION, routes.next_step(after, 0, self._at, self._at)))
        if not self._is_awake(route, alert):
            # Not its hour: the first reminder is then the first word.
            rows.append((Reminder.Kind.REPEAT, self._at + timedelta(seconds=routes.ASKED_AGAIN_S)))
        elif route.repeat_s:
            rows.append((Reminder.Kind.REPEAT, routes.next_repeat(route.repeat_s, 0, self._at)))
        return [Reminder(alert=alert, route=route, kind=kind, due_at=due_at) for kind, due_at in rows]


def everyone(environment: Sequence[Destination]) -> list[Destination]:
    """All that are on: the environment's, and the board's own."""
    return [*environment, *Destination.objects.filter(source=Source.BOARD, off_at=None)]


def others(destinations: list[Destination], alert: Alert) -> list[Destination]:
    """Without the one whose own breaker, or failing, the alert is about: it is told of by the others."""
    if alert.service == OURSELVES:
        return [each for each in destinations if each.name != alert.breaker_name]
    if alert.subject_kind == "destination":
        return [each for each in destinations if str(each.pk) != alert.subject_id]
    return destinations


def meant(names: Iterable[str], alert: Alert, reaching: Reaching) -> dict[UUID, Reached]:
    """Whom a route's names mean for this alert: of what is wrong with a destination, the others are told."""
    names = list(names)
    found = reaching.of(names)
    left = {each.pk for each in others([each.destination for each in found.values()], alert)}
    for pk in found.keys() - left:
        # Not left out of what was found: whoever is on call may be reached by no other, and then the fallback hears.
        return reaching.without(str(pk)).of(names)
    return found


def subject_of(alert: Alert) -> Subject:
    """An alert's subject, by the names it had when it began."""
    return Subject(alert.service, alert.dependency, alert.breaker_name, labels_of(alert.labels))
