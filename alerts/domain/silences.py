"""Silences in time: once, or again every so many days, each time at the same hours of a place."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LONGEST = timedelta(days=30)
REMINDS_BEFORE = timedelta(minutes=5)


def window(
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    every_days: int | None = None,
    repeats_until: datetime | None = None,
    ended_at: datetime | None = None,
    timezone: str = "UTC",
) -> tuple[datetime, datetime] | None:
    """The window that lasts now, else the last one that ended; None before the first. Ended by hand, nothing comes after.

    timezone: whose clock the hours of the windows to come are told by.
    """
    if now < starts_at:
        return None
    start, end = starts_at, ends_at
    if every_days:
        last = max(min(now, repeats_until or now, ended_at or now), starts_at)
        start, end = _recurred(starts_at, ends_at, every_days, timezone, _times(starts_at, last, every_days, timezone))
    if ended_at is not None and ended_at < end:
        end = max(ended_at, start)
    return start, end


def next_window(
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    every_days: int | None,
    repeats_until: datetime | None,
    timezone: str = "UTC",
) -> tuple[datetime, datetime] | None:
    """The first window that begins after now; None where none does."""
    if now < starts_at:
        return starts_at, ends_at
    if not every_days:
        return None
    times = _times(starts_at, now, every_days, timezone) + 1
    found = _recurred(starts_at, ends_at, every_days, timezone, times)
    return None if repeats_until is not None and found[0] > repeats_until else found


def _times(starts_at: datetime, now: datetime, every_days: int, timezone: str) -> int:
    """How often it has come again by now."""
    zone = ZoneInfo(timezone)
    days = (now.astimezone(zone).date() - starts_at.astimezone(zone).date()).days
    times = max(days // every_days, 0)
    return times if times == 0 or _moment(starts_at, times * every_days, zone, fold=0) <= now else times - 1


def _recurred(
    starts_at: datetime, ends_at: datetime, every_days: int, timezone: str, times: int
) -> tuple[datetime, datetime]:
    if not times:
        return starts_at, ends_at
    zone, days = ZoneInfo(timezone), times * every_days
    # Where the clocks are put back, an hour comes twice: the window holds over both of them.
    begins, ends = _moment(starts_at, days, zone, fold=0), _moment(ends_at, days, zone, fold=1)
    # Where they are put forward, an hour is missing: a window that lies in it is as long as ever, after it.
    return begins, ends if ends > begins else begins + (ends_at - starts_at)


def _moment(first: datetime, days: int, zone: ZoneInfo, fold: int) -> datetime:
    """The same time of day, so many days later."""
    there = first.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return there.replace(tzinfo=zone, fold=fold).astimezone(UTC)
