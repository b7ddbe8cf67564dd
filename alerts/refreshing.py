"""Refreshing: what forgets an alert that is not repeated is told again each minute, and for a while that it is over.

One request holds all alerts of a destination. It is no notification and leaves no trail of its own: those went before it.
"""

import time
import uuid
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db.models import F, Q

from alerts import notifying, queries, sparing
from alerts.destinations import alertmanager, speaking
from alerts.destinations.base import Message, Notice, Outcome, outcome_of
from alerts.errors import DeliveryError
from alerts.models import Alert, Destination, Notification
from alerts.models.destination import Kind
from alerts.models.notification import State
from breakers import bulk

EVERY = timedelta(seconds=60)
RESOLVED_FOR = timedelta(minutes=15)
# Alerts in one request.
MOST = 500


def due(now: datetime) -> list[uuid.UUID]:
    """Destinations that are to be told again."""
    rested = Q(refreshed_at=None) | Q(refreshed_at__lte=now - EVERY)
    rows = Destination.objects.filter(rested, kind=Kind.ALERTMANAGER, off_at=None)
    return list(rows.values_list("pk", flat=True))


def refresh(destination_id: uuid.UUID, now: datetime) -> None:
    """Tell a destination of what is live there. Twice at once is once: whoever takes the minute does it."""
    rested = Q(refreshed_at=None) | Q(refreshed_at__lte=now - EVERY)
    row = Destination.objects.filter(rested, pk=destination_id, off_at=None).first()
    if row is None or not sparing.may_send(row, now):
        return
    if not Destination.objects.filter(rested, pk=destination_id).update(refreshed_at=now):
        return
    for start in range(0, len(alerts := told_there(row, now)), MOST):
        if not _send(row, alerts[start : start + MOST], now):
            return


def told_there(row: Destination, now: datetime) -> list[alertmanager.Told]:
    """The live alerts that it was told of, and those that it heard are over a short while ago."""
    arrived = Notification.objects.filter(destination=row, state=State.SENT)
    live = Q(resolved_at=None, pk__in=arrived.exclude(kind="resolved").values("alert"))
    over = Q(resolved_at__gt=now - RESOLVED_FOR, pk__in=arrived.filter(kind="resolved").values("alert"))
    rows = (
        Alert.objects.filter(live | over).select_related("rule").order_by(F("resolved_at").asc(nulls_first=True), "pk")
    )
    return [alertmanager.told(_notice(alert, now)) for alert in rows]


def _notice(alert: Alert, now: datetime) -> Notice:
    kind = "repeat" if alert.resolved_at is None else "resolved"
    return Notice(kind, queries.shaped(alert, []), alert.summary, f"{settings.SITE_URL}/alerts/{alert.pk}", now)


def _send(row: Destination, alerts: list[alertmanager.Told], now: datetime) -> bool:
    begun = time.monotonic()
    error = None
    try:
        speaking.send(speaking.target_of(row), Message("", msgspec.json.encode(alerts), now))
    except DeliveryError as failed:
        error = failed
    took_ms = round((time.monotonic() - begun) * 1000)
    result = notifying.Result(Outcome.ACCEPTED if error is None else outcome_of(error), took_ms, error=error)
    with bulk.writing():
        sparing.follow(Destination.objects.select_for_update().get(pk=row.pk), result, now, now)
    return error is None
