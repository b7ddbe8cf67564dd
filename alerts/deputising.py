"""Deputising: where a destination fails, its fallback gets what it would have got, once and in the same order.

What was owed stays owed: the destination is tried on as long as ever. A notification that stands in has the same id, so that two
doors of one receiver know it as one, and says in whose place it comes and why.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts import digesting, outbox, queries
from alerts.destinations.base import Notice
from alerts.domain.backoff import GIVE_UP_AFTER
from alerts.domain.deciding import LATE_AFTER_S
from alerts.domain.wording import plain
from alerts.models import Alert, DeliveryFault, Destination, Notification
from alerts.models.destination import FOR_PEOPLE
from alerts.models.notification import State
from alerts.signals import alerts_changed
from breakers import bulk, nudging

# For so long a destination may fail before another stands in.
PATIENCE = timedelta(minutes=2)
BATCH = 200


@dataclass(frozen=True, slots=True)
class Absence:
    """A destination that does not take what it is sent, who stands in, and why: in words."""

    destination: Destination
    deputy: Destination
    why: str


def sweep(now: datetime) -> None:
    """Hand over whatever waits for destinations that fail, and what they were given up to take."""
    for absence, rows in absences(now):
        while True:
            with bulk.writing():
                some = list(_not_yet(rows, absence.deputy, now)[:BATCH])
                _stand_in(some, absence, now)
            if len(some) < BATCH:
                break


def absences(now: datetime) -> Iterable[tuple[Absence, QuerySet[Notification]]]:
    """Which destinations another stands in for now, each with the notifications that it may be about."""
    faults = DeliveryFault.objects.filter(ended_at=None, destination__fallback__isnull=False, destination__off_at=None)
    for fault in faults.select_related("destination", "notification").order_by("pk"):
        row = fault.destination
        if fault.kind == DeliveryFault.Kind.FAILING:
            if fault.began_at > now - PATIENCE or row.open_until is None:
                continue
            why = f"{plain(row.name)} is failing since {fault.began_at:%H:%M} UTC"
            free = Q(claimed_until=None) | Q(claimed_until__lt=now)
            rows = Notification.objects.filter(free, destination=row, state=State.DUE)
        else:
            why = f"{plain(row.name)} did not take it ({plain(fault.detail, 120)})"
            rows = Notification.objects.filter(pk=fault.notification_id or 0, state=State.DEAD)
        for deputy in chain(row):
            if deputy.off_at is None:
                yield Absence(row, deputy, f"{why}, and {plain(deputy.name)} is its fallback"[:300]), rows
                break


def alone(now: datetime) -> list[tuple[Destination, datetime]]:
    """Destinations that have failed for long, with nobody in their place who does not fail too; and since when."""
    failing = DeliveryFault.objects.filter(ended_at=None, kind=DeliveryFault.Kind.FAILING, destination__off_at=None)
    faults = failing.filter(began_at__lte=now - PATIENCE, destination__open_until__isnull=False)
    found = []
    for fault in faults.select_related("destination").order_by("began_at"):
        able = [each for each in chain(fault.destination) if each.off_at is None and each.open_until is None]
        if not able:
            found.append((fault.destination, fault.began_at))
    return found


def chain(row: Destination) -> list[Destination]:
    """Its fallback, the fallback of that, and so on, each once and never itself."""
    found: list[Destination] = []
    known = {row.pk}
    following = row.fallback
    while following is not None and following.pk not in known:
        known.add(following.pk)
        found.append(following)
        following = following.fallback
    return found


def took_it_after_all(row: Notification) -> bool:
    """Whether a notification that stands in has become needless before it was tried."""
    return row.attempt == 0 and Notification.objects.filter(pk=row.stands_in_for_id or 0, state=State.SENT).exists()


def _not_yet(rows: QuerySet[Notification], deputy: Destination, now: datetime) -> QuerySet[Notification]:
    """What the deputy was not given, nor told itself in the same breath; of what is long over nothing any more."""
    there = Notification.objects.filter(alert=OuterRef("alert"), destination=deputy)
    itself = there.filter(created_at=OuterRef("created_at"), stands_in_for=None)
    lasts = Q(alert__resolved_at=None) | Q(alert__resolved_at__gt=now - timedelta(seconds=LATE_AFTER_S))
    # The end is told to those who were told the beginning.
    news = ~Q(kind="resolved") | Q(Exists(there))
    return (
        rows.filter(lasts, news, ~Exists(itself), stand_in=None)
        .select_related("alert__rule", "stands_in_for")
        .order_by("alert", "sequence")
    )


def _stand_in(rows: list[Notification], absence: Absence, now: datetime) -> None:
    deputy = absence.deputy
    places = outbox.places_of({row.alert_id for row in rows})
    made = []
    for row in rows:
        if _has_been_there(row, deputy):
            continue
        place = (row.alert_id, deputy.pk)
        places[place] = places.get(place, 0) + 1
        made.append(
            Notification(
                alert=row.alert,
                destination=deputy,
                kind=row.kind,
                summary=row.summary,
                because=absence.why,
                sequence=places[place],
                body=_body(row, deputy),
                webhook_id=row.webhook_id,
                stands_in_for=row,
                created_at=now,
                due_at=now,
                give_up_at=now + GIVE_UP_AFTER,
            )
        )
    _announce(Notification.objects.bulk_create(made))


def _has_been_there(row: Notification, deputy: Destination) -> bool:
    """Whether it comes from there: fallbacks may have been changed into a ring meanwhile."""
    while row.stands_in_for is not None:
        row = row.stands_in_for
        if row.destination_id == deputy.pk:
            return True
    return False


def _body(row: Notification, deputy: Destination) -> bytes:
    """The same bytes where both take the same; else the same words in the deputy's form."""
    if (
        row.body
        and deputy.kind == Destination.objects.get(pk=row.destination_id).kind
        and deputy.kind not in FOR_PEOPLE
    ):
        return bytes(row.body)
    alert = queries.shaped(row.alert, [])
    summary, url = row.summary or row.alert.summary, f"{settings.SITE_URL}/alerts/{row.alert_id}"
    lines: tuple[str, ...] = ()
    beyond = 0
    if row.kind == "digest":
        summary, lines, beyond = digesting.text_of(row)
        url = f"{settings.SITE_URL}/alerts/"
    elif row.kind != "resolved":
        # As it was when it was written down.
        alert = msgspec.structs.replace(alert, status="firing", resolved_at=None)
    notice = Notice(row.kind, alert, summary, url, row.created_at, lines=lines, beyond=beyond)
    return outbox.composed(notice, row.alert, deputy)


def _announce(made: list[Notification]) -> None:
    if not made:
        return
    version, ids = bulk.next_version(), frozenset(row.alert_id for row in made)
    Alert.objects.filter(pk__in=ids).update(version=version)

    def after() -> None:
        alerts_changed.send_robust(sender=Alert, version=version, ids=ids)
        for row in made:
            nudging.nudge("alerts.tasks.deliver", row.pk)

    bulk.after_commit(after)
