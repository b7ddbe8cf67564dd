"""Escalating: what comes while nobody takes an alert in hand: the next step of its route, and the same again.

A reminder is a row with `due_at`. It is asked when it is due and not before, so taking an alert in hand cancels nothing and
giving it back forgets nothing; our own downtime delays it and loses nothing.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from alerts import outbox, queries, quieting, routing, silencing, telling
from alerts.destinations.base import Notice
from alerts.domain import routes
from alerts.domain.deciding import Hush, Reason, until
from alerts.domain.lifecycle import Status
from alerts.models import Alert, Destination, Notification, Reminder
from alerts.models.rule import OPENED
from alerts.reaching import Reaching
from alerts.signals import alerts_changed
from breakers import bulk, nudging

BATCH = 100


def sweep(now: datetime) -> None:
    """Ask everything that is due."""
    while _due(now).exists():
        with bulk.writing():
            rows = list(_due(now)[:BATCH])
            told = {row.alert_id for row in rows if _ask(row, now)}
            _announce(told)


def _due(now: datetime) -> QuerySet[Reminder]:
    return (
        Reminder.objects.filter(due_at__lte=now)
        .order_by("due_at", "pk")
        .select_related("alert__rule", "alert__incident", "alert__breaker", "route")
    )


def _ask(row: Reminder, now: datetime) -> bool:
    """Send what is due, or write down why not; whether something goes out."""
    alert, route = row.alert, row.route
    reason = _hindrance(alert, row, now)
    if reason == Reason.RESOLVED and _hand_on(row, now):
        return False
    if reason is not None:
        row.reason = reason
        over = alert.resolved_at is not None or route.off_at is not None
        row.due_at = None if over else now + timedelta(seconds=routes.ASKED_AGAIN_S)
        row.save(update_fields=["reason", "due_at"])
        return False
    if row.kind == Reminder.Kind.ESCALATION:
        step = route.steps[min(row.number, len(route.steps) - 1)]
        names = step["destinations"]
        after = [each["after_s"] for each in route.steps]
        row.due_at = routes.next_step(after, row.number + 1, alert.detected_at, now)
    else:
        names = route.destinations
        row.due_at = routes.next_repeat(route.repeat_s, row.number + 1, now) if route.repeat_s else None
    row.number += 1
    row.reason = ""
    row.save(update_fields=["number", "due_at", "reason"])
    owed: list[int] = []
    for to in routing.meant(names, alert, Reaching(now)).values():
        owed += telling.again(alert, _notice(alert, to.destination, row.kind, now), to, now)
    return bool(owed)


def _hand_on(row: Reminder, now: datetime) -> bool:
    """Its alert is over, others of the incident are not: it goes on with the first of those; whether there is one."""
    alert = row.alert
    if alert.rule.kind != OPENED or alert.incident_id is None:
        return False
    live = Alert.objects.filter(rule__kind=OPENED, incident=alert.incident_id, resolved_at=None)
    known = Reminder.objects.filter(route=row.route_id, kind=row.kind, alert=OuterRef("pk"))
    following = live.exclude(status=Status.PENDING).filter(~Exists(known)).order_by("started_at", "pk").first()
    if following is None:
        return False
    row.alert, row.due_at = following, now
    row.save(update_fields=["alert", "due_at"])
    return True


def _hindrance(alert: Alert, row: Reminder, now: datetime) -> str | None:
    """Why nothing goes out now; None: it does. Silences and incidents are asked once more when it is sent."""
    if alert.resolved_at is not None:
        return Reason.RESOLVED
    wanted = routes.wanted(row.route.matchers)
    if row.route.off_at is not None or not wanted.matches(routing.subject_of(alert), alert.severity):
        return "not sent: the route is off, or does not match any more"
    if alert.acknowledged_at is not None:
        return f"not sent: {alert.acknowledged_by} has it in hand"
    if alert.status == Status.RECOVERING:
        return "not sent: it is recovering"
    if row.kind == Reminder.Kind.ESCALATION and not row.route.steps:
        return "not sent: the route has no steps any more"
    if not routes.awake(row.route.hours, row.route.always, alert.severity, now):
        return "not sent: outside the route's hours"
    subject = routing.subject_of(alert)
    hush = max((each for each in silencing.at_work(now) if each.matchers.matches(subject)), key=_ends, default=None)
    if hush is not None:
        # It waits, and is not passed over: the silence says nothing of who has it in hand.
        return f"not sent: silenced until {until(hush.until, now)} by {hush.by}"
    if (mark := quieting.quieted(subject, quieting.at_work(now))) is not None:
        return f"not sent: {mark.said(now)}"[:200]
    return None


def _ends(hush: Hush) -> datetime:
    return hush.until


def _notice(alert: Alert, destination: Destination, kind: str, now: datetime) -> Notice:
    # To whom it is news, it is an opening.
    known = kind == Reminder.Kind.ESCALATION or destination in outbox.told_of(alert)
    said = kind if known else "opened"
    url = f"{settings.SITE_URL}/alerts/{alert.pk}"
    return Notice(said, queries.shaped(alert, []), queries.said_of(alert), url, now)


def _announce(alert_ids: set[int]) -> None:
    if not alert_ids:
        return
    version = bulk.next_version()
    Alert.objects.filter(pk__in=alert_ids).update(version=version)

    def after() -> None:
        alerts_changed.send_robust(sender=Alert, version=version, ids=frozenset(alert_ids))
        for pk in Notification.objects.filter(alert__in=alert_ids, state="due").values_list("pk", flat=True):
            nudging.nudge("alerts.tasks.deliver", pk)

    bulk.after_commit(after)
