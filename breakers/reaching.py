"""Reaching: the only writer of which service is at which of its limits."""

from datetime import datetime, timedelta

from breakers import bulk
from breakers.models.fields import MICROSECOND, to_us
from breakers.signals import ReachedLimit, limit_reached

# A limit that nobody ran into for this long was left; the next time begins a new row's life.
LEFT_AFTER = timedelta(minutes=5)
_UPSERT = (
    "INSERT INTO breakers_reachedlimit (service_id, what, since, last_at, times, detail) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (service_id, what) DO UPDATE SET"
    " since = CASE WHEN breakers_reachedlimit.last_at < %s THEN excluded.since ELSE breakers_reachedlimit.since END,"
    " times = CASE WHEN breakers_reachedlimit.last_at < %s THEN 0 ELSE breakers_reachedlimit.times END + excluded.times,"
    " last_at = excluded.last_at, detail = excluded.detail"
)


def reach(service_id: int, what: str, times: int, detail: str, at: datetime) -> None:
    """The service was refused so often at this limit; `detail` is the sentence that it was told. Announced after the commit."""
    now = to_us(at)
    left = now - LEFT_AFTER // MICROSECOND
    with bulk.writing():
        bulk.run(_UPSERT, [service_id, what, now, now, times, detail, left, left])
        fact = ReachedLimit(service_id, what, at, times)
        bulk.after_commit(lambda: limit_reached.send_robust(sender=None, reached=fact) and None)
