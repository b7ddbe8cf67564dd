"""Screens: links that open the wall, and nothing else, on a television without a person.

The link is shown once, and ends by itself. Its token is kept by the screen as a cookie, here as SHA-256 alone; revoked, it ends open sockets too.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from breakers import auditing, bulk, queries
from breakers.access import Actor, Role, require
from breakers.errors import Invalid, NotFound
from breakers.keys import checked_name
from breakers.signals import access_changed
from dashboard.models import ScreenLink

DAYS, MOST_DAYS = 90, 366
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


class MadeLink(NamedTuple):
    """A link's row, and its address: shown this once."""

    row: ScreenLink
    address: str


def make_link(actor: Actor, name: str, query: str, *, at: datetime, days: int = DAYS) -> MadeLink:
    """A new link for a screen that shows what the query finds, for so many days; an empty query shows everything.

    Errors: NotAllowed, Invalid (the name, the query, the days).
    """
    require(actor, Role.ADMIN, "making a screen's link")
    name, query = checked_name(name), query.strip()
    queries.make_filter(query=query)
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(("days", f"a screen's link is good for 1 to {MOST_DAYS} days; not for {days}"))
    token = secrets.token_urlsafe(32)
    with bulk.writing():
        row = ScreenLink.objects.create(
            name=name,
            query=query,
            digest=_digest(token),
            created_by=actor.name,
            created_at=at,
            expires_at=at + timedelta(days=days),
        )
        auditing.write(actor, "screen.add", "screen", row.pk, name, after={"query": query, "days": days}, at=at)
    return MadeLink(row, f"{settings.SITE_URL.rstrip('/')}/screen/{token}/")


def revoke_link(actor: Actor, link_id: int, *, at: datetime) -> ScreenLink:
    """End a link, and what it has open. Already revoked: nothing changes. Errors: NotAllowed, NotFound."""
    require(actor, Role.ADMIN, "revoking a screen's link")
    with bulk.writing():
        row = ScreenLink.objects.filter(pk=link_id).first()
        if row is None:
            raise NotFound(f"there is no screen '{link_id}'")
        if row.revoked_at is None:
            row.revoked_at = at
            row.save(update_fields=["revoked_at"])
            auditing.write(actor, "screen.revoke", "screen", row.pk, row.name, before={"query": row.query}, at=at)
            bulk.after_commit(lambda: access_changed.send_robust(sender=ScreenLink, screen_id=row.pk, reason="revoked"))
        return row


def link_of(token: str, now: datetime) -> ScreenLink | None:
    """The link behind a token; None for one that is unknown, over, revoked or misspelt."""
    if not _SHAPE.fullmatch(token):
        return None
    return ScreenLink.objects.filter(digest=_digest(token), revoked_at=None, expires_at__gt=now).first()


def links() -> list[ScreenLink]:
    """All links, the live ones first, the newest first among them."""
    return sorted(ScreenLink.objects.order_by("-created_at", "-id"), key=lambda row: row.revoked_at is not None)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
