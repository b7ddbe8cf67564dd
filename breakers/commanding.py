"""Commanding: an operator's order on its way to the instances: ordered, delivered, applied.

With `proving.py`, which judges what came of it, the only writer of commands and deliveries. A button never writes a state: only a
report does.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.domain.silence import SECOND
from breakers.domain.states import State
from breakers.domain.verdicts import WATCHED, Traffic, Watched, evidence, overall, worst
from breakers.errors import Conflict, Invalid, NotFound
from breakers.ids import known_id
from breakers.models import Breaker, Command, Delivery, Instance
from breakers.models.command import ACTIONS, OVERRIDES
from breakers.signals import Changes, breakers_changed
from breakers.times import rfc3339

EXPIRES = timedelta(minutes=5)
LEASE = timedelta(minutes=30)
LONGEST_LEASE = timedelta(days=30)
REDELIVERED = timedelta(seconds=10)
LONGEST_REASON = 2_000


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
    """Order `action` at the live instances (or the named ones). Writes an audit line and wakes waiting polls.

    Errors: NotAllowed; NotFound (breaker, instance); Conflict (no live instance to reach);
    Invalid (unknown action, no reason, `until` in the past or without an override).
    """
    require(actor, Role.OPERATOR, f"to order '{action}'")
    breaker = _known(breaker_id)
    until = _checked(action, reason, until, at)
    with bulk.writing():
        before = {"state": breaker.state, "wanted": breaker.wanted_action}
        reached = _reached(breaker, instances, action)
        command = give(actor, breaker, action, reason.strip(), reached, until, at)
        auditing.write(
            actor,
            f"command.{action}",
            "breaker",
            breaker.pk,
            f"{breaker.service.name}/{breaker.name}",
            reason=command.reason,
            before=before,
            after={
                "command": str(command.pk),
                "instances": sorted(command.deliveries.values_list("instance_name", flat=True)),
                "until": rfc3339(until),
            },
            at=at,
        )
    return command


def under_way() -> set[tuple[int, str]]:
    """(service id, instance name) of every delivery under way or watched: usually none, and cheap to ask."""
    return set(
        map(
            tuple,
            bulk.select("SELECT DISTINCT service_id, instance_name FROM breakers_delivery WHERE active = %s", [True]),
        )
    )


def hand_out(service_id: int, names: Iterable[str], at: datetime) -> list[dict[str, Any]]:
    """The commands that wait for these instances, marked as delivered. Inside `bulk.writing()`."""
    due = _waiting(service_id, names, at).select_related("command", "command__breaker").order_by("command__issued_at")
    handed = []
    for delivery in due:
        command = delivery.command
        delivery.due_at = at + REDELIVERED
        if delivery.status == "pending":
            delivery.status, delivery.delivered_at = "delivered", at
        delivery.save(update_fields=["due_at", "status", "delivered_at"])
        advance(command)
        handed.append(
            {
                "id": str(command.pk),
                "breaker": command.breaker.name,
                "instance": delivery.instance_name,
                "action": command.action,
                "reason": command.reason,
                "requested_by": command.requested_by,
                "issued_at": rfc3339(command.issued_at),
                "expires_at": rfc3339(command.expires_at),
                "until": rfc3339(command.until),
            }
        )
    if handed:
        announce({delivery.command.breaker_id for delivery in due})
    return handed


def fetch(service_id: int, instance: str, at: datetime) -> list[dict[str, Any]]:
    """What waits for one instance, marked as delivered: the long poll's answer. Nothing is written where nothing waits."""
    if not _waiting(service_id, [instance], at).exists():
        return []
    with bulk.writing():
        return hand_out(service_id, [instance], at)


def never_delivered(at: datetime) -> list[tuple[int, str]]:
    """Whom a command waits for that was never handed out: what wakes a long poll. A repeat wakes no one."""
    waiting = Delivery.objects.filter(active=True, status="pending", command__expires_at__gt=at)
    return list(waiting.values_list("service_id", "instance_name").distinct())


def report_result(service_id: int, command_id: str, instance: str, status: str, detail: str, at: datetime) -> None:
    """What the service says became of a command. Repeats change nothing.

    Errors: NotFound (no such delivery of this service); Invalid (status).
    """
    if status not in ("applied", "failed"):
        raise Invalid(("status", f"unknown status '{status}'; expected applied or failed"))
    with bulk.writing():
        delivery = (
            Delivery.objects.filter(service_id=service_id, instance_name=instance, command_id=_uuid(command_id))
            .select_related("command")
            .first()
        )
        if delivery is None:
            raise NotFound(f"no command '{command_id}' for the instance '{instance}' of this service")
        if delivery.applied_at is not None or delivery.status in ("failed", "expired"):
            return
        delivery.detail = detail
        delivery.delivered_at = delivery.delivered_at or at
        delivery.applied_at = at
        if status == "failed":
            finish(delivery, "failed", at)
        elif delivery.status != "confirmed":
            delivery.status = "applied"
        delivery.save()
        advance(delivery.command)
        announce({delivery.command.breaker_id})


def finish(delivery: Delivery, status: str, at: datetime) -> None:
    """Nothing more is to come of it; the caller saves."""
    delivery.status, delivery.active, delivery.finished_at = status, False, at


