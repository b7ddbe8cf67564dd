"""Auditing: the only writer of the audit trail. Each row binds the one before it by a keyed hash.

The key is made once and lies sealed beside the trail: who can write to the database, and has not the board's own key, makes no trail that
holds. `audit_proof.py` looks whether it does.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

import msgspec
import structlog

from breakers import bulk
from breakers.access import Actor
from breakers.errors import Unreadable
from breakers.models import Audit, AuditKey
from breakers.models.fields import to_us
from breakers.sealing import place_of, seal, unseal

log = structlog.get_logger(__name__)


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
        row.hash = chained(last, row, _writing_key(at))
        row.save(force_insert=True)
        return row


def trail_keys() -> dict[str, bytes]:
    """{id: key} of the chain, the one that writes first; those that can't be read are left out."""
    found = {}
    for row in AuditKey.objects.order_by("-id"):
        try:
            found[row.key_id] = bytes.fromhex(unseal(row.sealed, place_of(row, "sealed")))
        except Unreadable:
            continue
    return found


def _writing_key(at: datetime) -> bytes:
    """The key that binds new lines; made where there is none that can be read, so that a lost key stops nobody."""
    known = trail_keys()
    if known:
        return next(iter(known.values()))
    if AuditKey.objects.exists():
        log.error("the audit trail's key can't be read: a new one is made, and earlier lines can't be checked")
    text = secrets.token_hex(32)
    row = AuditKey.objects.create(key_id=_id_of(bytes.fromhex(text)), created_at=at)
    row.sealed = seal(text, place_of(row, "sealed"))
    row.save(update_fields=["sealed"])
    return bytes.fromhex(text)


def chained(previous: str, row: Audit, key: bytes) -> str:
    """What binds this row to the one before it: `<key id>:<HMAC-SHA256>` over the previous row's and this row's canonical JSON."""
    return f"{_id_of(key)}:{_mac(key, previous, row)}"


def follows(previous: str, row: Audit, keys: Mapping[str, bytes]) -> bool | None:
    """Whether this row's hash is the one that the row before it demands; None where its key is none of these."""
    key_id, keyed, _ = row.hash.partition(":")
    if not keyed:
        # From before hashes were keyed; after a keyed one there is none.
        plain = hashlib.sha256(previous.encode() + _told(row)).hexdigest()
        return ":" not in previous and hmac.compare_digest(row.hash, plain)
    key = keys.get(key_id)
    return None if key is None else hmac.compare_digest(row.hash, chained(previous, row, key))


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"audit " + key).hexdigest()[:16]


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
