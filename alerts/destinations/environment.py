"""Destinations that the environment names (`ALERT_URLS`): a row each, while the URL itself stays in the environment."""

import hashlib
import re
from datetime import datetime
from itertools import count

from django.conf import settings

from alerts.domain.wording import plain
from alerts.models import Destination
from alerts.models.destination import Kind, Source

HIDDEN = "•••"


def fingerprint(url: str) -> str:
    """What a row knows an environment's URL by."""
    return hashlib.sha256(url.encode()).hexdigest()


def kind_of(url: str) -> Kind:
    """A web address gets the signed webhook, anything else is Apprise's."""
    return Kind.WEBHOOK if url.lower().startswith(("http://", "https://")) else Kind.APPRISE


def masked(url: str) -> str:
    """What may be shown of a URL: of Apprise's, where the host may be a token, the scheme alone."""
    scheme, _, rest = url.partition("://")
    if kind_of(url) != Kind.WEBHOOK:
        return f"{plain(scheme, 40)}://{HIDDEN}"
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme.lower()}://{plain(host)}/{HIDDEN}"


def url_of(destination: Destination) -> str | None:
    """The URL that the environment gives this row now; None: it is gone from there."""
    return next((url for url in settings.ALERT_URLS if fingerprint(url) == destination.fingerprint), None)


def changed() -> bool:
    """Whether the rows differ from what the environment names now."""
    on = Destination.objects.filter(source=Source.ENVIRONMENT, off_at=None).values_list("fingerprint", flat=True)
    return set(on) != {fingerprint(url) for url in settings.ALERT_URLS}


def sync(at: datetime) -> list[Destination]:
    """The rows of what the environment names now: made where new, switched off where gone. Inside a transaction."""
    named = {fingerprint(url): url for url in settings.ALERT_URLS}
    rows = {row.fingerprint: row for row in Destination.objects.filter(source=Source.ENVIRONMENT)}
    for mark, row in rows.items():
        wanted = row.off_at or at if mark not in named else None
        if row.off_at != wanted:
            row.off_at = wanted
            row.save(update_fields=["off_at"])
    for mark, url in named.items():
        if mark not in rows:
            rows[mark] = Destination.objects.create(
                kind=kind_of(url),
                name=_name(masked(url).removesuffix(f"/{HIDDEN}")),
                source=Source.ENVIRONMENT,
                fingerprint=mark,
                masked_url=masked(url),
                created_at=at,
            )
    return [rows[mark] for mark in named]


def _name(wanted: str) -> str:
    """The name, or with a number behind it where another has it: two URLs of one host are two destinations."""
    taken = set(Destination.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    names = (wanted if number == 1 else f"{wanted} ({number})" for number in count(1))
    return next(name for name in names if name not in taken)
