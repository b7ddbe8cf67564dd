"""Reports: what a service posted. The shapes of it, and bytes into events, still unchecked; no I/O, no clock.

A body that can't be read at all raises BadBody (the whole request fails); an event that can't be taken becomes a
Refusal with its index, and the others are taken.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from breakers.domain.retention import DEFAULTS
from breakers.domain.states import REPORTABLE, State

NAME_LENGTH = 200
TEXT_LENGTH = 2_048
MOST_DEEP = 32
MOST_EVENTS = 1_000
MOST_LABELS = 32
LARGEST = 1e15  # of any number that is drawn or written out
# How long raw events are kept where nothing else is set; older ones are not taken.
KEPT = timedelta(days=DEFAULTS["events"])

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
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}")
_STATES = {str(state): state for state in REPORTABLE}
_BETWEEN = re.compile(r"[-_\s]+")
# What Windows writes before a text; it says nothing.
MARK = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


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


class Report(msgspec.Struct):
    """One event as posted, checked. Times in microseconds since 1970; None is "not told"."""

    index: int
    type: str
    breaker: str
    at_us: int
    # `occurred_at` as it was told, perhaps in the future; `at_us` is never later than the receipt.
    told_us: int | None = None
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
    # Of a monitoring system's alert: which one, and whether it fires; `state` follows from all of the instance's.
    alert: bytes | None = None
    fires: bool = False


class Batch(msgspec.Struct):
    """The reports of one body, in its order, what was refused of it, and how many of it are not needed."""

    reports: list[Report]
    refusals: list[Refusal]
    sent: int
    dropped: int = 0
    alerts: bool = False


_decode = msgspec.json.Decoder().decode


def read_json(body: bytes) -> list[Any]:
    """The events of a JSON body: one object, `{"events": […]}`, or an array. Errors: BadBody 400, 413."""
    body = unmarked(body)
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
    utf8(body)
    # Files that were put together keep the mark of each.
    lines = [line for each in body.split(b"\n") if (line := each.removeprefix(MARK)).strip()]
    if len(lines) > MOST_EVENTS:
        raise BadBody(413, f"the body holds {len(lines)} events; at most {MOST_EVENTS} are taken")
    return [_line(line) for line in lines]


class BadLine(msgspec.Struct):
    """What stands where an event should: a line of NDJSON that is not JSON, a shape that a foreign format has not."""

    detail: str
    code: str = "bad_json"


class Alert(dict[str, Any]):
    """An event that tells of a monitoring system's alert: which one it is, and whether it fires."""

    def __init__(self, event: dict[str, Any], alert: bytes, *, fires: bool) -> None:
        super().__init__(event)
        self.alert, self.fires = alert, fires


# Stands for what a foreign format knows and we do not need: taken, and not kept.
DROPPED = object()


def key_of(text: str) -> bytes:
    """The 16 bytes that stand for an event's id: its UUID's own, else a hash of the text."""
    if _UUID.fullmatch(text):
        return bytes.fromhex(text.replace("-", ""))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def unmarked(body: bytes) -> bytes:
    """The body without the byte order mark before it. Errors: BadBody 400 where the mark says that it is UTF-16."""
    if body.startswith(MARK):
        return body[3:]
    if body.startswith(UTF_16):
        raise BadBody(400, "the body is not UTF-8: its byte order mark says UTF-16")
    return body


def utf8(body: bytes) -> str:
    """The body as text, without a byte order mark. Errors: BadBody 400."""
    try:
        return unmarked(body).decode()
    except UnicodeDecodeError as error:
        raise BadBody(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from error


def moment_us(text: str) -> int:
    """Microseconds since 1970 of an RFC 3339 time. Errors: ValueError with a sentence."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError(f"{shown(text)} is no RFC 3339 time; expected one like 2026-11-23T08:00:00.123Z")
    try:
        # A leap second is drawn at the second before it. In UTC first: an offset can lead out of all years, and to no way back.
        at = datetime.fromisoformat(text.upper().replace(":60", ":59")).astimezone(UTC)
        return (at - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{shown(text)} is no RFC 3339 time: {error}") from error


def named_state(value: Any) -> State:
    """A state that a service may post, however it spells it. Errors: ValueError with a sentence."""
    if isinstance(value, str):
        state = _STATES.get(value) or _STATES_FOLDED.get(folded(value))
        if state is not None:
            return state
    raise ValueError(f"unknown state {shown(value)}; expected one of {', '.join(_STATES)}")


def named_type(value: str) -> str | None:
    """The type of event that is meant, however it is spelt; None where there is no such type."""
    return _TYPES_FOLDED.get(folded(value))


def folded(word: str) -> str:
    """A word without what its spelling adds: case, `-`, `_` and spaces do not matter."""
    return _BETWEEN.sub("", word[:NAME_LENGTH]).lower()


_STATES_FOLDED = {folded(state): state for state in REPORTABLE}
_TYPES_FOLDED = {folded(each): each for each in TYPES}


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
