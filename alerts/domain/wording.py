"""Wording: the sentences that reach a person, in which a hostile name can do no harm."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta

LONGEST_NAME = 120
# What we hear of so long after it happened is called late.
LATE = timedelta(minutes=1)
# How the sentence begins that puts right what was sent.
CORRECTION = "Correction"
# Controls, bidirectional overrides, tags and whatever else has no width, ends of lines: a name must not rewrite the line around it.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Fillers that are letters by name alone.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u034f")


def plain(text: str, longest: int = LONGEST_NAME) -> str:
    """The text without control characters, bidirectional overrides and zero-width characters, cut at `longest`."""
    seen = text if text.isascii() and text.isprintable() else "".join(c for c in text if _is_seen(c))
    return seen if len(seen) <= longest else seen[: longest - 1] + "…"


def _is_seen(c: str) -> bool:
    # The last two of each plane are no characters: XML takes no file that holds one.
    return unicodedata.category(c) not in _UNSEEN and c not in _BLANK and ord(c) & 0xFFFE != 0xFFFE


def opened(
    breaker: str,
    service: str,
    instances: Mapping[str, int],
    at: datetime | None = None,
    heard_at: datetime | None = None,
) -> str:
    """delivery-tracking opened in orders (3 of 10 instances)

    What we heard of late says when it was: `at 10:01:30 UTC, reported late`.
    """
    n, total = instances.get("open", 0), sum(instances.values())
    share = f" ({n} of {total} instances)" if n and total else ""
    when = ""
    if at is not None and heard_at is not None and heard_at - at > LATE:
        when = f" at {clock(at, heard_at)} UTC, reported late"
    return f"{plain(breaker)} opened in {plain(service)}{share}{when}"


def resolved(breaker: str, service: str, lasted: timedelta, trips: int) -> str:
    """delivery-tracking closed again in orders after 4 min 12 s"""
    times = f", having opened {trips} times" if trips > 1 else ""
    return f"{plain(breaker)} closed again in {plain(service)} after {span(lasted)}{times}"


def all_closed(cause: str, members: int, services: int, lasted: timedelta) -> str:
    """payments: all 3 breakers in 2 services closed again after 4 min 12 s"""
    where = f"all {members} breakers in {services} service{'s' * (services != 1)} closed again after {span(lasted)}"
    return f"{plain(cause)}: {where}" if cause else where


def was_open(
    breaker: str, service: str, started: datetime, ended: datetime, trips: int = 1, heard_at: datetime | None = None
) -> str:
    """delivery-tracking was open in orders from 02:10:00 to 02:14:30 UTC, reported late

    `heard_at`: when we first heard of it.
    """
    times = f", having opened {trips} times" if trips > 1 else ""
    late = ", reported late" if heard_at is not None and ended <= heard_at else ""
    day = started if heard_at is None else heard_at
    where = f"from {clock(started, day)} to {clock(ended, day)} UTC"
    return f"{plain(breaker)} was open in {plain(service)} {where}{times}{late}"


def corrected(
    breaker: str, service: str, started: datetime, ended: datetime | None, trips: int, now: datetime, *, never: bool
) -> str:
    """Correction: delivery-tracking was open in orders from 02:10:00 to 02:14:30 UTC (4 min 30 s)

    `ended` None: it still is open. `never`: it was not open at all.
    """
    name, where = plain(breaker), plain(service)
    if never:
        return f"{CORRECTION}: {name} was not open in {where} at {clock(started, now)} UTC, as its reports tell now"
    if ended is None:
        return f"{CORRECTION}: {name} is open in {where}, since {clock(started, now)} UTC"
    lasted = f" ({span(ended - started)})" if trips == 1 else ""
    return f"{CORRECTION}: {was_open(breaker, service, started, ended, trips)}{lasted}"


def clock(at: datetime, now: datetime) -> str:
    """02:10:00, with the date before it on another day. UTC."""
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%d %b %H:%M:%S}"


def dated(at: datetime) -> str:
    """29 Nov 10:00: for what is read days later too. UTC."""
    return f"{at:%d %b %H:%M}"


def incident(cause: str, members: int, services: int, open_now: int, confidence: str) -> str:
    """tracking-api: 30 breakers in 6 services, 28 still open (suspected cause, confidence high)"""
    where = (
        f"{members} breaker{'s' * (members != 1)} in {services} service{'s' * (services != 1)}, {open_now} still open"
    )
    return f"{plain(cause)}: {where} (suspected cause, confidence {confidence})" if cause else f"no suspect: {where}"


def span(lasted: timedelta) -> str:
    """A length of time in its two largest units: 4 min 12 s"""
    seconds = max(0, round(lasted.total_seconds()))
    units = (("d", seconds // 86_400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60))
    first = next((place for place, (_, n) in enumerate(units) if n), 3)
    return " ".join(f"{n} {unit}" for unit, n in units[first : first + 2] if n) or "0 s"
