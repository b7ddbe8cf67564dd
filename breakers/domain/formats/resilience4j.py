"""resilience4j: what its Spring endpoints answer, and the data of its event stream.

`circuitbreakerevents` (the list, one event, or an array) and `circuitbreakers` (a snapshot: a heartbeat each).
Java's times, states and rates are put into ours.
"""

import re
from collections.abc import Iterable
from typing import Any

from breakers.domain.foreign import Body, Unknown, counting_repeats, identity, number, read_each, text
from breakers.domain.reports import DROPPED, shown

BODIES = (Body.JSON, Body.NDJSON, Body.SSE)
PLAIN = {"SUCCESS": "success", "IGNORED_ERROR": "ignored", "NOT_PERMITTED": "rejected", "RESET": "reset"}
# They come just before the opening that they are the reason of, and are no calls of their own.
EXCEEDED = {
    "FAILURE_RATE_EXCEEDED": {"metric": "failure_rate", "text": "the failure rate exceeded its threshold"},
    "SLOW_CALL_RATE_EXCEEDED": {"metric": "slow_call_rate", "text": "the slow call rate exceeded its threshold"},
}
TYPES = ("ERROR", *PLAIN, "STATE_TRANSITION", *EXCEEDED)
STATES = {
    "CLOSED": "closed",
    "OPEN": "open",
    "HALF_OPEN": "half_open",
    "FORCED_OPEN": "forced_open",
    "DISABLED": "disabled",
    "METRICS_ONLY": "forced_closed",  # lets everything through, and counts
}
THRESHOLDS = {
    "failureRateThreshold": "failure_rate_threshold",
    "slowCallRateThreshold": "slow_call_rate_threshold",
}
NAMES_ALONE = (
    "'circuitBreakers' is a list of names, which tells no states; expected an object with each breaker's details,"
    " as newer versions answer, or the answer of 'circuitbreakerevents'"
)
FIELDS = ("circuitBreakerName", "type", "creationTime", "errorMessage", "durationInMs", "stateTransition")

_STEP = re.compile(r"(?:State transition from )?([A-Z_]+?)(?:_TO_| to )([A-Z_]+)")
# ZonedDateTime.toString(): seconds are left out where they are zero, the zone follows in brackets.
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)(?:\[[^\]]*\])?")
_CLASS = re.compile(r"[\w$]+(?:\.[\w$]+)*")


def decode(documents: list[Any], instance: str | None) -> list[Any]:
    """A poller gets the same events again and again: the same one is the same event. A snapshot is news each time."""
    reasons: dict[str, dict[str, str]] = {}

    def take(item: Any) -> Any:
        made = _heartbeat(*item) if isinstance(item, tuple) else _event(item, instance, reasons)
        return made if instance is None or made is DROPPED else {**made, "instance": instance}

    return counting_repeats(read_each(take, (item for document in documents for item in _items(document))))


def _items(document: Any) -> Iterable[Any]:
    """Events as they are; of a snapshot, each breaker's name with its details."""
    if isinstance(document, dict):
        if isinstance(document.get("circuitBreakerEvents"), list):
            yield from document["circuitBreakerEvents"]
            return
        if isinstance(document.get("circuitBreakers"), dict):
            yield from document["circuitBreakers"].items()
            return
        if isinstance(document.get("circuitBreakers"), list):
            # What `circuitbreakers` answered in older versions.
            yield Names()
            return
    yield document


class Names:
    """A list of breakers by their names alone."""


def _event(item: Any, instance: str | None, reasons: dict[str, dict[str, str]]) -> Any:
    if isinstance(item, Names):
        raise Unknown("unknown_shape", NAMES_ALONE)
    if not isinstance(item, dict) or "circuitBreakerName" not in item:
        raise Unknown("unknown_shape", f"{shown(item)} without 'circuitBreakerName'; expected a circuit breaker event")
    name, kind = text(item, "circuitBreakerName"), text(item, "type")
    if kind not in TYPES:
        raise Unknown("unknown_type", f"unknown type {shown(kind)}; expected one of {', '.join(TYPES)}")
    event: dict[str, Any] = {
        "id": identity("resilience4j", instance, [item.get(field) for field in FIELDS]),
        "type": PLAIN.get(kind, "failure"),
        "breaker": name,
        "occurred_at": _time(text(item, "creationTime")),
        "library": "resilience4j",
        "attributes": {field: value for field, value in item.items() if field not in FIELDS},
    }
    if kind in EXCEEDED:
        reasons[name] = EXCEEDED[kind]
        return DROPPED
    if item.get("durationInMs") is not None:
        event["duration_ms"] = number(item, "durationInMs")
    if item.get("errorMessage") is not None:
        event["error"] = _error(text(item, "errorMessage"))
        if kind == "ERROR" and event["error"].get("type", "").endswith("TimeoutException"):
            event["type"] = "timeout"
    if kind == "STATE_TRANSITION":
        event |= _step(text(item, "stateTransition"), event["attributes"])
        reason = reasons.pop(name, None)
        if reason is not None and event["to_state"] == "open":
            event["reason"] = reason
    return event


def _step(told: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """`HALF_OPEN_TO_CLOSED`, or the sentence that an event prints of itself."""
    step = _STEP.fullmatch(told)
    if step is None or step[1] not in STATES or step[2] not in STATES:
        raise Unknown("unknown_state", f"unknown state transition {shown(told)}; expected two of {', '.join(STATES)}")
    return {
        "type": "state_change",
        "from_state": STATES[step[1]],
        "to_state": STATES[step[2]],
        "attributes": {**attributes, "native_state": step[2]},
    }


def _heartbeat(name: str, details: Any) -> dict[str, Any]:
    state = details.get("state") if isinstance(details, dict) else None
    if not isinstance(state, str) or state not in STATES:
        raise Unknown("unknown_state", f"the state of {shown(name)} is {shown(state)}; expected {', '.join(STATES)}")
    told = {
        ours: _percentage(details[theirs]) for theirs, ours in THRESHOLDS.items() if details.get(theirs) is not None
    }
    counts = {field: value for field, value in details.items() if field != "state" and field not in THRESHOLDS}
    return {
        "type": "heartbeat",
        "breaker": name,
        "state": STATES[state],
        "library": "resilience4j",
        **({"config": told} if told else {}),
        "attributes": {**counts, "native_state": state},
    }


def _error(told: str) -> dict[str, str]:
    """Throwable.toString(): the class, and after a colon its message."""
    kind, _, message = told.partition(":")
    if not _CLASS.fullmatch(kind):
        return {"message": told}
    return {"type": kind, "message": message.strip()} if message else {"type": kind}


def _time(told: str) -> str:
    time = _TIME.fullmatch(told)
    if time is None:
        raise Unknown("bad_value", f"'creationTime' is {shown(told)}; expected one like 2026-11-23T09:00:00.105+01:00")
    return f"{time[1]}{time[2] or ':00'}{time[3]}"


def _percentage(told: Any) -> float:
    try:
        return number({"rate": told}, "rate")
    except Unknown as error:
        raise Unknown("bad_value", f"{shown(told)} is no percentage; expected one like '50.0%'") from error
