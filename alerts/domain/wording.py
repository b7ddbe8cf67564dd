"""Wording: the sentences that reach a person, in which a hostile name can do no harm."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta

LONGEST_NAME = 120
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


def opened(breaker: str, service: str, instances: Mapping[str, int]) -> str:
    """delivery-tracking opened in orders (3 of 10 instances)"""
    n, total = instances.get("open", 0), sum(instances.values())
    share = f" ({n} of {total} instances)" if n and total else ""
    return f"{plain(breaker)} opened in {plain(service)}{share}"


def resolved(breaker: str, service: str, lasted: timedelta, trips: int) -> str:
    """delivery-tracking closed again in orders after 4 min 12 s"""
    times = f", having opened {trips} times" if trips > 1 else ""
    return f"{plain(breaker)} closed again in {plain(service)} after {span(lasted)}{times}"


def all_closed(cause: str, members: int, services: int, lasted: timedelta) -> str:
    """payments: all 3 breakers in 2 services closed again after 4 min 12 s"""
    where = f"all {members} breakers in {services} service{'s' * (services != 1)} closed again after {span(lasted)}"
    return f"{plain(cause)}: {where}" if cause else where


def was_open(breaker: str, service: str, started: datetime, ended: datetime) -> str:
    """delivery-tracking was open in orders from 02:10:00 to 02:14:30 UTC"""
    return f"{plain(breaker)} was open in {plain(service)} from {started:%H:%M:%S} to {ended:%H:%M:%S} UTC"


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
