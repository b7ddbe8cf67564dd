"""The store as the pages and scripts read it: how large it is, by kind, and how long each kind is kept."""

from breakers import measuring
from breakers.models import StoreSize
from breakers.queries.shapes import KindView, StoreView
from breakers.retaining import retention
from breakers.times import rfc3339

# Kinds that live as long as others do.
KEPT_WITH = {"requests": "events", "outages": "transitions"}


def store() -> StoreView:
    """What was measured last, largest first, and what the disk holds now."""
    days = retention().days
    sizes = list(StoreSize.objects.order_by("-bytes", "-rows", "kind"))
    kinds = [
        KindView(
            kind=size.kind,
            rows=size.rows,
            bytes=size.bytes,
            oldest_at=rfc3339(size.oldest_at),
            kept_days=days.get(KEPT_WITH.get(size.kind, size.kind)) or None,
        )
        for size in sizes
    ]
    measured = max((size.measured_at for size in sizes), default=None)
    disk = measuring.disk()
    return StoreView(disk.database + disk.log, disk.reusable, disk.free, rfc3339(measured) if measured else None, kinds)
