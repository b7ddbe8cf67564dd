"""Silences in time: once, or again every so many days, each time as long."""

from datetime import datetime, timedelta

LONGEST = timedelta(days=30)
REMINDS_BEFORE = timedelta(minutes=5)


def window(
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    every_days: int | None = None,
    repeats_until: datetime | None = None,
    ended_at: datetime | None = None,
) -> tuple[datetime, datetime] | None:
    """The window that lasts now, else the last one that ended; None before the first. Ended by hand, nothing comes after."""
    if now < starts_at:
        return None
    start, length = starts_at, ends_at - starts_at
    if every_days:
        last = min(now, repeats_until or now, ended_at or now)
        start += (max(last - starts_at, timedelta(0)) // timedelta(days=every_days)) * timedelta(days=every_days)
    end = start + length
    if ended_at is not None and ended_at < end:
        end = max(ended_at, start)
    return start, end


def next_window(
    starts_at: datetime, ends_at: datetime, now: datetime, every_days: int | None, repeats_until: datetime | None
) -> tuple[datetime, datetime] | None:
    """The first window that begins after now; None where none does."""
    if now < starts_at:
        return starts_at, ends_at
    if not every_days:
        return None
    step = timedelta(days=every_days)
    start = starts_at + ((now - starts_at) // step + 1) * step
    return None if repeats_until is not None and start > repeats_until else (start, start + (ends_at - starts_at))
