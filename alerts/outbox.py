"""The outbox: which notifications are owed, which are due, and whose turn it is. Rows first; sending is another matter."""

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from alerts import links
from alerts.destinations import speaking
from alerts.destinations.base import Notice
from alerts.domain import wording
from alerts.domain.backoff import GIVE_UP_AFTER, RECENT
from alerts.domain.deciding import SENTENCES, Decision, Reason
from alerts.models import Alert, Destination, Notification
from alerts.models.notification import State
from breakers.models.fields import to_us

DUE_AT_ONCE = 200
BATCH = 500


@dataclass(frozen=True, slots=True)
class Owed:
    """A notification to be written down, and what was decided about it."""

    alert: Alert
    notice: Notice
    destination: Destination
    decision: Decision
    # Why it goes to this destination, where the route does not name it itself.
    because: str = ""


def write(owed: Sequence[Owed], at: datetime) -> list[int]:
    """Write down notifications, in the transaction of their alerts' change; ids of those that are to be sent.

    One that is not to be sent is written too, finished, with the reason.
    """
    if not owed:
        return []
    places = places_of({each.alert.pk for each in owed})
    rows = []
    for each in owed:
        place = (each.alert.pk, each.destination.pk)
        places[place] = places.get(place, 0) + 1
        sends = each.decision.send
        rows.append(
            Notification(
                alert=each.alert,
                destination=each.destination,
                kind=each.notice.kind,
                summary=each.notice.summary[:500],
                because=each.because,
                sequence=places[place],
                # What is not sent has no words, until someone sends it by hand.
                body=composed(each.notice, each.alert, each.destination) if sends else b"",
                webhook_id=new_webhook_id(),
                created_at=at,
                state=State.DUE if sends else State.DROPPED,
                reason="" if sends else each.decision.sentence,
                due_at=at,
                finished_at=None if sends else at,
                give_up_at=at + GIVE_UP_AFTER,
            )
        )
    made = Notification.objects.bulk_create(rows, batch_size=BATCH)
    return [row.pk for row in made if row.state == State.DUE]


def places_of(alerts: set[int]) -> dict[tuple[int, uuid.UUID], int]:
    """The last sequence of each of these alerts to each destination."""
    told = Notification.objects.filter(alert__in=alerts).values_list("alert", "destination").annotate(Max("sequence"))
    return {(row[0], row[1]): row[2] for row in told}


def told_of(alert: Alert) -> list[Destination]:
    """Who was told of an alert, or may yet be."""
    silent = Q(state=State.DROPPED, digest=None)
    rows = Notification.objects.filter(~silent, alert=alert).select_related("destination")
    return list({row.destination_id: row.destination for row in rows.order_by("pk")}.values())


def overtake(alert: Alert, at: datetime) -> list[Destination]:
    """Take back what is owed of an alert that is over and was never tried; the destinations that never heard a word of it."""
    fresh = Notification.objects.filter(alert=alert, state=State.DUE, attempt=0, claimed_until=None)
    tried = set(Notification.objects.filter(alert=alert, attempt__gt=0).values_list("destination", flat=True))
    rows = {row.destination_id: row for row in fresh.select_related("destination") if row.destination_id not in tried}
    taken = []
    for destination_id, row in rows.items():
        # A worker may have claimed it meanwhile: then it is being told.
        held = fresh.filter(destination=destination_id)
        if held.update(state=State.DROPPED, reason=SENTENCES[Reason.OVERTAKEN], finished_at=at):
            taken.append(row.destination)
    return taken


def take_back_corrections(alert: Alert, at: datetime) -> None:
    """A correction that nobody has tried to send yet says what has proved wrong too."""
    fresh = Notification.objects.filter(alert=alert, state=State.DUE, attempt=0, claimed_until=None)
    fresh.filter(kind="update", summary__startswith=wording.CORRECTION).update(
        state=State.DROPPED, reason="not sent: corrected before it could be sent", finished_at=at
    )


def again(row: Notification, notice: Notice, at: datetime) -> Notification:
    """The same message as a new notification, behind all others of its alert and destination. `notice`: where it has no words yet."""
    last = (
        Notification.objects.filter(alert=row.alert_id, destination=row.destination_id).order_by("-sequence")[:1].get()
    )
    return Notification.objects.create(
        alert_id=row.alert_id,
        destination_id=row.destination_id,
        kind=row.kind,
        summary=row.summary,
        because=row.because,
        sequence=last.sequence + 1,
        body=bytes(row.body) or composed(notice, row.alert, row.destination),
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
    open_ones = Q(destination__open_until__gt=at) | Q(destination__rests_until__gt=at) | Q(destination__in=paced(at))
    rows = (
        claimable(at).exclude(open_ones).order_by("destination_id", "due_at", "pk").values_list("destination_id", "pk")
    )
    ranked = [(rank, pk) for _, some in groupby(rows, key=lambda row: row[0]) for rank, (_, pk) in enumerate(some)]
    return [pk for _, pk in sorted(ranked)[:DUE_AT_ONCE]]


def paced(at: datetime) -> list[uuid.UUID]:
    """Destinations that got as many messages in the last minute as they are to get: what waits for them is not late."""
    rows = Destination.objects.filter(per_minute__isnull=False)
    since = to_us(at - RECENT)
    return [row.pk for row in rows if sum(us > since for us, _ in row.recent) >= (row.per_minute or 0)]


def next_of(destination: Destination, at: datetime) -> int | None:
    """The id of what has waited longest for this destination; None where nothing can go now."""
    waiting = claimable(at).filter(destination=destination).order_by("due_at", "pk")
    return waiting.values_list("pk", flat=True).first()


def composed(notice: Notice, alert: Alert, destination: Destination) -> bytes:
    """The bytes that this destination is sent."""
    return speaking.compose(destination.kind, links.with_link(notice, alert, destination))


def new_webhook_id() -> str:
    """A name for a notification: in order of time and never twice (UUIDv7)."""
    ms = time.time_ns() // 1_000_000
    number = int.from_bytes(os.urandom(10)) | ms << 80
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))
