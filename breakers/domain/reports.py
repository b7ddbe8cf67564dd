"""Reports: what a service posted, read and checked. Bytes in, reports or sentences out; no I/O, no clock.

A body that can't be read at all raises BadBody (the whole request fails); an event that can't be taken becomes a
Refusal with its index, and the others are taken.
"""

import hashlib
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from breakers.domain.keeping import EVERYTHING, Keeping, cut
from breakers.domain.states import REPORTABLE, State

NAME_LENGTH = 200
TEXT_LENGTH = 2_048
MOST_DEEP = 32
MOST_EVENTS = 1_000
MOST_LABELS = 32
LARGEST = 1e15  # of any number that is drawn or written out
# How long raw events are kept; older ones are not taken.
KEPT = timedelta(days=30)

TYPES = (
    "state_change",
    "failure",
    "timeout",
    "rejected",
    "success",
    "slow",
    "retry",
    "fallback",
    "ignored",
    "heartbeat",
    "reset",
    "stopped",
)
SCOPES = ("instance", "shared")
METRICS = ("failure_rate", "slow_call_rate", "consecutive_failures", "failure_count", "probe", "manual", "store")
ACTIONS = ("probe", "reset", "force_open", "force_closed", "disable", "release")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEPT_US = KEPT // _MICROSECOND
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_STATES = {str(state): state for state in REPORTABLE}
_FOLDED = re.compile(r"[- ]+")


