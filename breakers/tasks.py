"""Celery's shells around the gerunds: each does what is due, and may run twice."""

import time

from celery import shared_task
from django.utils import timezone

from breakers import access_trail, audit_proof, measuring, proving, pruning, signing, silencing
from breakers.jumps import Jumps
from breakers.models import Pulse

jumps = Jumps()
# What is left is taken the next time: alerting shares this worker's threads.
PRUNES_FOR = 20.0  # s


@shared_task(name="breakers.tasks.sweep")
def sweep() -> None:
    """What the clock alone brings: silence, the passing minute, expiry, verdicts, the end of leases."""
    at = timezone.now()
    if not jumps.seen(at, time.monotonic()):
        silencing.sweep(at)
    silencing.tally(at)
    proving.expire_and_judge(at)
    access_trail.sweep(at)


@shared_task(name="breakers.tasks.fold")
def fold() -> None:
    """Fine buckets into wide ones."""
    pruning.fold(timezone.now())


@shared_task(name="breakers.tasks.prune")
def prune() -> None:
    """What is too old to keep; and now and then, how large what is kept has become."""
    at = timezone.now()
    pruning.prune(at, within_s=PRUNES_FOR)
    signing.forget_earlier(at)
    measuring.measure_if_due(at)


@shared_task(name="breakers.tasks.keep_audit_head")
def keep_audit_head() -> None:
    """The end of the audit trail, kept apart from the database."""
    audit_proof.keep_head(timezone.now())


@shared_task(name="breakers.tasks.pulse")
def pulse(part: str) -> None:
    """Proof that this queue's worker consumes: its time goes into its row."""
    Pulse.objects.update_or_create(part=part, defaults={"at": timezone.now()})
