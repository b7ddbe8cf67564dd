"""Rewinding: when the clock was set back, what waits is moved back with it.

A wait is a moment in a row. Set back by an hour, the clock would make each of them an hour longer: a lease that nobody holds, the
next try of a message, the end of a hold. Each sweep leaves its time behind; the next one that finds itself before it knows by how
much the clock was moved.
"""

from datetime import datetime, timedelta

import structlog
from django.db.models import F, Model, QuerySet

from alerts.models import Alert, DeliveryFault, Destination, Notification, Reminder, Watch
from alerts.models.notification import State
from alerts.notifying import LEASE
from breakers import bulk
from breakers.models import Pulse
from breakers.models.fields import MICROSECOND

PART = "alerts:sweep"
# A time service moves a clock by less than that, and waits may be so much longer.
LITTLE = timedelta(seconds=5)

log = structlog.get_logger(__name__)


def notice(now: datetime) -> timedelta | None:
    """Note the time of a sweep; by how much the clock was set back since the last one, where it was, and everything is moved."""
    with bulk.writing():
        last = Pulse.objects.filter(part=PART).values_list("at", flat=True).first()
        Pulse.objects.update_or_create(part=PART, defaults={"at": now})
        if last is None or last - now <= LITTLE:
            return None
        _move(last - now, now)
    log.warning("the clock was set back: what waits is moved back with it", seconds=round((last - now).total_seconds()))
    return last - now


def _move(by: timedelta, now: datetime) -> None:
    due = Notification.objects.filter(state=State.DUE)
    waits: list[tuple[QuerySet[Model], str]] = [
        (due.filter(due_at__gt=now), "due_at"),
        (due.filter(claimed_until__gt=now + LEASE), "claimed_until"),
        (due, "give_up_at"),
        (Destination.objects.filter(open_until__gt=now), "open_until"),
        (Destination.objects.filter(rests_until__gt=now), "rests_until"),
        (Destination.objects.filter(refreshed_at__gt=now), "refreshed_at"),
        # For how long it has failed decides when another stands in.
        (DeliveryFault.objects.filter(ended_at=None, began_at__gt=now), "began_at"),
        (Alert.objects.filter(check_at__gt=now), "check_at"),
        (Watch.objects.filter(next_check_at__gt=now), "next_check_at"),
        (Reminder.objects.filter(due_at__gt=now), "due_at"),
    ]
    for rows, field in waits:
        rows.update(**{field: F(field) - by // MICROSECOND})
