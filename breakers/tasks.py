"""Celery's shells around the gerunds: each does what is due, and may run twice."""

from celery import shared_task
from django.utils import timezone

from breakers import commanding, pruning, silencing
from breakers.models import Pulse


@shared_task(name="breakers.tasks.sweep")
def sweep() -> None:
    """What the clock alone brings: silence, the passing minute, expiry, verdicts, the end of leases."""
    at = timezone.now()
    silencing.sweep(at)
    silencing.tally(at)
    commanding.expire_and_judge(at)


@shared_task(name="breakers.tasks.fold")
def fold() -> None:
    """Fine buckets into wide ones."""
    pruning.fold(timezone.now())


@shared_task(name="breakers.tasks.prune")
def prune() -> None:
    """What is too old to keep."""
    pruning.prune(timezone.now())


@shared_task(name="breakers.tasks.pulse")
def pulse(part: str) -> None:
    """Proof that this queue's worker consumes: its time goes into its row."""
    Pulse.objects.update_or_create(part=part, defaults={"at": timezone.now()})
