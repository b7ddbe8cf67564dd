"""Auditing: the only writer of the audit trail. Each row binds the one before it by a keyed hash.

The key is not in the database: who can write there can still not make a trail that holds. `audit_proof.py` looks whether it does.
"""

import hashlib
import hmac
from datetime import datetime

import msgspec

from breakers import bulk, sealing
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
    """What binds this row to the one before it: `<key id>:<HMAC-SHA256>` over the previous row's and this row's canonical JSON."""
    key_id, key = sealing.mac_keys()[0]
    return f"{key_id}:{_mac(key, previous, row)}"


def follows(previous: str, row: Audit) -> bool:
    """Whether this row's hash is the one that the row before it demands. Errors: Unreadable where its key is not known."""
    key_id, _, _ = row.hash.rpartition(":")
    if not key_id:
        # From before hashes were keyed; after a keyed one there is none.
        return ":" not in previous and hmac.compare_digest(
            row.hash, hashlib.sha256(previous.encode() + _told(row)).hexdigest()
        )
    key = sealing.mac_key(key_id)
    return hmac.compare_digest(row.hash, f"{key_id}:{_mac(key, previous, row)}")


def _mac(key: bytes, previous: str, row: Audit) -> str:
    return hmac.digest(key, previous.encode() + _told(row), "sha256").hex()


def _told(row: Audit) -> bytes:
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
    return msgspec.json.encode(told, order="sorted")
