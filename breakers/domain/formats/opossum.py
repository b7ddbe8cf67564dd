"""opossum: `breaker.toJSON()`, one or a list. Each is a heartbeat; of a breaker that was shut down it is its goodbye.

It tells no time and its counters are rolling sums: they stay in `attributes`, never added up.
"""

from typing import Any

from breakers.domain.foreign import Body, Unknown, flag, read_each, text
from breakers.domain.reports import shown

BODIES = (Body.JSON, Body.NDJSON)
STATES = {"closed": "closed", "open": "open", "halfOpen": "half_open"}
# Every single latency of the window; the percentiles beside it say what is needed.
TOO_LONG = "latencyTimes"


def decode(documents: list[Any], instance: str | None) -> list[Any]:
    """Without ids: an idle breaker says the same each time, and each time it is a sign of life."""
    return read_each(lambda document: _event(document, instance), documents)


def _event(document: Any, instance: str | None) -> dict[str, Any]:
    state = document.get("state") if isinstance(document, dict) else None
    if not isinstance(state, dict):
        raise Unknown("unknown_shape", f"{shown(document)} without an object 'state'; expected breaker.toJSON()")
    status = document.get("status")
    attributes = {name: value for name, value in status.items() if name != TOO_LONG} if isinstance(status, dict) else {}
    event = {
        "type": "heartbeat",
        "breaker": text(state, "name"),
        "library": "opossum",
        "attributes": {**attributes, "warmUp": flag(state, "warmUp", False)},
    }
    if instance is not None:
        event["instance"] = instance
    if flag(state, "shutdown", False):
        return {**event, "type": "stopped"}
    return {**event, "state": _state(state)}


def _state(state: dict[str, Any]) -> str:
    if not flag(state, "enabled"):
        return "disabled"
    found = [ours for theirs, ours in STATES.items() if flag(state, theirs)]
    if len(found) != 1:
        told = ", ".join(f"'{theirs}' {shown(state.get(theirs))}" for theirs in STATES)
        raise Unknown("unknown_state", f"one of closed, open and halfOpen is true, not {told}")
    return found[0]
