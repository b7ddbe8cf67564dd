"""The audit trail's proof: whether each line follows from the one before it, and whether lines are missing at its end.

A chain of hashes can't show that its end was cut off. So its head (id and hash of the newest line, and how many there are) is kept apart each
hour: in the file `audit-heads` of DATA_DIR, and as a line of the log.
"""

import os
from datetime import datetime
from pathlib import Path

import msgspec
import structlog
from django.conf import settings
from django.db import transaction

from breakers import auditing
from breakers.models import Audit
from breakers.times import rfc3339

# Lines of the file: a year, and some.
KEPT = 10_000

log = structlog.get_logger(__name__)


class Head(msgspec.Struct, frozen=True):
    """The end of the trail at a moment. `lines`: how many there were."""

    at: str
    id: int
    hash: str
    lines: int


class Proof(msgspec.Struct, frozen=True):
    """What the check found. `broken`: one sentence for each thing that is wrong; none: the trail is whole.

    `heads`: how many kept heads were compared with it.
    """

    lines: int
    heads: int
    broken: list[str]


def heads_file() -> Path:
    """Where heads are kept."""
    return Path(settings.DATA_DIR) / "audit-heads"


def keep_head(at: datetime) -> Head | None:
    """Keep the trail's head apart; None where the trail is empty. One that is kept already is only logged again."""
    with transaction.atomic():
        newest = Audit.objects.order_by("-id").first()
        if newest is None:
            return None
        head = Head(rfc3339(at), newest.pk, newest.hash, Audit.objects.count())
    kept = kept_heads()
    if not kept or kept[-1].hash != head.hash:
        _append(head, kept)
    log.info("the audit trail's head", id=head.id, hash=head.hash, lines=head.lines)
    return head


def kept_heads() -> list[Head]:
    """The heads of the file, oldest first. Errors: ValueError where a line is none."""
    path = heads_file()
    if not path.exists():
        return []
    decode = msgspec.json.Decoder(Head).decode
    return [decode(line) for line in path.read_bytes().splitlines() if line.strip()]


def verify(heads: list[Head] | None = None) -> Proof:
    """Go through the whole trail, and compare it with the heads that were kept apart (those of the file, unless given)."""
    broken: list[str] = []
    try:
        kept = kept_heads() if heads is None else heads
    except (OSError, ValueError) as error:
        kept = []
        broken.append(f"{heads_file()} can't be read: {error}")
    expected = {head.id: head for head in kept}
    keys = auditing.trail_keys()
    unread: dict[str, list[int]] = {}
    last, lines = "", 0
    for row in Audit.objects.order_by("id").iterator(chunk_size=2_000):
        lines += 1
        found = auditing.follows(last, row, keys)
        if found is None:
            unread.setdefault(row.hash.partition(":")[0], []).append(row.pk)
        elif not found:
            broken.append(f"line {row.pk} of {rfc3339(row.at)} does not follow from the line before it")
        broken += _against(expected.pop(row.pk, None), row, lines)
        last = row.hash
    broken += [
        f"{len(ids)} lines, from {ids[0]} to {ids[-1]}, can't be checked: their key {key_id[:16]!a} can't be read; it was sealed "
        "with a key that is not among ENCRYPTION_KEYS, SECRET_KEY and SECRET_KEY_FALLBACKS, or is none of ours"
        for key_id, ids in unread.items()
    ]
    broken += [
        f"line {head.id} is missing: it was the newest of {head.lines} at {head.at}" for head in expected.values()
    ]
    return Proof(lines, len(kept), broken)


def _against(head: Head | None, row: Audit, lines: int) -> list[str]:
    """What is wrong with the line that was the newest when this head was kept."""
    if head is None:
        return []
    if head.hash != row.hash:
        return [f"line {row.pk} is not the one that was the newest at {head.at}"]
    if head.lines != lines:
        return [f"up to line {row.pk} there were {head.lines} lines at {head.at}, and there are {lines} now"]
    return []


def _append(head: Head, kept: list[Head]) -> None:
    path = heads_file()
    line = msgspec.json.encode(head) + b"\n"
    if len(kept) < KEPT:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(line)
        return
    # The first one stays: it is the oldest word on how the trail began.
    fewer = [kept[0], *kept[-KEPT // 2 :], head]
    beside = path.with_suffix(".new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(b"".join(msgspec.json.encode(each) + b"\n" for each in fewer))
    beside.replace(path)
