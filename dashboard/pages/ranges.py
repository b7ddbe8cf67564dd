"""Ranges: the stretch of time that a page looks at, as its URL says it: by a name, or from one moment to another."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from breakers.times import rfc3339

# An offset whose `+` was not escaped in the address.
_BLANK_OFFSET = re.compile(r"(?<=T..:..:..) (?=\d\d:\d\d$)")
SHORTEST = timedelta(seconds=10)
LONGEST = timedelta(days=400)
AROUND = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Named:
    """A stretch that ends now, by its name in the URL."""

    name: str
    words: str
    length: timedelta


RANGES = (
    Named("15m", "15 min", timedelta(minutes=15)),
    Named("1h", "1 h", timedelta(hours=1)),
    Named("6h", "6 h", timedelta(hours=6)),
    Named("24h", "24 h", timedelta(hours=24)),
    Named("7d", "7 d", timedelta(days=7)),
    Named("30d", "30 d", timedelta(days=30)),
    Named("90d", "90 d", timedelta(days=90)),
    Named("13mo", "13 months", timedelta(days=396)),
)
USUAL = RANGES[1]


@dataclass(frozen=True, slots=True)
class Range:
    """[start, end). `name` is `custom` where it was given by its moments. `wrong`: why what was asked for is not shown."""

    name: str
    start: datetime
    end: datetime
    wrong: str = ""

    @property
    def query(self) -> str:
        """The part of a URL that asks for it again."""
        if self.name != "custom":
            return urlencode({"range": self.name})
        return urlencode({"from": rfc3339(self.start), "to": rfc3339(self.end)})

    @property
    def first(self) -> str:
        """Its start, for a URL."""
        return rfc3339(self.start)

    @property
    def length(self) -> str:
        """The named range that is at least as long: what a page of the past is best looked at with."""
        return next((each.name for each in RANGES if each.length >= self.end - self.start), RANGES[-1].name)

    @property
    def begins(self) -> str:
        """For an `<input type="datetime-local">`, in UTC."""
        return f"{self.start.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"

    @property
    def ends(self) -> str:
        """For an `<input type="datetime-local">`, in UTC."""
        return f"{self.end.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def range_of(query: Mapping[str, str], now: datetime) -> Range:
    """What the URL asks for; the usual hour where it asks for nothing, or for what can't be shown."""
    begins, ends = query.get("from", ""), query.get("to", "")
    if begins or ends:
        start, end = moment_of(begins), moment_of(ends) if ends else now
        if wrong := _wrong(start, end, now):
            return _named(USUAL, now, wrong)
        assert start is not None
        assert end is not None
        return Range("custom", start, min(end, now), "")
    asked = query.get("range", "")
    return _named(next((each for each in RANGES if each.name == asked), USUAL), now)


def around(at: datetime) -> str:
    """The part of a URL that asks for what was around a moment."""
    return Range("custom", at - AROUND, at + AROUND).query


def moment_of(text: str) -> datetime | None:
    """A moment of a URL or a form, in UTC unless it says otherwise; None for anything else."""
    try:
        at = datetime.fromisoformat(_BLANK_OFFSET.sub("+", text.strip()[:40]))
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC) if at.year > 1970 else None
    except (ValueError, OverflowError):
        return None


def _named(named: Named, now: datetime, wrong: str = "") -> Range:
    return Range(named.name, now - named.length, now, wrong)


def _wrong(start: datetime | None, end: datetime | None, now: datetime) -> str:
    if start is None or end is None:
        return "That range can't be read; the last hour is shown."
    if start >= now:
        return "That range has not begun; the last hour is shown."
    if end - start < SHORTEST:
        return "That range ends before it begins, or is shorter than 10 s; the last hour is shown."
    if end - start > LONGEST:
        return "That range is longer than 400 days; the last hour is shown."
    return ""
