"""What a calm wall remembers: the last outage of any breaker."""

from datetime import datetime

import msgspec

from breakers.models import Outage


class Trip(msgspec.Struct, frozen=True):
    """An outage that is over."""

    breaker_id: str
    service: str
    name: str
    started_at: datetime
    ended_at: datetime


def last_trip(since: datetime) -> Trip | None:
    """The newest outage, if it is over and began after `since`."""
    # By id: outages are written as they begin, and there is no index over all breakers by time.
    outage = Outage.objects.select_related("breaker__service").order_by("-id").first()
    if outage is None or outage.ended_at is None or outage.started_at < since:
        return None
    breaker = outage.breaker
    return Trip(str(breaker.pk), breaker.service.name, breaker.name, outage.started_at, outage.ended_at)
