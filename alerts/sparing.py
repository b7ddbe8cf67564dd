"""Sparing: a destination that fails is left in peace, and hands are not held where others need them.

Each destination's own breaker stands in its row, which is locked by who calls these: its claims and finishes take turns.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from alerts import faulting, outbox, showing
from alerts.destinations.base import Outcome
from alerts.domain import backoff
from alerts.models import Destination, Notification
from alerts.models.notification import State
from breakers import bulk
from breakers.models.fields import from_us, to_us

if TYPE_CHECKING:
    from alerts.notifying import Result

MOST_LEASES = 4
# Whether a destination hangs is known only after ten seconds: one that has not answered lately gets fewer hands to hold.
LEASES_UNPROVED = 2
LATELY = timedelta(minutes=10)

log = structlog.get_logger(__name__)


def may_send(destination: Destination, at: datetime) -> bool:
    """Whether one more may go there now, by its breaker, its bulkhead and the rest that it asked for."""
    if destination.rests_until is not None and at < destination.rests_until:
        return False
    under_way = Notification.objects.filter(destination=destination, state=State.DUE, claimed_until__gte=at).count()
    return _breaker(destination).lets_pass(at, under_way, _hands(destination, at))


def _hands(destination: Destination, at: datetime) -> int:
    """How many may send there at once: hands that wait for it are missing elsewhere."""
    if destination.failures:
        # One that failed last is felt for with one message.
        return 1
    answered_at = destination.last_success_at
    return MOST_LEASES if answered_at is not None and at - answered_at < LATELY else LEASES_UNPROVED


def follow(destination: Destination, result: "Result", began_at: datetime, at: datetime) -> None:
    """The destination after this try, in the transaction that notes it. What the guard forbids, or we spoil, says nothing about it."""
    if result.outcome in {Outcome.FORBIDDEN, Outcome.FAILED}:
        return
    before = _breaker(destination)
    after = before.after(result.error is None, at)
    destination.failures, destination.open_until, destination.open_for_s = (
        after.failures,
        after.open_until,
        after.open_for_s,
    )
    destination.recent = [[to_us(moment), int(succeeded)] for moment, succeeded in after.recent]
    if result.error is None:
        destination.last_success_at = at
        if before.open_until is not None:
            _come_forward(destination, at)
        faulting.accepts(destination, at)
    else:
        destination.last_failure_at, destination.last_error = at, str(result.error)
        if result.error.status_code in {429, 503} and result.error.retry_after_s:
            rest = timedelta(seconds=min(result.error.retry_after_s, backoff.RESTS_MOST))
            destination.rests_until = at + rest
        if after.open_until is not None and before.open_until is None:
            log.warning("a destination fails", destination=destination.name, error=str(result.error))
            faulting.fails(destination, str(result.error), at)
    destination.save()
    shown = showing.Tried(destination.name, before, after, result.error, result.took_ms, began_at, at)
    bulk.after_commit(lambda: showing.show(shown))


def _come_forward(destination: Destination, at: datetime) -> None:
    """It answers again: what waits for it need not wait out its backoff, but does not come all at once."""
    waiting = Notification.objects.filter(destination=destination, state=State.DUE, claimed_until=None, due_at__gt=at)
    ids = list(waiting.order_by("due_at").values_list("pk", flat=True)[: outbox.DUE_AT_ONCE])
    for place, pk in enumerate(ids):
        due_at = at + timedelta(seconds=backoff.COMES_FORWARD * place / len(ids))
        Notification.objects.filter(pk=pk, due_at__gt=due_at).update(due_at=due_at)


def _breaker(destination: Destination) -> backoff.Breaker:
    recent = tuple((from_us(us), bool(succeeded)) for us, succeeded in destination.recent)
    return backoff.Breaker(destination.failures, destination.open_until, destination.open_for_s, recent)
