"""Retention: how long each kind of row is kept, in days, and what may be set.

Finer counts are never kept longer than wider ones: a chart falls back on the next wider width where a finer one is over.
"""

from collections.abc import Mapping
from typing import NamedTuple

DAY_S = 86_400
FOR_GOOD = 0
LONGEST = 3_660
# By name, in days: raw events (and idempotency keys), counts by width, changes of state with their outages, sources not heard.
DEFAULTS = {"events": 30, "10s": 2, "1m": 14, "15m": 90, "6h": 400, "transitions": FOR_GOOD, "sources": 30}
WIDTHS = {"10s": 10, "1m": 60, "15m": 900, "6h": 21_600}
MAY_STAY = frozenset({"transitions", "sources"})


class Retention(NamedTuple):
    """Days by name; 0 is for good."""

    days: Mapping[str, int]

    def seconds(self, name: str) -> int | None:
        """How long this kind is kept; None: for good."""
        return self.days[name] * DAY_S or None

    @property
    def widths(self) -> dict[int, int]:
        """{width of a count in s: how long it is kept in s}."""
        return {width: self.days[name] * DAY_S for name, width in WIDTHS.items()}


def read(text: str) -> dict[str, int]:
    """The days of `events=7 6h=800`, with the defaults for what it does not name. Errors: ValueError with a sentence."""
    days = dict(DEFAULTS)
    for part in text.replace(",", " ").split():
        name, _, number = part.partition("=")
        if name not in DEFAULTS:
            raise ValueError(f"'{name}' is no kind; expected one of {', '.join(DEFAULTS)}")
        least = 0 if name in MAY_STAY else 1
        if not (number.isascii() and number.isdigit() and least <= int(number) <= LONGEST):
            raise ValueError(f"'{part}': expected days from {least} to {LONGEST:,}")
        days[name] = int(number)
    for finer, wider in zip(list(WIDTHS)[:-1], list(WIDTHS)[1:], strict=True):
        if days[finer] > days[wider]:
            raise ValueError(
                f"counts of {finer} would be kept for {days[finer]} days, those of {wider} for only {days[wider]}"
            )
    return days
