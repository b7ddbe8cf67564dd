"""Routing: who hears of an alert. Until the first route exists every destination does; after that, who a route names."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from alerts.domain import routes
from alerts.models import Alert, Destination, Reminder, Route
from alerts.models.destination import Source

# The service of the board's own breakers: one a destination, by its name.
OURSELVES = "breakerboard"


def owed_to(alert: Alert, destinations: Sequence[Destination], at: datetime) -> list[Destination]:
    """The destinations that hear of this alert now; `destinations` are the environment's.

    The routes that match also remember what comes next, should nobody take the alert in hand.
    """
    known = list(Route.objects.filter(off_at=None).order_by("name"))
    if not known and not Route.objects.exists():
        return others(everyone(destinations), alert)
    matching = [route for route in known if routes.matches(route.matchers, subject_of(alert))]
    _remember(alert, matching, at)
    awake = [route for route in matching if routes.awake(route.hours, route.always, alert.severity, at)]
    return others(named(pk for route in awake for pk in route.destinations), alert)


def everyone(destinations: Sequence[Destination]) -> list[Destination]:
    """All that are on: the environment's, and the board's own."""
    return [*destinations, *Destination.objects.filter(source=Source.BOARD, off_at=None)]


def others(destinations: list[Destination], alert: Alert) -> list[Destination]:
    """Without the one whose own breaker, or failing, the alert is about: it is told of by the others."""
    if alert.service != OURSELVES:
        return destinations
    return [each for each in destinations if each.name != alert.breaker_name]


def named(ids: Iterable[str]) -> list[Destination]:
    """The destinations of these ids that are on, each once, in this order."""
    wanted = list(dict.fromkeys(ids))
    rows = {str(row.pk): row for row in Destination.objects.filter(pk__in=wanted, off_at=None)}
    return [rows[pk] for pk in wanted if pk in rows]


def subject_of(alert: Alert) -> routes.Subject:
    """What routes match of an alert."""
    return routes.Subject(alert.service, alert.breaker_name, alert.dependency, alert.severity, alert.labels)


def _remember(alert: Alert, matching: Sequence[Route], at: datetime) -> None:
    rows = []
    for route in matching:
        if route.steps:
            after = [step["after_s"] for step in route.steps]
            rows.append((route, Reminder.Kind.ESCALATION, routes.next_step(after, 0, at, at)))
        if not routes.awake(route.hours, route.always, alert.severity, at):
            # Not its hour: the first reminder is then the first word.
            rows.append((route, Reminder.Kind.REPEAT, at + timedelta(seconds=routes.ASKED_AGAIN_S)))
        elif route.repeat_s:
            rows.append((route, Reminder.Kind.REPEAT, routes.next_repeat(route.repeat_s, 0, at)))
    Reminder.objects.bulk_create(
        [Reminder(alert=alert, route=route, kind=kind, due_at=due_at) for route, kind, due_at in rows],
        ignore_conflicts=True,
    )
