"""Silence: when an instance that means to be heard goes stale, unknown, and out of the counts.

Times in microseconds since 1970.
"""

from breakers.domain.states import State

SECOND = 1_000_000
DEFAULT_INTERVAL_S = 60
LEAVES_AFTER = 3_600 * SECOND


def stale_at(heard: int, interval_s: int) -> int:
    """Two intervals and 5 s after it was last heard."""
    return heard + (2 * interval_s + 5) * SECOND


def unknown_at(heard: int, interval_s: int) -> int:
    """Ten intervals after it was last heard, and never before it is stale."""
    return max(heard + 10 * interval_s * SECOND, stale_at(heard, interval_s))


def judged(state: str, heard: int, interval_s: int | None, now: int) -> tuple[str, int, int | None]:
    """(state, since when it is so by silence or 0, the next moment at which silence changes it) of a live instance.

    state: what it was in by the last look. heard: when it was last heard, no earlier than we have been listening.
    """
    if interval_s is None:
        return state, 0, None
    stale, unknown = stale_at(heard, interval_s), unknown_at(heard, interval_s)
    if now >= unknown:
        return State.UNKNOWN, unknown, unknown + LEAVES_AFTER
    if now >= stale:
        return State.STALE, stale, unknown
    return state, 0, stale
