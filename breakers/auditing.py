"""Auditing: the only writer of the audit trail. Each row binds the one before it by a hash."""

import hashlib
from datetime import datetime

import msgspec

from breakers import bulk
from breakers.access import Actor
from breakers.models import Audit
from breakers.models.fields import to_us


def write(
    actor: Actor,
    verb: str,
    target_kind: str,
    target_id: object,
    target_name: str,
    *,
    reason: str = "",
    before: object = None,
    after: object = None,
    at: datetime,
) -> Audit:
    """Write one line, in the transaction of the change that it tells of (nested in `bulk.writing()`)."""
    with bulk.writing():
        last = Audit.objects.order_by("-id").values_list("hash", flat=True).first() or ""
        row = Audit(
            at=at,
            actor=actor.name,
            role=actor.role.name.lower(),
            address=actor.address,
            verb=verb,
            target_kind=target_kind,
            target_id=str(target_id),
            target_name=target_name,
            reason=reason,
            before=before,
            after=after,
        )
        row.hash = chained(last, row)
        row.save(force_insert=True)
        return row


def chained(previous: str, row: Audit) -> str:
    """SHA-256 over the previous row's hash and this row's canonical JSON."""
    told = [
        to_us(row.at),
        row.actor,
        row.role,
        row.address,
        row.verb,
        row.target_kind,
        row.target_id,
        row.target_name,
        row.reason,
        row.before,
        row.after,
    ]
    return hashlib.sha256(previous.encode() + msgspec.json.encode(told, order="sorted")).hexdigest()


def first_broken() -> int | None:
    """The id of the first row whose hash does not follow from the one before it; None where the chain holds."""
    last = ""
    for row in Audit.objects.order_by("id").iterator():
        if row.hash != chained(last, row):
            return int(row.pk)
        last = row.hash
    return None
