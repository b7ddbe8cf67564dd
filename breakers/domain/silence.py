"""Silence: when an instance that means to be heard goes stale, unknown, and out of the counts.

Times in microseconds since 1970.
"""

import msgspec

from breakers.domain.states import SILENT, State

SECOND = 1_000_000
DEFAULT_INTERVAL_S = 60
LEAVES_AFTER = 3_600 * SECOND
# A client that could not reach us comes back within this: our own trouble is nobody's silence until it is over.
LONGEST_BACKOFF = 60 * SECOND


class Quiet(msgspec.Struct, frozen=True):
    """A time in which nothing was heard: stale from `start`, unknown from `unknown`, out of the counts from `gone`.

    None: it did not come to that. end: until when it is drawn. heard: when the next report was received. None: it goes on.
    """

    start: int
    unknown: int | None = None
    gone: int | None = None
    end: int | None = None
    heard: int | None = None


def heard_from(heard: int, listening: int) -> int:
    """From when silence counts. heard: the last receipt. listening: when our own last trouble ended."""
    return heard if heard >= listening else listening + LONGEST_BACKOFF


def stale_at(heard: int, interval_s: int) -> int:
    """Two intervals and 5 s after it was last heard."""
    return heard + (2 * interval_s + 5) * SECOND


def unknown_at(heard: int, interval_s: int) -> int:
    """Ten intervals after it was last heard, and never before it is stale."""
    return max(heard + 10 * interval_s * SECOND, stale_at(heard, interval_s))


def judged(state: str, heard: int, interval_s: int | None, now: int) -> tuple[str, int]:
    """(state, since when it is so by silence or 0) of a live instance.

    state: what it was in by the last look. heard: from when its silence counts, `heard_from()`.
    """
    if interval_s is None:
        return state, 0
    stale, unknown = stale_at(heard, interval_s), unknown_at(heard, interval_s)
    if now >= unknown:
        return State.UNKNOWN, unknown
    # One that is unknown, for it has told no state or for it was silent before, does not become less so.
    if now >= stale and state != State.UNKNOWN:
        return State.STALE, stale
    return state, 0


def due(state: str, heard: int, interval_s: int | None, now: int) -> int | None:
    """When silence changes what a live instance is drawn in next; a moment that is past: nobody has looked since. None: never."""
    if interval_s is None:
        return None
    if state not in SILENT:
        return stale_at(heard, interval_s)
    unknown = unknown_at(heard, interval_s)
    return unknown if state == State.STALE or now < unknown else unknown + LEAVES_AFTER


def quiet(heard: int, interval_s: int | None, now: int, replaced_at: int | None = None) -> Quiet | None:
    """The silence that there is by now; None where there is none yet.

    heard: from when it counts. replaced_at: when the instance that took its place was first heard.
    """
    if interval_s is None or now < (stale := stale_at(heard, interval_s)):
        return None
    unknown = unknown_at(heard, interval_s)
    gone = unknown + LEAVES_AFTER
    if replaced_at is not None:
        gone = min(gone, max(unknown, replaced_at))
    return Quiet(stale, unknown if now >= unknown else None, gone if now >= gone else None)