class BadBody(Exception):
    """The whole body can't be taken. `status` as in the contract's table; the message is the problem's `detail`."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Refusal(msgspec.Struct, frozen=True):
    """An event that was not taken, by its index in the body."""

    index: int
    code: str
    detail: str


class _Refused(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Report(msgspec.Struct):
    """One event as posted, checked. Times in microseconds since 1970; None is "not told"."""

    index: int
    type: str
    breaker: str
    at_us: int
    instance: str = "default"
    dependency: str | None = None
    key: bytes | None = None
    sequence: int = -1
    count: int = 1
    duration_ms: float | None = None
    duration_max_ms: float | None = None
    durations: list[int] | None = None
    state: State | None = None
    from_state: State | None = None
    error_type: str | None = None
    error_message: str | None = None
    reason: dict[str, Any] | None = None
    interval_s: int | None = None
    shared: bool = False
    next_probe_us: int | None = None
    library: str | None = None
    library_version: str | None = None
    config: dict[str, Any] | None = None
    commands: list[str] | None = None
    labels: dict[str, str] | None = None
    # What is kept with the event and has no column of its own.
    extra: dict[str, Any] | None = None


class Batch(msgspec.Struct):
    """The reports of one body, in its order, what was refused of it, and how many of it are not needed."""

    reports: list[Report]
    refusals: list[Refusal]
    sent: int
    dropped: int = 0


_decode = msgspec.json.Decoder().decode


def read_json(body: bytes) -> list[Any]:
    """The events of a JSON body: one object, `{"events": […]}`, or an array. Errors: BadBody 400, 413."""
    try:
        document = _decode(body)
    except msgspec.DecodeError as error:
        raise BadBody(400, f"the body is not JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise BadBody(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise BadBody(400, f"the body is nested deeper than {MOST_DEEP}") from error
    if isinstance(document, dict):
        events = document.get("events", document) if "type" not in document else document
        if events is document:
            return [document]
        if not isinstance(events, list):
            raise BadBody(400, f"'events' is {shown(events)}; expected an array of objects")
        return _checked(events)
    if isinstance(document, list):
        return _checked(document)
    raise BadBody(400, f"the body is {shown(document)}; expected an object or an array of objects")


def read_ndjson(body: bytes) -> list[Any]:
    """The events of NDJSON, one a line; a line that is not JSON becomes a BadLine, refused by its index.

    Errors: BadBody 400 (not UTF-8), 413 (too many lines).
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BadBody(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > MOST_EVENTS:
        raise BadBody(413, f"the body holds {len(lines)} events; at most {MOST_EVENTS} are taken")
    return [_line(line) for line in lines]


class BadLine(msgspec.Struct):
    """What stands where an event should: a line of NDJSON that is not JSON, a shape that a foreign format has not."""

    detail: str
    code: str = "bad_json"


# Stands for what a foreign format knows and we do not need: taken, and not kept.
DROPPED = object()


def check(
    events: list[Any], received_us: int, *, idempotency_key: str | None = None, keeping: Keeping = EVERYTHING
) -> Batch:
    """Check each event, and keep of its texts what may be kept. Errors: BadBody 400 where one is nested too deep."""
    if keeping.depth < MOST_DEEP:
        _require_flat(events, keeping.depth)
    reports: list[Report] = []
    refusals: list[Refusal] = []
    dropped = 0
    for index, event in enumerate(events):
        try:
            if not isinstance(event, dict):
                if event is DROPPED:
                    dropped += 1
                    continue
                raise _unreadable(event)
            report = _report(index, event, received_us)
            if report.error_type is not None:
                report.error_type = keeping.kind(report.error_type)
            if report.error_message is not None:
                report.error_message = keeping.message(report.error_message)
            if report.reason is not None:
                report.reason = keeping.reason(report.reason)
            if report.extra is not None and "attributes" in report.extra:
                report.extra["attributes"] = keeping.attributes(report.extra["attributes"])
        except _Refused as refused:
            refusals.append(Refusal(index, refused.code, str(refused)))
            continue
        if report.key is None and idempotency_key is not None:
            report.key = key_of(f"{idempotency_key}\n{index}")
        reports.append(report)
    return Batch(reports, refusals, len(events), dropped)


def key_of(text: str) -> bytes:
    """The 16 bytes that stand for an event's id: its UUID's own, else a hash of the text."""
    if _UUID.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def moment_us(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time. Errors: ValueError with a sentence."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError(f"{shown(text)} is no RFC 3339 time; expected one like 2026-11-23T08:00:00.123Z")
    try:
        # A leap second is drawn at the second before it.
        return (datetime.fromisoformat(text.upper().replace(":60", ":59")) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{shown(text)} is no RFC 3339 time: {error}") from error


def named_state(value: Any) -> State:
    """A state that a service may post; case, `-` and spaces are folded. Errors: ValueError with a sentence."""
    if isinstance(value, str):
        state = _STATES.get(value) or _STATES.get(_FOLDED.sub("_", value.strip().lower()))
        if state is not None:
            return state
    raise ValueError(f"unknown state {shown(value)}; expected one of {', '.join(_STATES)}")


def _report(index: int, event: dict[str, Any], received_us: int) -> Report:
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        if kind is None:
            raise _Refused("missing_field", "'type' is missing; every event needs a type and a breaker")
        raise _Refused("unknown_type", f"unknown type {shown(kind)}; expected one of {', '.join(TYPES)}")
    if event.get("breaker") is None:
        raise _Refused("missing_field", "'breaker' is missing; every event needs a type and a breaker")
    report = Report(index, kind, "", received_us)
    for field, value in event.items():
        take = _FIELDS.get(field)
        if take is None:
            _more(report, "attributes", field, _bounded(value))
        elif value is not None:
            try:
                take(report, value)
            except ValueError as error:
                raise _Refused("bad_value", f"'{field}': {error}") from error
    if report.at_us > received_us:
        _more(report, "attributes", "occurred_at", event["occurred_at"])
        report.at_us = received_us
    elif report.at_us < received_us - _KEPT_US:
        raise _Refused(
            "too_old", f"'occurred_at' {event['occurred_at']} is older than the {KEPT.days} days that events are kept"
        )
    _needs_its_state(report)
    return report


def _unreadable(event: Any) -> _Refused:
    if isinstance(event, BadLine):
        return _Refused(event.code, event.detail)
    return _Refused("bad_json", f"{shown(event)} is no object")


def _needs_its_state(report: Report) -> None:
    if report.type == "state_change":
        report.state = (report.extra or {}).pop("to_state", None)
        if report.state is None:
            raise _Refused("missing_field", "'to_state' is missing; a state_change needs one")
    elif report.type == "heartbeat":
        report.state = (report.extra or {}).pop("state", None)
        if report.state is None:
            raise _Refused("missing_field", "'state' is missing; a heartbeat needs one")
    elif report.extra:
        report.extra.pop("to_state", None)
        report.extra.pop("state", None)
    if not report.extra:
        report.extra = None


def _more(report: Report, group: str, field: str, value: Any) -> None:
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


def _require_flat(value: Any, depth: int, at: int = 1) -> None:
    """Errors: BadBody where it is nested deeper than the service may."""
    if isinstance(value, dict | list):
        if at > depth:
            raise BadBody(400, f"the body is nested deeper than {depth}, the limit of this service")
        for inner in value.values() if isinstance(value, dict) else value:
            _require_flat(inner, depth, at + 1)


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
    bounded: dict[str, Any] = _bounded(value)
    return bounded


def _bounded(value: Any, depth: int = 3) -> Any:
    """The value without NULs. Errors: BadBody where it is nested too deep."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if depth > MOST_DEEP:
        raise BadBody(400, f"the body is nested deeper than {MOST_DEEP}")
    if isinstance(value, dict):
        return {key.replace("\x00", "\ufffd"): _bounded(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_bounded(inner, depth + 1) for inner in value]
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
    report.at_us = moment_us(value)


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
    if value not in _STATES:
        _more(report, "attributes", "native_state", value)


def _from_state(report: Report, value: Any) -> None:
    # What it came from may well be a word of ours: a service that saw itself go unknown.
    report.from_state = State.UNKNOWN if value == "unknown" else named_state(value)


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
        _more(report, "attributes", field, inner)


def _type(report: Report, value: Any) -> None:
    """Taken already: the other fields depend on it."""


_TYPES = frozenset(TYPES)
_FIELDS: dict[str, Callable[[Report, Any], None]] = {
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


def _checked(events: list[Any]) -> list[Any]:
    if len(events) > MOST_EVENTS:
        raise BadBody(413, f"the body holds {len(events)} events; at most {MOST_EVENTS} are taken")
    for index, event in enumerate(events):
        if not isinstance(event, dict):
            raise BadBody(400, f"event {index} is {shown(event)}; expected an object")
    return events


def _line(line: bytes) -> Any:
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadLine(f"the line is not JSON: {error}")


def shown(value: Any) -> str:
    """A value as a sentence may show it: short, on one line."""
    if isinstance(value, str):
        text = value if len(value) <= 60 else value[:57] + "…"
        return "'" + "".join(char if char.isprintable() else "�" for char in text) + "'"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return msgspec.json.encode(value).decode()[:60] if not isinstance(value, float) else repr(value)
