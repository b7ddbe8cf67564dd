"""Headlines: one state for a breaker out of those of its live instances."""

from collections.abc import Iterable, Mapping

from breakers.domain.states import SEVERITY, SILENT, State

GONE = "gone"


def headline(counts: Mapping[str, int], rule: str) -> State:
    """The state over the live instances, by the rule `any`, `majority` or `all`.

    counts: {state: live instances in it}. Silent ones count only when they are at least half; none at all is unknown.
    """
    live = sum(counts.values())
    if not live:
        return State.UNKNOWN
    silent = sum(counts.get(state, 0) for state in SILENT)
    ignored = SILENT if silent * 2 < live else frozenset()
    judged = live - silent if ignored else live
    so_far = 0
    for state in SEVERITY:
        if state in ignored:
            continue
        so_far += counts.get(state, 0)
        if so_far >= 1 if rule == "any" else so_far * 2 > judged if rule == "majority" else so_far >= judged:
            return state
    return State.UNKNOWN


def counted(states: Iterable[str]) -> dict[str, int]:
    """{state: how many}, worst first; instances that are gone don't count."""
    found: dict[str, int] = {}
    for state in states:
        if state != GONE:
            found[state] = found.get(state, 0) + 1
    return {state: found[state] for state in SEVERITY if state in found}
