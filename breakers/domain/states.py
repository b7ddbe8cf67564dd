"""States: what a breaker can be in, which steps the text book knows, and what a report changes.

`observe()` believes the service: a step that is not expected is taken all the same, and marked as a gap.
"""

from enum import StrEnum

import msgspec


class State(StrEnum):
    """What a breaker or one of its instances is in. The order is the headline's: worst first."""

    OPEN = "open"
    FORCED_OPEN = "forced_open"
    HALF_OPEN = "half_open"
    UNKNOWN = "unknown"
    STALE = "stale"
    DISABLED = "disabled"
    FORCED_CLOSED = "forced_closed"
    CLOSED = "closed"


SEVERITY = tuple(State)
SILENT = frozenset({State.STALE, State.UNKNOWN})
ADMINISTRATIVE = frozenset({State.FORCED_OPEN, State.FORCED_CLOSED, State.DISABLED})
# What a service may post; stale and unknown are ours.
REPORTABLE = tuple(state for state in State if state not in SILENT)

EXPECTED = {
    State.CLOSED: {State.OPEN},
    State.OPEN: {State.HALF_OPEN},
    State.HALF_OPEN: {State.CLOSED, State.OPEN},
}


class Change(msgspec.Struct, frozen=True):
    """One step of one instance. `gap` says that the text book, or what we knew, does not lead here."""

    from_state: State
    to_state: State
    gap: bool


def observe(
    known: State | None, to_state: State, from_state: State | None = None, *, told: bool = True
) -> Change | None:
    """What a report changes: None where it says what we knew.

    known: the last state that the service reported for this instance, None where it never did.
    told: the service told the change itself; a heartbeat only shows it, so a change seen in one is a gap.
    """
    if known is None:
        return Change(from_state or State.UNKNOWN, to_state, gap=False)
    if known == to_state:
        return None
    missed = not told or (from_state is not None and from_state != known)
    return Change(known, to_state, gap=missed or not is_expected(known, to_state))


def is_expected(from_state: State, to_state: State) -> bool:
    """Whether the step is one of the text book's, or an operator's into or out of an administrative state."""
    if from_state in ADMINISTRATIVE or to_state in ADMINISTRATIVE:
        return True
    return to_state in EXPECTED.get(from_state, set())
