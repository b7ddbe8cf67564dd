"""Fields: what each field of an event may hold, and where a report keeps it. A taker raises ValueError with a sentence.

What is nested too deep raises BadBody.
"""

import math
from collections.abc import Callable
from typing import Any

from breakers.domain.foreign import as_number
from breakers.domain.keeping import SETTINGS, cut
from breakers.domain.reports import (
    ACTIONS,
    LARGEST,
    METRICS,
    MOST_DEEP,
    MOST_LABELS,
    NAME_LENGTH,
    SCOPES,
    TEXT_LENGTH,
    BadBody,
    Report,
    folded,
    key_of,
    moment_us,
    named_state,
    shown,
)
from breakers.domain.states import REPORTABLE, State

_WORDS = frozenset(map(str, REPORTABLE))
_SETTINGS = frozenset(SETTINGS)


def more(report: Report, group: str, field: str, value: Any) -> None:
    """Keep it with the event, in a group of its own."""
    if report.extra is None:
        report.extra = {}
    report.extra.setdefault(group, {})[field] = value


def _keep(report: Report, field: str, value: Any) -> None:
    if report.extra is None:
        report.extra = {}
    report.extra[field] = value


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no text")
    if not value.strip():
        raise ValueError("it is empty")
    if len(value) > NAME_LENGTH:
        raise ValueError(f"{shown(value)} has {len(value)} characters; at most {NAME_LENGTH} are taken")
    if "\x00" in value:
        raise ValueError(f"{shown(value)} holds a NUL")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is no text")
    return _cut(value)


def _cut(text: str) -> str:
    """Twice as much as is kept, so that a secret is not cut in half before it is seen; without NUL (PostgreSQL stores none)."""
    return cut(text.replace("\x00", "\ufffd"), 2 * TEXT_LENGTH)


