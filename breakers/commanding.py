"""Commanding: an operator's order on its way to the instances: ordered, delivered, applied, confirmed, judged.

The only writer of commands and deliveries. A button never writes a state: only a report does.
"""

from datetime import datetime

from breakers.access import Actor
from breakers.models import Command


def order(
    actor: Actor,
    breaker_id: str,
    action: str,
    reason: str,
    *,
    instances: list[str] | None = None,
    until: datetime | None = None,
    at: datetime,
) -> Command:
    """Order `action` at the live instances (or the named ones). Writes an audit line and nudges waiting polls.

    Errors: NotAllowed; NotFound (breaker, instance); Conflict (no live instance to reach);
    Invalid (unknown action, no reason, `until` in the past or without an override).
    """
    raise NotImplementedError
