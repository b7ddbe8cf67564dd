"""Routing: who hears of an alert. Until the first route exists every destination does; after that, who a route names."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from alerts.domain import routes
from alerts.domain.matching import Subject, labels_of
from alerts.models import Alert, Destination, Reminder, Route
from alerts.models.destination import Source
from alerts.models.rule import OPENED

# The service of the board's own breakers: one a destination, by its name.
OURSELVES = "breakerboard"


class Routing:
    """Who hears of alerts at a moment: routes and destinations are read once for all of them."""

    def __init__(self, environment: Sequence[Destination], at: datetime) -> None:
        self._at = at
        rows = list(Route.objects.order_by("name"))
        self._everyone = None if rows else everyone(environment)
        self._routes = [(row, routes.wanted(row.matchers)) for row in rows if row.off_at is None]
        self._on = {str(row.pk): row for row in Destination.objects.filter(off_at=None)} if rows else {}
        self._owed: list[tuple[Alert, Route]] = []

    def owed_to(self, alert: Alert) -> list[Destination]:
        """The destinations that hear of this alert now."""
        if self._everyone is not None:
            return others(self._everyone, alert)
        awake = [row for row in self._matching(alert) if self._is_awake(row, alert)]
        wanted = dict.fromkeys(pk for row in awake for pk in row.destinations)
        return others([self._on[pk] for pk in wanted if pk in self._on], alert)

    def remember(self, alert: Alert, told: Collection[UUID], *, hushed: bool) -> None:
        """What comes next, should nobody take the alert in hand: of each route that told somebody of it.

        A route that sleeps or has steps alone tells nobody yet; it remembers the alert unless that is `hushed` for everybody.
        """
        ids = {str(pk) for pk in told}
        for row in self._matching(alert):
            speaks = self._is_awake(row, alert) and any(pk in self._on for pk in row.destinations)
            if not ids.isdisjoint(row.destinations) if speaks else not hushed:
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


def named(ids: Iterable[str]) -> list[Destination]:
    """The destinations of these ids that are on, each once, in this order."""
    wanted = list(dict.fromkeys(ids))
    rows = {str(row.pk): row for row in Destination.objects.filter(pk__in=wanted, off_at=None)}
    return [rows[pk] for pk in wanted if pk in rows]


def subject_of(alert: Alert) -> Subject:
    """An alert's subject, by the names it had when it began."""
    return Subject(alert.service, alert.dependency, alert.breaker_name, labels_of(alert.labels))
