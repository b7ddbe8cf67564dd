"""Notifying: claim a notification, send it, write down how it went.

At least once: a claim is a lease, and a worker that dies lets it lapse. The claim raises `attempt`, and a finish counts only
while that attempt is still the last: a worker that thaws too late writes nothing. No transaction spans the sending.
"""

import os
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

import structlog
from django.db import transaction
from django.db.models import F

from alerts import digesting, faulting, outbox, sparing
from alerts.destinations import speaking
from alerts.destinations.base import MAY_HAVE_ARRIVED, OUR_FAULT, Message, Outcome, Receipt, Target, outcome_of
from alerts.domain import backoff
from alerts.domain.deciding import decide
from alerts.errors import DeliveryError
from alerts.models import Alert, Attempt, Destination, Notification
from alerts.models.notification import State
from alerts.signals import alerts_changed
from breakers import bulk
from breakers.errors import StoreUnavailable

# Three times the deadline and the commits around it.
LEASE = timedelta(seconds=60)
# Where the database can't be written just now, how it went is written down a little later: the sooner, the fewer are told twice.
FINISH_AGAIN_S = (0.5, 1.0, 2.0, 4.0, 8.0)
# How long one nudge goes on with what else waits for the destination: a task must end well before it is given out again.
STAYS_S = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """One try that is ours alone until its lease ends."""

    notification_id: int
    destination_id: uuid.UUID
    attempt: int
    message: Message
    destination: Destination


@dataclass(frozen=True, slots=True)
class Result:
    """How a try went."""

    outcome: Outcome
    took_ms: int
    receipt: Receipt | None = None
    error: DeliveryError | None = None


def deliver(notification_id: int, clock: Callable[[], datetime]) -> None:
    """Send it, if it is due and nobody else does; then what else waits for its destination.

    How sending fails is written down, not raised.
    """
    until = time.monotonic() + STAYS_S
    claim = claim_one(notification_id, clock())
    while claim is not None:
        _finish_surely(claim, attempt(claim), clock)
        following = outbox.next_of(claim.destination, clock()) if time.monotonic() < until else None
        claim = None if following is None else claim_one(following, clock())


def claim_one(notification_id: int, at: datetime) -> Claim | None:
    """Take the lease; None where it is not due, is another's, its destination is left in peace, or it must not go."""
    with transaction.atomic():
        row = Notification.objects.select_related("destination").filter(pk=notification_id).first()
        if row is None:
            return None
        # The destination's row is the lock of its breaker and its bulkhead: claims and finishes of one destination take turns.
        destination = Destination.objects.select_for_update().get(pk=row.destination_id)
        if not sparing.may_send(destination, at):
            return None
        before = outbox.claimable(at).filter(pk=row.pk).values_list("attempt", "claimed_until").first()
        claimed = before and outbox.claimable(at).filter(pk=row.pk, attempt=before[0]).update(
            claimed_until=at + LEASE, attempt=F("attempt") + 1
        )
        if not before or not claimed:
            return None
        number, lapsed = before[0], before[1]
        if lapsed is not None:
            _note_lost(row.pk, number, lapsed - LEASE, at)
    if _is_poison(row.pk):
        _bury(row.pk, number + 1, at)
        return None
    decision = decide(
        row.kind, destination_on=destination.off_at is None, told=_told(row), by_hand=row.resend_of_id is not None
    )
    if not decision.send:
        _drop(row.pk, number + 1, decision.reason, at)
        return None
    if digesting.puts_off(row, destination, at):
        return None
    return Claim(row.pk, destination.pk, number + 1, Message(row.webhook_id, bytes(row.body), at), destination)


def attempt(claim: Claim) -> Result:
    """Send it, outside any transaction."""
    begun = time.monotonic()

    def took_ms() -> int:
        return round((time.monotonic() - begun) * 1000)

    try:
        target: Target = speaking.target_of(claim.destination)
        receipt = speaking.send(target, claim.message)
    except DeliveryError as error:
        return Result(outcome_of(error), took_ms(), error=error)
    except Exception as error:
        # A fault of ours or of a library: it may have left. The sentence names no value, there may be a secret in it.
        trace = os.urandom(4).hex()
        where = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        log.error(
            "a notification could not be sent",
            notification=claim.notification_id,
            error=type(error).__name__,
            trace=trace,
            where=where,
        )
        said = f"sending failed: {type(error).__name__} (trace {trace} in the log)"
        return Result(Outcome.FAILED, took_ms(), error=DeliveryError(said, arrived=True, failed=True))
    return Result(Outcome.ACCEPTED, took_ms(), receipt=receipt)


def _finish_surely(claim: Claim, result: Result, clock: Callable[[], datetime]) -> None:
    """Write it down, or try to for as long as the lease is surely ours. Errors: StoreUnavailable: another one sends it again."""
    for pause in FINISH_AGAIN_S:
        try:
            finish(claim, result, clock())
        except StoreUnavailable as error:
            log.warning("how a notification went can't be written down yet", error=str(error))
            time.sleep(pause)
        else:
            return
    finish(claim, result, clock())


