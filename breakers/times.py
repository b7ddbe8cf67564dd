"""Times as the API tells them: RFC 3339 in UTC."""

from datetime import UTC, datetime
from typing import overload

from breakers.models.fields import from_us


@overload
def rfc3339(at: datetime | int) -> str: ...
@overload
def rfc3339(at: None) -> None: ...


def rfc3339(at: datetime | int | None) -> str | None:
    """`2026-11-23T08:00:00.123Z` of a datetime or of microseconds since 1970: milliseconds, or microseconds where there are any."""
    if at is None:
        return None
    moment = from_us(at) if isinstance(at, int) else at.astimezone(UTC)
    spec = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=spec) + "Z"
