"""Commands and the audit trail, as the pages and the API read them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from breakers.errors import Invalid, NotFound
from breakers.ids import known_id
from breakers.models import Audit, Command, Delivery
from breakers.queries.shapes import AuditView, CommandView, DeliveryView, Page
from breakers.times import rfc3339

# What these are is on pages for admins alone: where destinations are, keys and limits of services, tokens, links of screens, who came in from where.
FOR_ADMINS = frozenset({"destination", "route", "service", "token", "screen", "user", "board", "access", "person"})


def command(command_id: str) -> CommandView:
    """One command with its deliveries. Errors: NotFound for an unknown id in any spelling."""
    try:
        wanted = UUID(command_id)
    except ValueError:
        raise NotFound(f"no command '{command_id}'") from None
    row = Command.objects.prefetch_related("deliveries").filter(pk=wanted).first()
    if row is None or str(row.pk) != command_id:
        raise NotFound(f"no command '{command_id}'")
    return _command(row, sorted(row.deliveries.all(), key=lambda delivery: delivery.instance_name))


def commands_of(breaker_id: str, *, limit: int = 20) -> list[CommandView]:
    """A breaker's commands, newest first."""
    newest = Command.objects.filter(breaker_id=known_id(breaker_id)).order_by("-issued_at")[:limit]
    # Nobody orders what reaches no instance: each has its deliveries.
    deliveries = Delivery.objects.filter(command__in=newest.values("pk")).select_related("command")
    found: dict[UUID, list[Delivery]] = {}
    for delivery in deliveries.order_by("-command__issued_at", "instance_name"):
        found.setdefault(delivery.command_id, []).append(delivery)
    return [_command(some[0].command, some) for some in found.values()]


def audit_trail(
    *,
    target_kind: str = "",
    target_id: str = "",
    actor: str = "",
    verb: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
    whole: bool = False,
) -> Page:
    """The audit trail, newest first. Items are AuditView. Errors: Invalid (cursor).

    whole: for who may see what only admins set up; for others, before and after of such lines are null, and their addresses empty.
    """
    rows = Audit.objects.order_by("-id")
    for field, value in (("target_kind", target_kind), ("target_id", target_id), ("actor", actor)):
        if value:
            rows = rows.filter(**{field: value})
    if verb:
        rows = rows.filter(verb__startswith=verb)
    if start is not None:
        rows = rows.filter(at__gte=start)
    if end is not None:
        rows = rows.filter(at__lt=end)
    if cursor:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
            raise Invalid(("cursor", f"the cursor '{cursor[:60]}' is none of ours"))
        rows = rows.filter(id__lt=int(cursor))
    page = list(rows[: limit + 1])
    return Page(
        [_audit(row, whole or row.target_kind not in FOR_ADMINS) for row in page[:limit]],
        str(page[limit - 1].pk) if len(page) > limit else None,
    )


def _command(row: Command, deliveries: Sequence[Delivery]) -> CommandView:
    return CommandView(
        id=str(row.pk),
        breaker=str(row.breaker_id),
        action=row.action,
        reason=row.reason,
        until=rfc3339(row.until),
        requested_by=row.requested_by,
        issued_at=rfc3339(row.issued_at),
        expires_at=rfc3339(row.expires_at),
        status=row.status,
        verdict=row.verdict,
        evidence=row.evidence,
        deliveries=[_delivery(delivery) for delivery in deliveries],
    )


def _delivery(row: Delivery) -> DeliveryView:
    return DeliveryView(
        instance=row.instance_name,
        status=row.status,
        delivered_at=rfc3339(row.delivered_at),
        applied_at=rfc3339(row.applied_at),
        confirmed_at=rfc3339(row.confirmed_at),
        detail=row.detail,
        verdict=row.verdict,
    )


def _audit(row: Audit, whole: bool) -> AuditView:
    return AuditView(
        id=str(row.pk),
        at=rfc3339(row.at),
        actor=row.actor,
        role=row.role,
        address=row.address if whole else "",
        verb=row.verb,
        target={"kind": row.target_kind, "id": row.target_id, "name": row.target_name},
        reason=row.reason,
        before=row.before if whole else None,
        after=row.after if whole else None,
    )
