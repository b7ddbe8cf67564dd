"""Faulting: a destination that takes nothing, and a notification that was given up, become facts of their own.

Rows and a signal: whoever decides what matters can have it told through another destination.
"""

from datetime import datetime

from django.db.models import QuerySet

from alerts.models import DeliveryFault, Destination, Notification
from alerts.signals import delivery_faults_changed
from breakers import bulk

FAILING = DeliveryFault.Kind.FAILING
DEAD_LETTER = DeliveryFault.Kind.DEAD_LETTER


def fails(destination: Destination, why: str, at: datetime) -> None:
    """Its breaker opened. In the transaction of that change."""
    if not _live(destination).filter(kind=FAILING).exists():
        _began(DeliveryFault(destination=destination, kind=FAILING, began_at=at, detail=why))


def gave_up(row: Notification, at: datetime) -> None:
    """A notification is dead. In the transaction of that change."""
    fault = DeliveryFault(
        destination_id=row.destination_id, kind=DEAD_LETTER, notification=row, began_at=at, detail=row.reason
    )
    _began(fault)


def accepts(destination: Destination, at: datetime) -> None:
    """It took a message: whatever was wrong is over."""
    _over(_live(destination), at)


def leaves(destination: Destination, at: datetime) -> None:
    """It was switched off or deleted: nobody waits for it any more."""
    _over(_live(destination), at)


def live() -> list[DeliveryFault]:
    """What is wrong now, oldest first, with the destinations."""
    return list(DeliveryFault.objects.filter(ended_at=None).select_related("destination").order_by("pk"))


def _live(destination: Destination) -> QuerySet[DeliveryFault]:
    return DeliveryFault.objects.filter(destination=destination, ended_at=None)


def _began(fault: DeliveryFault) -> None:
    fault.save()
    _tell({fault.pk})


def _over(rows: QuerySet[DeliveryFault], at: datetime) -> None:
    ids = set(rows.values_list("pk", flat=True))
    if ids:
        DeliveryFault.objects.filter(pk__in=ids).update(ended_at=at)
        _tell(ids)


def _tell(ids: set[int]) -> None:
    bulk.after_commit(lambda: delivery_faults_changed.send_robust(sender=DeliveryFault, ids=frozenset(ids)) and None)
