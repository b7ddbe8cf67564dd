"""Hystrix: samples of its metrics stream (`/hystrix.stream`; `opossum-hystrix` emits them too). Each is a heartbeat.

Its counters are rolling sums, repeated in every sample: they stay in `attributes`, never added up.
"""

from datetime import UTC, datetime
from typing import Any

from breakers.domain.foreign import Body, Unknown, as_number, flag, identity, number, read_each, text
from breakers.domain.reports import DROPPED, shown

BODIES = (Body.SSE, Body.NDJSON, Body.JSON)
# Samples of thread pools and of collapsers say nothing of a breaker.
NOT_NEEDED = ("HystrixThreadPool", "HystrixCollapser")
PROPERTY = "propertyValue_"
SWITCH = f"{PROPERTY}circuitBreaker"
CONFIG = {
    f"{SWITCH}ErrorThresholdPercentage": "failure_rate_threshold",
    f"{SWITCH}RequestVolumeThreshold": "minimum_calls",
    f"{SWITCH}SleepWindowInMilliseconds": "reset_timeout_ms",
    f"{PROPERTY}metricsRollingStatisticalWindowInMilliseconds": "window_ms",
    f"{PROPERTY}executionTimeoutInMilliseconds": "timeout_ms",
}
USED = {"type", "name", "group", "currentTime", "isCircuitBreakerOpen", "reportingHosts"}


def decode(documents: list[Any], instance: str | None) -> list[Any]:
    """Samples differ by their time; the same one again is the same event."""
    return read_each(lambda document: _event(document, instance), documents)


def _event(sample: Any, instance: str | None) -> Any:
    kind = sample.get("type") if isinstance(sample, dict) else None
    if kind in NOT_NEEDED:
        return DROPPED
    if kind != "HystrixCommand":
        expected = ", ".join(("HystrixCommand", *NOT_NEEDED))
        if not isinstance(sample, dict):
            raise Unknown("unknown_shape", f"{shown(sample)} is no object; expected a sample of Hystrix's stream")
        if kind is None:
            raise Unknown("missing_field", f"'type' is missing; expected one of {expected}")
        raise Unknown("unknown_type", f"unknown type {shown(kind)}; expected one of {expected}")
    hosts = sample.get("reportingHosts", 1)
    if as_number(hosts) != 1:
        raise Unknown("bad_value", f"'reportingHosts' is {shown(hosts)}: a sum over hosts is no instance")
    event = {
        "id": identity("hystrix", instance, sample),
        "type": "heartbeat",
        "breaker": text(sample, "name"),
        "dependency": sample.get("group"),
        "state": _state(sample),
        "occurred_at": _time(sample),
        "library": "hystrix",
        "config": {
            ours: told for theirs, ours in CONFIG.items() if (told := as_number(sample.get(theirs))) is not None
        },
        "attributes": {name: value for name, value in sample.items() if _is_kept(name, value)},
    }
    return event if instance is None else {**event, "instance": instance}


def _state(sample: dict[str, Any]) -> str:
    is_open = flag(sample, "isCircuitBreakerOpen")
    if not flag(sample, f"{SWITCH}Enabled", True):
        return "disabled"
    if flag(sample, f"{SWITCH}ForceOpen", False):
        return "forced_open"
    if flag(sample, f"{SWITCH}ForceClosed", False):
        return "forced_closed"
    return "open" if is_open else "closed"


def _time(sample: dict[str, Any]) -> str:
    milliseconds = number(sample, "currentTime")
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise Unknown(
            "bad_value", f"'currentTime' is {shown(milliseconds)}; expected milliseconds since 1970"
        ) from error


def _is_kept(name: str, value: Any) -> bool:
    """Settings are told as such; one that is no number is kept as it was told."""
    if name.startswith(PROPERTY):
        return name in CONFIG and value is not None and as_number(value) is None
    return name not in USED
