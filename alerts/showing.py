"""Showing ourselves: the breakers of our destinations stand on our own wall, as those of the service `breakerboard`.

They go the way of every service's events, through the recording. A destination appears there when it first fails, since a
board whose destinations all answer has nothing to show.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from alerts.domain.backoff import OPENS_AT, Breaker
from alerts.errors import DeliveryError
from alerts.routing import OURSELVES
from breakers import recording
from breakers.domain.checking import check
from breakers.models import Service
from breakers.models.fields import to_us
from breakers.submissions import Submission

INSTANCE = "deliver"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tried:
    """One try, and the destination's breaker before and after it."""

    destination: str
    before: Breaker
    after: Breaker
    error: DeliveryError | None
    took_ms: int
    began_at: datetime
    at: datetime


def show(tried: Tried) -> None:
    """Record what this try did to the breaker; nothing while it was and stays closed."""
    events = events_of(tried)
    if not events:
        return
    service, _ = Service.objects.get_or_create(name=OURSELVES, defaults={"created_at": tried.at})
    batch = check(events, to_us(tried.at))
    answer = recording.record([Submission(service.pk, batch.reports, batch.refusals)], tried.at)[0]
    if answer.rejected:
        log.error("our own breaker could not be shown", refused=[refusal.detail for refusal in answer.rejected])


def events_of(tried: Tried) -> list[dict[str, Any]]:
    """The events that a service would post for it."""
    was_open, is_open = tried.before.open_until is not None, tried.after.open_until is not None
    if not was_open and not is_open:
        return []
    common = {"breaker": tried.destination, "dependency": tried.destination, "instance": INSTANCE}
    at = tried.at.isoformat()
    call: dict[str, Any] = {**common, "type": "success", "duration_ms": tried.took_ms, "occurred_at": at}
    if tried.error is not None:
        call |= {"type": "failure", "error": {"type": "DeliveryError", "message": str(tried.error)}}
    step = {**common, "type": "state_change", "occurred_at": at}
    probing = was_open and tried.before.open_until is not None and tried.began_at >= tried.before.open_until
    events = [call]
    if probing:
        events.insert(0, {**step, "to_state": "half_open", "occurred_at": tried.began_at.isoformat()})
    if not is_open:
        return [*events, {**step, "to_state": "closed", "reason": {"metric": "probe", "text": "it took a message"}}]
    if probing or not was_open:
        assert tried.after.open_until is not None
        why = {"metric": "consecutive_failures", "value": tried.after.failures, "threshold": OPENS_AT}
        if tried.after.failures < OPENS_AT:
            why = {"metric": "failure_rate", "text": "half of the tries of the last minute failed"}
        opened = {**step, "to_state": "open", "reason": why, "next_probe_at": tried.after.open_until.isoformat()}
        events.append(opened)
    return events
