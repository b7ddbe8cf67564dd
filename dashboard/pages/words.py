"""Words: how states, ages and numbers read on screen.

Each function has its twin in static/js/helpers/words.js; a test holds them to the same answers.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from breakers.domain.states import SEVERITY, State

WORDS = {
    "closed": "Closed",
    "half_open": "Half-open",
    "open": "Open",
    "forced_open": "Forced open",
    "forced_closed": "Forced closed",
    "disabled": "Disabled",
    "stale": "Stale",
    "unknown": "Unknown",
    "gone": "Gone",
}
PROBLEMS = tuple(state.value for state in SEVERITY if state is not State.CLOSED)
DASH = "–"
NO_MATCH = "No breaker matches."


@dataclass(frozen=True, slots=True)
class Count:
    """How many breakers are in one state."""

    state: str
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The breakers by state. `counts` names every troubled state, also those with none."""

    total: int
    closed: int
    counts: tuple[Count, ...]
    sentence: str


def word(state: str) -> str:
    """The word for a state."""
    return WORDS.get(state, state)


def tally(counts: dict[str, int]) -> Tally:
    """The counts of a wall, in the order of severity, with their headline."""
    total = sum(counts.values())
    rows = tuple(Count(state, word(state).lower(), counts.get(state, 0)) for state in PROBLEMS)
    return Tally(total, counts.get("closed", 0), rows, sentence(counts))


def wall_sentence(counts: dict[str, int], *, filtered: bool) -> str:
    """The wall's sentence, of all breakers or of those that a search finds."""
    return sentence(counts) if sum(counts.values()) or not filtered else NO_MATCH


def sentence(counts: dict[str, int]) -> str:
    """The wall in one sentence: `2 open, 1 testing, 1 forced, 3 silent, of 214.`"""
    total = sum(counts.values())
    named = (
        (counts.get("open", 0), "open"),
        (counts.get("half_open", 0), "testing"),
        (counts.get("forced_open", 0) + counts.get("forced_closed", 0), "forced"),
        (counts.get("disabled", 0), "disabled"),
        (counts.get("stale", 0), "stale"),
        (counts.get("unknown", 0), "unknown"),
    )
    parts = [f"{whole(count)} {name}" for count, name in named if count]
    if not total:
        return "No breakers yet."
    if not parts:
        return "The one breaker is closed." if total == 1 else f"All {whole(total)} closed."
    return f"{', '.join(parts)}, of {whole(total)}."


def age(seconds: float) -> str:
    """A span of time in its two largest units: `42 s`, `4 m 12 s`, `3 h 5 m`, `2 d 4 h`."""
    s = max(0, int(seconds))
    if s < 60:
        return f"{s} s"
    if s < 3600:
        return f"{s // 60} m {s % 60} s" if s % 60 else f"{s // 60} m"
    if s < 86_400:
        return f"{s // 3600} h {s % 3600 // 60} m" if s % 3600 // 60 else f"{s // 3600} h"
    return f"{s // 86_400} d {s % 86_400 // 3600} h" if s % 86_400 // 3600 else f"{s // 86_400} d"


def whole(number: float) -> str:
    """A whole number with its thousands apart."""
    return f"{int(number + 0.5):,}"


def tenths(number: float) -> str:
    """A number with one digit behind the point, halves up as JavaScript has them."""
    n = int(number * 10 + 0.5)
    return f"{n // 10:,}.{n % 10}"


def short(number: float) -> str:
    """A number with at most one digit behind the point: `50`, `66.6`."""
    return tenths(number).removesuffix(".0")


def percent(rate: float | None) -> str:
    """A rate of 0-100, or a dash where there were no calls. What is not nothing, and not all, never reads as if it were."""
    if rate is None:
        return DASH
    if 0 < rate < 0.05:
        return "<0.1 %"
    return ">99.9 %" if 99.95 <= rate < 100 else f"{tenths(rate)} %"


def per_second(a_minute: int) -> str:
    """A count of a minute as a rate."""
    if a_minute == 0:
        return "0/s"
    if a_minute < 3:
        return "<0.1/s"
    return f"{whole(a_minute / 60)}/s" if a_minute >= 600 else f"{tenths(a_minute / 60)}/s"


def ratio(part: float, of: float) -> str:
    """How many for each: `3.2`, and with two digits that say something where it is less than one: `0.02`."""
    each = part / of
    return short(each) if each >= 0.95 or not part else f"{float(f'{each:.2g}'):f}".rstrip("0")


def lasted(seconds: float | None) -> str:
    """How long something took, exactly where it was short; a dash where it did not: `40 ms`, `9.3 s`, `4 m 12 s`."""
    if seconds is None:
        return DASH
    if 0 < seconds < 0.1:
        return f"{max(1, int(seconds * 1000 + 0.5))} ms"
    return f"{tenths(seconds)} s" if seconds < 10 else age(seconds)


def length(seconds: float) -> str:
    """A length that was set: as it was, where it is short: `500 ms` reads `0.5 s`, `30,000 ms` reads `30 s`."""
    if 0 < seconds < 0.1:
        return lasted(seconds)
    return f"{short(seconds)} s" if seconds < 60 and seconds != int(seconds) else age(seconds)


def minutes(seconds: float) -> str:
    """A sum of times, in minutes as budgets count them: `0.4 min`, `12 min`."""
    if 0 < seconds < 3:
        return "<0.1 min"
    return f"{short(seconds / 60) if seconds < 600 else whole(seconds / 60)} min"


def moment(text: str) -> datetime:
    """An RFC 3339 time as an aware datetime."""
    return datetime.fromisoformat(re.sub(r"Z$", "+00:00", text)).astimezone(UTC)


def clock(at: datetime) -> str:
    """The time of day in UTC, to the minute."""
    return at.astimezone(UTC).strftime("%H:%M")


def size(count: int) -> str:
    """Bytes in their largest unit: `512 B`, `1.4 MB`, `12.0 GB`."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1_000:
            return f"{whole(number)} B" if unit == "B" else f"{tenths(number)} {unit}"
        number /= 1_000
    return f"{tenths(number)} TB"