def _whole(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or int(value) != value:
        raise ValueError(f"{shown(value)} is no whole number")
    if not least <= value <= most:
        raise ValueError(f"{shown(value)} is out of range; expected {least} to {most:,}")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{shown(value)} is no number")
    if not 0 <= value <= LARGEST or not math.isfinite(value):
        raise ValueError(f"{shown(value)} is out of range; expected 0 or more")
    return float(value)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{shown(value)} is no object")
    whole: dict[str, Any] = bounded(value)
    return whole


def bounded(value: Any, depth: int = 2) -> Any:
    """The value without NULs. Errors: BadBody where it is nested too deep; `depth` is its own, an event's is 1."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict | list) and depth > MOST_DEEP:
        raise BadBody(400, f"the body is nested deeper than {MOST_DEEP}")
    if isinstance(value, dict):
        return {key.replace("\x00", "\ufffd"): bounded(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [bounded(inner, depth + 1) for inner in value]
    return value


def _breaker(report: Report, value: Any) -> None:
    report.breaker = _name(value)


def _dependency(report: Report, value: Any) -> None:
    report.dependency = _name(value)


def _instance(report: Report, value: Any) -> None:
    report.instance = _name(value)


def _id(report: Report, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{shown(value)} is no text")
    if len(value) > TEXT_LENGTH:
        raise ValueError(f"it has {len(value)} characters; at most {TEXT_LENGTH} are taken")
    report.key = key_of(value)


def _occurred_at(report: Report, value: Any) -> None:
    report.at_us = report.told_us = moment_us(value)


def _sequence(report: Report, value: Any) -> None:
    report.sequence = _whole(value, 0, 2**63 - 1)


def _count(report: Report, value: Any) -> None:
    report.count = _whole(value, 1, 1_000_000)


def _to_state(report: Report, value: Any) -> None:
    _keep(report, "to_state", named_state(value))
    _native(report, value)


def _state(report: Report, value: Any) -> None:
    _keep(report, "state", named_state(value))
    _native(report, value)


def _native(report: Report, value: str) -> None:
    """The library's own word, where it is not ours."""
    if value not in _WORDS:
        more(report, "attributes", "native_state", value)


def _from_state(report: Report, value: Any) -> None:
    # What it came from may well be a word of ours: a service that saw itself go unknown.
    is_unknown = isinstance(value, str) and folded(value) == "unknown"
    report.from_state = State.UNKNOWN if is_unknown else named_state(value)


def _duration(report: Report, value: Any) -> None:
    report.duration_ms = _number(value)


def _duration_max(report: Report, value: Any) -> None:
    report.duration_max_ms = _number(value)


def _durations(report: Report, value: Any) -> None:
    if not isinstance(value, list) or len(value) != 16:
        raise ValueError(f"{shown(value)} is no list of 16 counts")
    report.durations = [_whole(count, 0, 1_000_000_000) for count in value]


def _error(report: Report, value: Any) -> None:
    error = _object(value)
    if error.get("type") is not None:
        report.error_type = _text(error["type"])[:NAME_LENGTH]
    if error.get("message") is not None:
        report.error_message = _text(error["message"])


def _reason(report: Report, value: Any) -> None:
    if isinstance(value, str):
        report.reason = {"text": _cut(value)}
        return
    reason = _object(value)
    metric = reason.get("metric")
    if metric is not None and metric not in METRICS:
        raise ValueError(f"unknown metric {shown(metric)}; expected one of {', '.join(METRICS)}")
    for field in ("value", "threshold", "window_ms", "min_calls"):
        if reason.get(field) is not None:
            reason[field] = _number(reason[field])
    if reason.get("text") is not None:
        reason["text"] = _text(reason["text"])
    report.reason = reason


def _interval(report: Report, value: Any) -> None:
    report.interval_s = _whole(value, 1, 3_600)


def _scope(report: Report, value: Any) -> None:
    if value not in SCOPES:
        raise ValueError(f"unknown scope {shown(value)}; expected one of {', '.join(SCOPES)}")
    report.shared = value == "shared"


def _next_probe(report: Report, value: Any) -> None:
    report.next_probe_us = moment_us(value)


def _library(report: Report, value: Any) -> None:
    report.library = _name(value)


def _library_version(report: Report, value: Any) -> None:
    report.library_version = _name(value)


def _config(report: Report, value: Any) -> None:
    config = _object(value)
    for field, inner in config.items():
        if isinstance(inner, int | float) and not -LARGEST <= inner <= LARGEST:
            raise ValueError(f"'{field}' is {shown(inner)}; no setting is that large")
        if isinstance(inner, str) and field in _SETTINGS:
            told = as_number(inner)
            config[field] = inner if told is None else told
    report.config = config


def _commands(report: Report, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(action, str) for action in value):
        raise ValueError(f"{shown(value)} is no list of actions")
    # An action that we do not know is one that we do not offer.
    report.commands = [action for action in ACTIONS if action in value]


def _labels(report: Report, value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{shown(value)} is no object")
    if len(value) > MOST_LABELS:
        raise ValueError(f"it has {len(value)} labels; at most {MOST_LABELS} are taken")
    for key, text in value.items():
        _name(key)
        if not isinstance(text, str) or len(text) > NAME_LENGTH or "\x00" in text:
            raise ValueError(
                f"the value of '{key}' is {shown(text)}; expected text of at most {NAME_LENGTH} characters"
            )
    report.labels = value


def _attributes(report: Report, value: Any) -> None:
    for field, inner in _object(value).items():
        more(report, "attributes", field, inner)


def _type(report: Report, value: Any) -> None:
    """Taken already: the other fields depend on it."""


FIELDS: dict[str, Callable[[Report, Any], None]] = {
    "type": _type,
    "breaker": _breaker,
    "dependency": _dependency,
    "instance": _instance,
    "id": _id,
    "occurred_at": _occurred_at,
    "sequence": _sequence,
    "count": _count,
    "to_state": _to_state,
    "from_state": _from_state,
    "state": _state,
    "duration_ms": _duration,
    "duration_max_ms": _duration_max,
    "durations": _durations,
    "error": _error,
    "reason": _reason,
    "interval_s": _interval,
    "scope": _scope,
    "next_probe_at": _next_probe,
    "library": _library,
    "library_version": _library_version,
    "config": _config,
    "commands": _commands,
    "labels": _labels,
    "attributes": _attributes,
}
