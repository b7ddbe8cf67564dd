"""The access trail: who came in, who was kept out, and with what, as lines of the audit trail that no stranger can make grow.

The first act of its kind (by one actor, from one network) is a line at once. What follows within the hour is counted, and becomes one line more
when the hour is over. Beyond a number of kinds an hour, strangers share one count.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import F

from breakers import auditing, bulk
from breakers.access import Actor, Role
from breakers.domain.networks import network_of
from breakers.models import AccessCount
from breakers.models.service import NAME_LENGTH
from breakers.times import rfc3339

WINDOW = timedelta(hours=1)
# Counts at a time; whatever else comes within the hour is counted as one, without its name and network.
MOST = 300
OTHERS = "others"
NOBODY = "nobody"
AGENT = 200
SWEPT_AT_ONCE = 500


def note(
    verb: str,
    actor: Actor,
    *,
    at: datetime,
    target: tuple[str, object, str] = ("access", "", ""),
    detail: str = "",
    more: Mapping[str, object] | None = None,
    by_network: bool = True,
) -> bool:
    """Write this act down, or count it where it repeats; whether it became a line.

    verb: `session.…`, `token.…`, `key.…`, `role.…`. target: kind, id and name of what was wanted. more: what else its line says, `agent` for one.
    by_network: the same act from another network is an act of its own.
    """
    network = network_of(actor.address) if by_network else ""
    with bulk.writing():
        known = AccessCount.objects.filter(verb=verb, actor=actor.name, network=network).first()
        if known is None and AccessCount.objects.count() >= MOST:
            actor, network, target, more = Actor(OTHERS, Role.NONE), "", ("access", "", ""), {"why": "too many to name"}
            known = AccessCount.objects.filter(verb=verb, actor=OTHERS, network="").first()
        if known is not None and at - known.first_at < WINDOW:
            AccessCount.objects.filter(pk=known.pk).update(more=F("more") + 1, last_at=max(at, known.last_at))
            return False
        if known is not None:
            _close(known, at)
        AccessCount.objects.create(
            verb=verb,
            actor=actor.name[:NAME_LENGTH],
            role=actor.role.name.lower(),
            network=network[:64],
            address=actor.address[:64],
            detail=detail[:200],
            first_at=at,
            last_at=at,
        )
        auditing.write(actor, verb, *target, reason=detail, after=dict(more) if more else None, at=at)
        return True


def sweep(now: datetime) -> int:
    """Write how often what repeated did, where its hour is over; how many lines."""
    written = 0
    if not AccessCount.objects.filter(first_at__lte=now - WINDOW).exists():
        return 0
    with bulk.writing():
        for row in AccessCount.objects.filter(first_at__lte=now - WINDOW).order_by("id")[:SWEPT_AT_ONCE]:
            written += _close(row, now)
    return written


def agent_of(text: str) -> dict[str, object]:
    """What a client calls itself, as a line of the trail has it."""
    shown = "".join(char if char.isprintable() else " " for char in text[:AGENT])
    return {"agent": shown} if shown.strip() else {}


def _close(row: AccessCount, now: datetime) -> bool:
    row.delete()
    if not row.more:
        return False
    actor = Actor(row.actor, Role.named(row.role), row.address)
    told = {"times": row.more, "from": rfc3339(row.first_at), "to": rfc3339(row.last_at)}
    auditing.write(actor, row.verb, "access", "", "", reason=row.detail, after=told, at=now)
    return True