def finish(claim: Claim, result: Result, at: datetime) -> bool:
    """Write down how it went; whether this try still counted."""
    with bulk.writing():
        destination = Destination.objects.select_for_update().get(pk=claim.destination_id)
        row = Notification.objects.filter(pk=claim.notification_id, state=State.DUE, attempt=claim.attempt).first()
        if row is None:
            return False
        next_due_at = None
        if result.error is None:
            row.state, row.reason = State.SENT, ""
        else:
            next_due_at = _next_try(row, claim, result.error, at)
            row.state = State.DEAD if next_due_at is None else State.DUE
            row.reason = str(result.error)
            row.due_at = next_due_at or row.due_at
        row.claimed_until = None
        row.finished_at = at if row.state != State.DUE else None
        row.save(update_fields=["state", "reason", "due_at", "claimed_until", "finished_at"])
        _note(claim, result, next_due_at)
        if row.state == State.DEAD:
            faulting.gave_up(row, at)
        sparing.follow(destination, result, claim.message.sent_at, at)
        _announce(row.alert_id)
        return True


def _next_try(row: Notification, claim: Claim, error: DeliveryError, at: datetime) -> datetime | None:
    """When it is tried again; None: never."""
    if error.permanent:
        return None
    give_up_at = row.give_up_at
    if error.patience_s is not None:
        give_up_at = min(give_up_at, row.created_at + timedelta(seconds=error.patience_s))
    floor = error.retry_after_s
    if error.failed and _faults(row.pk) + 1 >= backoff.MOST_FAULTS:
        return None
    if error.status_code is not None and backoff.lasting(error.status_code):
        floor = max(floor or 0.0, backoff.slow_wait_s(_lasting_refusals(row.pk) + 1))
    due_at = at + timedelta(seconds=backoff.wait_s(claim.attempt, floor))
    return due_at if due_at < give_up_at else None


def _lasting_refusals(notification_id: int) -> int:
    codes = Attempt.objects.filter(notification=notification_id, outcome=Outcome.REFUSED)
    return sum(backoff.lasting(code) for code in codes.values_list("status_code", flat=True) if code is not None)


def _faults(notification_id: int) -> int:
    """How many of its last tries, in a row, ended by a fault of ours or with the process that tried."""
    last = Attempt.objects.filter(notification=notification_id).order_by("-number")
    outcomes = last.values_list("outcome", flat=True)[: backoff.MOST_FAULTS]
    return sum(1 for _ in takewhile(lambda outcome: outcome in OUR_FAULT, outcomes))


def _is_poison(notification_id: int) -> bool:
    """It has ended so many of our tries, or of our processes, that it ends no more."""
    return _faults(notification_id) >= backoff.MOST_FAULTS


def _bury(notification_id: int, attempt: int, at: datetime) -> None:
    with bulk.writing():
        row = Notification.objects.filter(pk=notification_id, state=State.DUE, attempt=attempt).first()
        if row is not None:
            row.state, row.claimed_until, row.finished_at = State.DEAD, None, at
            row.reason = f"given up: {backoff.MOST_FAULTS} tries in a row ended by a fault of ours or with the process that tried"
            row.save(update_fields=["state", "claimed_until", "finished_at", "reason"])
            faulting.gave_up(row, at)
            _announce(row.alert_id)


def _note(claim: Claim, result: Result, next_due_at: datetime | None) -> None:
    answered = result.receipt or result.error
    Attempt.objects.create(
        notification_id=claim.notification_id,
        number=claim.attempt,
        started_at=claim.message.sent_at,
        took_ms=result.took_ms,
        address=answered.address if answered else "",
        status_code=answered.status_code if answered else None,
        outcome=result.outcome,
        error=str(result.error or ""),
        answer=answered.answer if answered else "",
        next_due_at=next_due_at,
    )


def _note_lost(notification_id: int, number: int, started_at: datetime, at: datetime) -> None:
    """The lease before this one lapsed: its worker never told how it went."""
    Attempt.objects.create(
        notification_id=notification_id,
        number=number,
        started_at=started_at,
        outcome=Outcome.LOST,
        error="the worker was lost before it could tell how it went",
        next_due_at=at,
    )


def _told(row: Notification) -> bool:
    """Whether an earlier notice of this alert may have reached this destination, alone or in a digest."""
    earlier = Notification.objects.filter(alert=row.alert_id, destination=row.destination_id, sequence__lt=row.sequence)
    arrived = Attempt.objects.filter(outcome__in=MAY_HAVE_ARRIVED)
    return (
        arrived.filter(notification__in=earlier).exists()
        or arrived.filter(notification__members__in=earlier).exists()
        # The digest that tells of it is still on its way: it goes out first.
        or earlier.filter(digest__state=State.DUE).exists()
    )


def _drop(notification_id: int, attempt: int, reason: str, at: datetime) -> None:
    """It must not go: the reason stays with it."""
    with bulk.writing():
        rows = Notification.objects.filter(pk=notification_id, state=State.DUE, attempt=attempt)
        if rows.update(state=State.DROPPED, reason=reason, claimed_until=None, finished_at=at):
            _announce(Notification.objects.values_list("alert_id", flat=True).get(pk=notification_id))


def _announce(alert_id: int) -> None:
    """The alert's page shows its notifications, so this is a change of the alert."""
    version = bulk.next_version()
    Alert.objects.filter(pk=alert_id).update(version=version)

    def after() -> None:
        alerts_changed.send_robust(sender=Alert, version=version, ids=frozenset({alert_id}))

    bulk.after_commit(after)