def advance(command: Command) -> None:
    """Bring the command's own row up to its deliveries."""
    rows = list(command.deliveries.all())
    command.status = overall([row.status for row in rows])
    verdicts = [row.verdict for row in rows]
    # A verdict stands when every watch is over; that it did not hold is known before.
    judged = command.action in WATCHED and not any(row.active for row in rows)
    if judged or "did_not_hold" in verdicts:
        command.verdict = worst(verdicts)
        command.evidence = _added_up([row.evidence for row in rows if row.evidence])
    command.save(update_fields=["status", "verdict", "evidence"])


def _added_up(told: list[dict[str, Any]]) -> dict[str, object] | None:
    """What the watches of all instances came to, as one."""
    if not told:
        return None
    watches = [
        Watched(
            Traffic(each["calls"], each["failures"]),
            round(each["watched_s"] * SECOND),
            round(each["reopened_after_s"] * SECOND) if "reopened_after_s" in each else None,
        )
        for each in told
    ]
    return evidence(watches, told[0]["threshold"])


def give(
    actor: Actor,
    breaker: Breaker,
    action: str,
    reason: str,
    reached: list[Instance],
    until: datetime | None,
    at: datetime,
) -> Command:
    """A command at these instances, without asking who may: `order()` does."""
    command = Command.objects.create(
        breaker=breaker,
        action=action,
        reason=reason,
        until=until,
        requested_by=actor.name,
        issued_at=at,
        expires_at=at + EXPIRES,
    )
    Delivery.objects.bulk_create(
        Delivery(command=command, service_id=breaker.service_id, instance=copy, instance_name=copy.name, due_at=at)
        for copy in reached
    )
    if action in OVERRIDES:
        breaker.wanted_action, breaker.wanted_until, breaker.wanted_by = action, until, actor.name
    elif action in ("reset", "release"):
        breaker.wanted_action = breaker.wanted_until = breaker.wanted_by = None
    breaker.save(update_fields=["wanted_action", "wanted_until", "wanted_by"])
    announce({breaker.pk}, frozenset((breaker.service_id, copy.name) for copy in reached))
    return command


def _checked(action: str, reason: str, until: datetime | None, at: datetime) -> datetime | None:
    """The end of the override, filled in; None for the other actions."""
    errors = []
    if action not in ACTIONS:
        errors.append(("action", f"unknown action '{action}'; expected one of {', '.join(ACTIONS)}"))
    if not reason.strip():
        errors.append(("reason", "'reason' is missing; every order says why"))
    elif len(reason) > LONGEST_REASON:
        errors.append(("reason", f"'reason' has {len(reason)} characters; at most {LONGEST_REASON} are taken"))
    if until is not None and action not in OVERRIDES:
        errors.append(("until", f"'until' goes with {', '.join(sorted(OVERRIDES))}; '{action}' has no end"))
    elif until is not None and until <= at:
        errors.append(("until", f"'until' {rfc3339(until)} is not in the future"))
    elif until is not None and until > at + LONGEST_LEASE:
        errors.append(("until", f"'until' {rfc3339(until)} is more than {LONGEST_LEASE.days} days ahead"))
    if errors:
        raise Invalid(*errors)
    return until or at + LEASE if action in OVERRIDES else None


def _reached(breaker: Breaker, names: list[str] | None, action: str) -> list[Instance]:
    reached = live(breaker)
    if names is not None:
        known = {copy.name: copy for copy in reached}
        for name in names:
            if name not in known:
                raise NotFound(f"'{name}' is no live instance of {breaker.name}")
        reached = [known[name] for name in dict.fromkeys(names)]
    if not reached:
        raise Conflict(f"{breaker.name} has no live instance that the command could reach")
    if action == "probe":
        # A closed one lets every call try already.
        trying = [copy for copy in reached if copy.reported_state != State.CLOSED]
        if not trying:
            raise Conflict(
                f"{breaker.name} is closed at every instance that this would reach: there is nothing to probe"
            )
        return trying
    return reached


def live(breaker: Breaker) -> list[Instance]:
    """The instances that a command can reach."""
    return list(breaker.copies.filter(left_at=None).order_by("name"))


def _known(breaker_id: str) -> Breaker:
    breaker = Breaker.objects.select_related("service").filter(pk=known_id(breaker_id)).first()
    if breaker is None:
        raise NotFound(f"no breaker '{breaker_id}'")
    return breaker


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise NotFound(f"no command '{text}'") from None


def _waiting(service_id: int, names: Iterable[str], at: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(
        service_id=service_id,
        instance_name__in=list(names),
        active=True,
        status__in=("pending", "delivered", "confirmed"),
        applied_at=None,
        due_at__lte=at,
        command__expires_at__gt=at,
    )


def announce(breaker_ids: set[int], waiting: frozenset[tuple[int, str]] = frozenset()) -> None:
    """A change of intent is a change of the card: a new version, told after commit."""
    version = bulk.next_version()
    Breaker.objects.filter(pk__in=breaker_ids).update(version=version)
    changes = Changes(version, frozenset(breaker_ids), commands=waiting)
    bulk.after_commit(lambda: _tell(changes))


def _tell(changes: Changes) -> None:
    breakers_changed.send_robust(sender=None, changes=changes)
