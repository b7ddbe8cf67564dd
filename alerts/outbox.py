"""The outbox: which notifications are owed, which are due, and whose turn it is. Rows first; sending is another matter."""

import os
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts import links, routing
from alerts.destinations import speaking
from alerts.destinations.base import Notice
from alerts.domain.backoff import GIVE_UP_AFTER
from alerts.models import Alert, Destination, Notification
from alerts.models.notification import State

DUE_AT_ONCE = 200


def owe(alert: Alert, notice: Notice, destinations: Sequence[Destination], at: datetime) -> list[int]:
    """Write down a notification for each destination; their ids. In the transaction of the alert's change.

    A resolution is owed to those who were told, or may yet be, whatever is configured now.
    """
    if notice.kind == "resolved":
        told = Notification.objects.filter(alert=alert).select_related("destination").order_by("sequence")
        destinations = list({row.destination_id: row.destination for row in told}.values())
    else:
        destinations = routing.owed_to(alert, destinations, at)
    return address(alert, notice, destinations, at)


def address(alert: Alert, notice: Notice, destinations: Sequence[Destination], at: datetime) -> list[int]:
    """Write down a notification for each of these destinations, behind those that they are owed already; their ids."""
    before = Notification.objects.filter(alert=alert).order_by("sequence").values_list("destination_id", "sequence")
    places = dict(before)
    made = Notification.objects.bulk_create(
        Notification(
            alert=alert,
            destination=destination,
            kind=notice.kind,
            sequence=places.get(destination.pk, 0) + 1,
            body=speaking.compose(destination.kind, links.with_link(notice, alert, destination)),
            webhook_id=new_webhook_id(),
            created_at=at,
            due_at=at,
            give_up_at=at + GIVE_UP_AFTER,
        )
        for destination in destinations
    )
    return [row.pk for row in made]


def again(row: Notification, at: datetime) -> Notification:
    """The same message as a new notification, behind all others of its alert and destination."""
    last = (
        Notification.objects.filter(alert=row.alert_id, destination=row.destination_id).order_by("-sequence")[:1].get()
    )
    return Notification.objects.create(
        alert_id=row.alert_id,
        destination_id=row.destination_id,
        kind=row.kind,
        sequence=last.sequence + 1,
        body=row.body,
        webhook_id=new_webhook_id(),
        created_at=at,
        resend_of=row,
        due_at=at,
        give_up_at=at + GIVE_UP_AFTER,
    )


def claimable(at: datetime) -> QuerySet[Notification]:
    """Due, with no live lease, and with nothing unfinished before it for the same alert and destination."""
    earlier = Notification.objects.filter(
        alert=OuterRef("alert"), destination=OuterRef("destination"), sequence__lt=OuterRef("sequence"), state=State.DUE
    )
    free = Q(claimed_until=None) | Q(claimed_until__lt=at)
    return Notification.objects.filter(free, ~Exists(earlier), state=State.DUE, due_at__lte=at)


def due(at: datetime) -> list[int]:
    """Ids of what can be sent now, oldest first, a few of each destination before many of one."""
    open_ones = Q(destination__open_until__gt=at) | Q(destination__rests_until__gt=at)
    rows = (
        claimable(at).exclude(open_ones).order_by("destination_id", "due_at", "pk").values_list("destination_id", "pk")
    )
    ranked = [(rank, pk) for _, some in groupby(rows, key=lambda row: row[0]) for rank, (_, pk) in enumerate(some)]
    return [pk for _, pk in sorted(ranked)[:DUE_AT_ONCE]]


def next_of(destination: Destination, at: datetime) -> int | None:
    """The id of what has waited longest for this destination; None where nothing can go now."""
    waiting = claimable(at).filter(destination=destination).order_by("due_at", "pk")
    return waiting.values_list("pk", flat=True).first()


def new_webhook_id() -> str:
    """A name for a notification: in order of time and never twice (UUIDv7)."""
    ms = time.time_ns() // 1_000_000
    number = int.from_bytes(os.urandom(10)) | ms << 80
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))
