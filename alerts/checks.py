"""Checks at start: what the environment says about alerts must be usable before the first alert needs it."""

from typing import Any

from django.conf import settings
from django.core import checks

from alerts.destinations import environment
from alerts.destinations.signing import key_of
from alerts.errors import DeliveryError
from alerts.models.destination import Kind


@checks.register
def alert_settings(**_: Any) -> list[checks.CheckMessage]:
    """ALERT_URLS and ALERT_WEBHOOK_SECRET, each bad one a sentence without its secret."""
    found: list[checks.CheckMessage] = []
    if settings.ALERT_WEBHOOK_SECRET:
        try:
            key_of(settings.ALERT_WEBHOOK_SECRET)
        except DeliveryError:
            found.append(
                checks.Error("ALERT_WEBHOOK_SECRET can't be read; expected whsec_ and base64", id="alerts.E001")
            )
    for place, url in enumerate(settings.ALERT_URLS, start=1):
        if why := _unusable(url):
            shown = environment.masked(url)
            found.append(checks.Error(f"ALERT_URLS, number {place} ({shown}): {why}", id="alerts.E002"))
    return found


def _unusable(url: str) -> str | None:
    # Imported where they are needed: a start without ALERT_URLS needs neither.
    if environment.kind_of(url) == Kind.WEBHOOK:
        from alerts.destinations import guard

        try:
            guard.parse(url, trusted=True)
        except DeliveryError as error:
            return str(error)
        return None
    from alerts.destinations import apprise

    return None if apprise.known(url) else "neither http:// nor https://, and Apprise can't make anything of it"
