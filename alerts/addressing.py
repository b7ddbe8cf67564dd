"""Addressing: the only writer of destinations that people set up at the board.

Roles are checked here, every verb leaves a line in the audit trail, and no line holds a secret.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from alerts import faulting, queries
from alerts.destinations import board, speaking
from alerts.destinations.base import Message, Notice, Outcome, outcome_of
from alerts.errors import DeliveryError
from alerts.models import Destination, Route
from alerts.models.destination import Kind, Source
from alerts.outbox import new_webhook_id
from alerts.shapes import AlertView, Subject, TestView, moment
from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.errors import Conflict, Invalid, Unreadable
from breakers.models.service import NAME_LENGTH

MOST_DESTINATIONS = 200


@dataclass(frozen=True, slots=True)
class Kept:
    """A destination that was set up, and what its admin should know of it."""

    row: Destination
    warnings: list[str]


def add(actor: Actor, name: str, kind: str, config: Mapping[str, object], *, at: datetime) -> Kept:
    """Set one up. Errors: NotAllowed, Invalid, BadTarget, Conflict (the name, too many)."""
    require(actor, Role.ADMIN, "adding a destination")
    name = _name(name)
    if kind not in Kind.values:
        raise Invalid(("kind", f"unknown kind '{kind[:40]}'; expected one of {', '.join(Kind.values)}"))
    # Before the transaction: it asks the resolver.
    found = board.checked(kind, config)
    with bulk.writing():
        _free(name)
        if Destination.objects.filter(source=Source.BOARD, removed_at=None).count() >= MOST_DESTINATIONS:
            raise Conflict(f"there are {MOST_DESTINATIONS} destinations already; remove one first")
        row = Destination(kind=kind, name=name, source=Source.BOARD, created_at=at)
        board.keep(row, found)
        row.save(force_insert=True)
        _tell(actor, "destination.add", row, None, _seen(row), at)
    return Kept(row, found.warnings)


def change(
    actor: Actor,
    destination_id: str,
    *,
    name: str | None = None,
    config: Mapping[str, object] | None = None,
    enabled: bool | None = None,
    at: datetime,
) -> Kept:
    """Change what is given; a part of the configuration that is not given, a secret too, is kept.

    Errors: NotAllowed, NotFound, Invalid, BadTarget, Conflict (the name; the environment's are not changed here).
    """
    require(actor, Role.ADMIN, "changing a destination")
    row = _own(destination_id)
    found = None
    if config is not None:
        # What can't be read any more (its key is lost) is set up anew.
        before = board.kept(row) if _readable(row) else {}
        found = board.checked(row.kind, config, before)
    with bulk.writing():
        row = _own(destination_id)
        before_seen = _seen(row)
        if name is not None and _name(name) != row.name:
            _free(_name(name))
            row.name = _name(name)
        if found is not None:
            board.keep(row, found)
            # Another target: what the last one did says nothing about it.
            row.failures, row.recent, row.open_until, row.open_for_s, row.rests_until = 0, [], None, 0, None
        if enabled is not None:
            row.off_at = None if enabled else row.off_at or at
            if not enabled:
                faulting.leaves(row, at)
        row.save()
        _tell(actor, "destination.change", row, before_seen, _seen(row, secrets_changed=found is not None), at)
    return Kept(row, found.warnings if found else [])


def remove(actor: Actor, destination_id: str, *, at: datetime) -> None:
    """Delete it. What it was told stays in the alerts' trails; what waits for it is not sent; its secrets are wiped.

    Errors: NotAllowed, NotFound, Conflict (the environment's).
    """
    require(actor, Role.ADMIN, "removing a destination")
    with bulk.writing():
        row = _own(destination_id)
        seen = _seen(row)
        row.sealed, row.off_at, row.removed_at = "", at, at
        row.save(update_fields=["sealed", "off_at", "removed_at"])
        faulting.leaves(row, at)
        for route in Route.objects.all():
            _forget(route, str(row.pk))
        _tell(actor, "destination.remove", row, seen, None, at)


def test(actor: Actor, destination_id: str, *, at: datetime) -> TestView:
    """Send it a message that says it is a test, the way that alerts take, and say how that went. Within 10 s.

    Errors: NotAllowed, NotFound.
    """
    require(actor, Role.ADMIN, "testing a destination")
    row = queries.destination_row(destination_id)
    notice = Notice("test", _example(at), f"a test by {actor.name}: no breaker opened", settings.SITE_URL, at)
    begun = time.monotonic()
    receipt, error = None, None
    try:
        body = speaking.compose(row.kind, notice)
        receipt = speaking.send(speaking.target_of(row), Message(new_webhook_id(), body, at))
    except DeliveryError as failed:
        error = failed
    took_ms = round((time.monotonic() - begun) * 1000)
    answered = receipt or error
    outcome = Outcome.ACCEPTED if error is None else outcome_of(error)
    view = TestView(
        sent=error is None,
        outcome=outcome,
        took_ms=took_ms,
        address=answered.address if answered else "",
        status_code=answered.status_code if answered else None,
        error=str(error or ""),
        answer=answered.answer if answered else "",
    )
    with bulk.writing():
        # Seen on its page; its breaker goes by real messages alone.
        if error is None:
            Destination.objects.filter(pk=row.pk).update(last_success_at=at)
        else:
            Destination.objects.filter(pk=row.pk).update(last_failure_at=at, last_error=str(error))
        told = {"outcome": outcome, "status_code": view.status_code, "error": view.error}
        _tell(actor, "destination.test", row, None, told, at)
    return view


def _example(at: datetime) -> AlertView:
    return AlertView(
        id="0",
        version=0,
        rule="test",
        severity="info",
        status="firing",
        service="breakerboard",
        breaker=Subject("0", "breakerboard", "test"),
        dependency="nothing",
        labels={},
        summary="a test: no breaker opened",
        trips=1,
        started_at=moment(at),
        detected_at=moment(at),
        acknowledged_by=None,
        acknowledged_at=None,
        acknowledged_comment="",
        resolved_at=None,
        incident=None,
        notifications=[],
    )


def _own(destination_id: str) -> Destination:
    row = queries.destination_row(destination_id)
    if row.source == Source.ENVIRONMENT:
        raise Conflict(f"{row.name} comes from ALERT_URLS: change it there")
    return row


def _readable(row: Destination) -> bool:
    try:
        board.kept(row)
    except Unreadable:
        return False
    return True


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > NAME_LENGTH or any(ord(c) < 32 or ord(c) == 127 for c in name):
        raise Invalid(("name", f"a name has 1 to {NAME_LENGTH} characters, and no control characters"))
    return name


def _free(name: str) -> None:
    if Destination.objects.filter(name=name, removed_at=None).exists():
        raise Conflict(f"there is a destination '{name}' already")


def _forget(route: Route, pk: str) -> None:
    steps = [{**step, "destinations": [each for each in step["destinations"] if each != pk]} for step in route.steps]
    rest = [each for each in route.destinations if each != pk]
    if rest != route.destinations or steps != route.steps:
        route.destinations, route.steps = rest, [step for step in steps if step["destinations"]]
        route.save(update_fields=["destinations", "steps"])


def _seen(row: Destination, *, secrets_changed: bool = False) -> dict[str, object]:
    seen: dict[str, object] = {
        "name": row.name, "kind": row.kind, "config": row.shown, "enabled": row.off_at is None
    }  # fmt: skip
    return {**seen, "config_changed": True} if secrets_changed else seen


def _tell(actor: Actor, verb: str, row: Destination, before: object, after: object, at: datetime) -> None:
    auditing.write(actor, verb, "destination", row.pk, row.name, before=before, after=after, at=at)
