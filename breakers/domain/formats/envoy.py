"""Envoy: its outlier detection event log, one JSON object a line (Istio's `outlierDetection` is the same).

A breaker is a cluster, an instance is one Envoy's view of one host of it: ejected is open. There is no half-open.
"""

from typing import Any

from breakers.domain.foreign import Body, Unknown, counting_repeats, flag, identity, number, read_each, text
from breakers.domain.reports import shown

BODIES = (Body.NDJSON, Body.JSON)
CONSECUTIVE = ("CONSECUTIVE_5XX", "CONSECUTIVE_GATEWAY_FAILURE", "CONSECUTIVE_LOCAL_ORIGIN_FAILURE")
SUCCESS_RATE = ("SUCCESS_RATE", "SUCCESS_RATE_LOCAL_ORIGIN")
FAILURE_PERCENTAGE = ("FAILURE_PERCENTAGE", "FAILURE_PERCENTAGE_LOCAL_ORIGIN")
TYPES = (*CONSECUTIVE, *SUCCESS_RATE, *FAILURE_PERCENTAGE, "EXTENSION")
USED = {"type", "cluster_name", "upstream_url", "action", "enforced", "timestamp"}


def decode(documents: list[Any], instance: str | None) -> list[Any]:
    """`instance` is the name of the Envoy; the hosts that it watches follow after a slash."""
    return counting_repeats(read_each(lambda document: _event(document, instance), documents))


def _event(entry: Any, instance: str | None) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise Unknown("unknown_shape", f"{shown(entry)} is no object; expected an outlier detection event")
    action = text(entry, "action")
    cluster, host = text(entry, "cluster_name"), text(entry, "upstream_url")
    event = {
        "id": identity("envoy", instance, entry),
        "breaker": cluster,
        "instance": host if instance is None else f"{instance}/{host}",
        "occurred_at": text(entry, "timestamp"),
        "library": "envoy",
        "attributes": {name: value for name, value in entry.items() if name not in USED},
    }
    # Istio names its clusters direction|port|subset|host.
    parts = cluster.split("|")
    if len(parts) == 4 and parts[3]:
        event["dependency"] = parts[3]
    if action == "UNEJECT":
        # It prints defaults: `type` and `enforced` mean nothing here.
        return {**event, "type": "state_change", "from_state": "open", "to_state": "closed"}
    if action != "EJECT":
        raise Unknown("unknown_type", f"unknown action {shown(action)}; expected one of EJECT, UNEJECT")
    if flag(entry, "enforced"):
        return {**event, "type": "state_change", "from_state": "closed", "to_state": "open", "reason": _reason(entry)}
    reason = _reason(entry)
    return {**event, "type": "failure", "reason": {**reason, "text": f"would have been ejected: {reason['text']}"}}


def _reason(entry: dict[str, Any]) -> dict[str, Any]:
    kind = text(entry, "type")
    if kind not in TYPES:
        raise Unknown("unknown_type", f"unknown type {shown(kind)}; expected one of {', '.join(TYPES)}")
    reason: dict[str, Any] = {"text": kind}
    if kind in CONSECUTIVE:
        reason["metric"] = "consecutive_failures"
    elif kind in SUCCESS_RATE:
        reason["metric"] = "failure_rate"
        reason |= _rates(entry.get("eject_success_rate_event"))
    elif kind in FAILURE_PERCENTAGE:
        reason["metric"] = "failure_rate"
        reason |= _rates(entry.get("eject_failure_percentage_event"))
    return reason


def _rates(detail: Any) -> dict[str, float]:
    """Envoy tells rates of success, 0 to 100; ours are of failure."""
    names = {"value": "host_success_rate", "threshold": "cluster_success_rate_ejection_threshold"}
    told = detail if isinstance(detail, dict) else {}
    return {ours: 100.0 - _rate(told, theirs) for ours, theirs in names.items() if told.get(theirs) is not None}


def _rate(detail: dict[str, Any], field: str) -> float:
    rate = number(detail, field)
    if not 0 <= rate <= 100:
        raise Unknown("bad_value", f"'{field}' is {shown(rate)}; expected 0 to 100")
    return rate
