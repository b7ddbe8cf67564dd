"""Openings: how many outages began in a stretch of a breaker's headline, and whether one came into it from before.

An outage goes on through failed probes, silence and orders, until the breaker is closed. The strip and the timeline's sentence count by
this; its twin for the strip is in static/js/helpers/face.js.
"""

from collections.abc import Iterable
from typing import NamedTuple

from breakers.models.fields import to_us
from breakers.queries.shapes import Span
from dashboard.pages.words import moment


class Openings(NamedTuple):
    """What there was from a moment on."""

    begun: int
    from_before: bool


def openings(spans: Iterable[Span], first: int) -> Openings:
    """The outages of spans, from `first` on, in ms since 1970."""
    begun, from_before = 0, False
    # The outage under way, by when it began; None: none is.
    since: int | None = None
    for place, span in enumerate(spans):
        at = _ms(span.from_)
        if span.state == "open" and since is None:
            since = at
            begun += at >= first
        elif span.state == "half_open" and not place:
            # What begins with a probe came out of an outage.
            since = min(at, first - 1)
        elif span.state == "closed":
            since = None
        ends_later = span.to is None or _ms(span.to) > first
        from_before = from_before or (since is not None and since < first and ends_later)
    return Openings(begun, from_before)


def _ms(text: str) -> int:
    # By whole milliseconds, which is all that a browser knows.
    return to_us(moment(text)) // 1000
