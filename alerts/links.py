"""Links: an address in a message by which whoever got it can take the alert in hand, without signing in.

The link is the permission, so it is signed, good for one alert and one destination, for a day, and shown to nobody else.
Opening it changes nothing: mail programs and chat services open links to show what is behind them.
"""

from dataclasses import dataclass, replace

from django.conf import settings
from django.core import signing

from alerts.destinations.base import Notice
from alerts.models import Alert, Destination
from alerts.models.destination import FOR_PEOPLE
from breakers.errors import NotFound

SALT = "alerts.links"
GOOD_FOR_S = 24 * 3600
# In these it is something to take in hand.
KINDS = frozenset({"opened", "update", "repeat", "escalation"})


@dataclass(frozen=True, slots=True)
class Opened:
    """What a good link leads to."""

    alert_id: str
    destination: Destination


def with_link(notice: Notice, alert: Alert, destination: Destination) -> Notice:
    """The notice as this destination gets it: those that people read bring a link of their own."""
    if destination.kind not in FOR_PEOPLE or notice.kind not in KINDS:
        return notice
    return replace(notice, acknowledge_url=f"{settings.SITE_URL}/acknowledge/{token_of(alert.pk, destination)}/")


def token_of(alert_id: int, destination: Destination) -> str:
    """The signed part of the link."""
    return signing.dumps([alert_id, destination.pk.hex], salt=SALT)


def opened(token: str) -> Opened:
    """What the link leads to. Errors: NotFound for one that was not made by us, is too old, or whose destination is gone."""
    try:
        alert_id, destination_id = signing.loads(token, salt=SALT, max_age=GOOD_FOR_S)
    except signing.BadSignature:
        raise NotFound("this link is not one of ours, or older than a day") from None
    destination = Destination.objects.filter(pk=destination_id, off_at=None).first()
    if destination is None:
        raise NotFound("the destination that this link was sent to is gone")
    return Opened(str(alert_id), destination)
