"""Faces: what a breaker's card shows, worked out from the card that the store and the socket speak of.

The twin of static/js/helpers/face.js: the server draws a card first, the browser redraws it from frames.
"""

from dataclasses import dataclass
from datetime import datetime

from breakers.models.fields import to_us
from breakers.queries.shapes import Card, Span
from dashboard.pages.openings import openings
from dashboard.pages.words import clock, moment, per_second, percent, short, whole, word

STRIP_SECONDS = 900
NARROWEST = 6  # seconds: two pixels of the narrowest card, so that a short opening stays visible
HEIGHTS = {"closed": 3, "forced_closed": 3, "disabled": 3, "stale": 5, "unknown": 5, "half_open": 7}
RULES = {"any": "any instance", "majority": "the majority", "all": "all instances"}
SILENT = ("stale", "unknown")
REFUSING = ("open", "forced_open")
# The states in which an override shows.
SHOWS = {"force_open": ("forced_open", "open"), "force_closed": ("forced_closed",), "disable": ("disabled",)}


@dataclass(frozen=True, slots=True)
class Second:
    """The line beside the state's word. `at` is a moment whose age stands between the two texts."""

    before: str
    at: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """A value and what it is."""

    value: str
    caption: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of the 15-minute strip, in seconds from its left end."""

    state: str
    x: int
    width: int
    height: int

    @property
    def y(self) -> int:
        """The strip is 12 high, and its bars stand on the bottom."""
        return 12 - self.height


@dataclass(frozen=True, slots=True)
class Face:
    """All that a card shows."""

    id: str
    version: int
    state: str
    word: str
    second: Second
    name: str
    service: str
    dependency: str
    error: str
    numbers: tuple[Number, Number, Number]
    strip: tuple[Bar, ...]
    strip_label: str
    # "silenced until 14:00"; empty: its alerts are told.
    silenced: str = ""
    # "any instance of 20": what of its instances makes the state.
    rule: str = ""
    # "not seen at 3 of 20 instances": of the override that is wanted; empty: it is seen at all, or none is wanted.
    unmet: str = ""


BLANK = Face("", 0, "unknown", "", Second(""), "", "", "", "", (Number("", ""),) * 3, (), "")


def face(card: Card, now: datetime) -> Face:
    """The face of a card at this moment."""
    return Face(
        id=card.id,
        version=card.version,
        state=card.state,
        word=word(card.state),
        second=second(card),
        name=card.name,
        service=card.service,
        dependency=card.dependency,
        error=(card.last_error_type or "") if card.state in ("open", "half_open") else "",
        numbers=(_failing(card), _load(card), _copies(card)),
        strip=strip(card.strip_15m, now),
        strip_label=_strip_label(card.strip_15m, now),
        silenced=f"silenced until {clock(moment(card.silenced_until))}" if card.silenced_until else "",
        rule=f"{RULES[card.headline]} of {whole(sum(card.instances.values()))}",
        unmet=unmet(card),
    )


def unmet(card: Card) -> str:
    """At how many instances the wanted override is not seen."""
    total = sum(card.instances.values())
    shown = SHOWS.get(card.wanted.action, ()) if card.wanted else ()
    missing = total - sum(card.instances.get(state, 0) for state in shown) if shown else 0
    return f"not seen at {whole(missing)} of {whole(total)} instance{'s' * (total != 1)}" if missing else ""


def second(card: Card) -> Second:
    """What the state means for the calls, and since when or until when."""
    wanted = card.wanted
    until = clock(moment(wanted.until)) if wanted and wanted.until else ""
    match card.state:
        case "closed":
            return Second("calls passing")
        case "half_open":
            return Second("testing · ", card.since)
        case "open":
            return Second("calls refused · ", card.since)
        case "forced_open" if until and wanted:
            return Second(f"by {wanted.by} until {until}" if wanted.by else f"until {until}")
        case "forced_open":
            return Second("calls refused · ", card.since)
        case "forced_closed":
            return Second(f"protection off until {until}") if until else Second("protection off · ", card.since)
        case "disabled":
            return Second(f"passing, not counting until {until}" if until else "passing, not counting")
        case "stale" if card.last_event_at:
            was = f" ago, was {word(card.reported_state)}" if card.reported_state else " ago"
            return Second("last heard ", card.last_event_at, was)
        case _:
            return Second("silent for ", card.last_event_at) if card.last_event_at else Second("never heard")


def strip(spans: list[Span], now: datetime) -> tuple[Bar, ...]:
    """The last 15 minutes as bars, the worst drawn last so that nothing hides it."""
    bars = []
    for span in spans:
        left = _second_of(span.from_, now)
        right = STRIP_SECONDS if span.to is None else _second_of(span.to, now)
        if right <= 0 and span.to is not None:
            continue
        width = max(right - left, NARROWEST)
        bars.append(Bar(span.state, min(left, STRIP_SECONDS - width), width, HEIGHTS.get(span.state, 10)))
    return tuple(sorted(bars, key=lambda bar: bar.height))


def _second_of(text: str, now: datetime) -> int:
    # By whole milliseconds, which is all that a browser knows.
    seconds = STRIP_SECONDS - (_ms(now) - _ms(moment(text))) // 1000
    return min(max(seconds, 0), STRIP_SECONDS)


def _ms(at: datetime) -> int:
    return to_us(at) // 1000


def _strip_label(spans: list[Span], now: datetime) -> str:
    found = openings(spans, _ms(now) - STRIP_SECONDS * 1000)
    before = ["an outage from before"] if found.from_before else []
    said = [f"{found.begun} opening{'s' * (found.begun != 1)}"] if found.begun else []
    return f"Last 15 minutes: {', '.join([*before, *said]) or 'not open'}"


def _failing(card: Card) -> Number:
    threshold = card.failure_rate_threshold
    caption = "fail" if threshold is None else f"fail, trips at {short(threshold)}"
    return Number(percent(card.failure_rate_1m), caption if card.calls_1m else "no calls")


def _load(card: Card) -> Number:
    if card.state in REFUSING:
        return Number(per_second(card.rejected_1m), "refused")
    return Number(per_second(card.calls_1m), "calls")


def _copies(card: Card) -> Number:
    """How many instances are in the headline's state; for a closed one, how many are open all the same."""
    state = "open" if card.state == "closed" else card.state
    total = sum(card.instances.values())
    silent = sum(card.instances.get(name, 0) for name in SILENT)
    caption = word(state).lower()
    if silent and card.state not in SILENT:
        caption = f"{caption}, {whole(silent)} silent"
    return Number(f"{whole(card.instances.get(state, 0))}/{whole(total)}", caption)
