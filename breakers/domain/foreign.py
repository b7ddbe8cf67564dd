"""Foreign: what the readers of other systems' messages share. Bytes in, JSON values out; no I/O, no clock.

A reader gives an event of ours for each thing that was sent, DROPPED where it is known and not needed, or a BadLine
where it is not known: nothing is guessed.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

import msgspec

from breakers.domain.reports import (
    DROPPED,
    MOST_DEEP,
    MOST_EVENTS,
    BadBody,
    BadLine,
    shown,
    unmarked,
    utf8,
)

_LINES = re.compile(r"\r\n|\n|\r")
# A number as text, as Java's and JavaScript's settings often are; a percentage keeps its sign.
_NUMBER = re.compile(r"\s*([+-]?\d{1,15}(?:\.\d{1,15})?)\s*%?\s*")
# What a stream says so that its connection stays open: as its data, as a line, or as the name of an event.
_KEEPS_ALIVE = frozenset({"ping", "pong", "heartbeat", "keepalive", "keep-alive"})
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode


class Body(Enum):
    """How a body holds its documents; the value is its content type."""

    JSON = "application/json"
    NDJSON = "application/x-ndjson"
    SSE = "text/event-stream"


class Unknown(Exception):
    """A shape that the format does not have; the message says what is wrong with it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def documents(body: bytes, kind: Body) -> list[Any]:
    """The JSON values of a body: the object or the array's elements, one a line, or the `data` of each server-sent event.

    A line or event that is no JSON becomes a BadLine. Errors: BadBody 400 (no JSON, no UTF-8, too deep), 413 (too many).
    """
    text = utf8(body)
    if kind is Body.JSON:
        found = _json(unmarked(body))
    elif kind is Body.NDJSON:
        found = [_one(line) for each in text.split("\n") if (line := each.removeprefix("\ufeff")).strip()]
    else:
        found = [_one(data) for data in _data(text)]
    for document in found:
        _not_too_deep(document, 2)
    return at_most(found)


def at_most(found: list[Any]) -> list[Any]:
    """The same. Errors: BadBody 413 where they are too many."""
    if len(found) > MOST_EVENTS:
        raise BadBody(413, f"the body holds {len(found)} events; at most {MOST_EVENTS} are taken")
    return found


def read_each(take: Callable[[Any], Any], found: Iterable[Any]) -> list[Any]:
    """What `take` makes of each; a BadLine where it does not know the shape."""
    return [_read(take, each) for each in found]


def without_keep_alives(found: Iterable[Any]) -> list[Any]:
    """The documents of a stream, with DROPPED in the place of those that only keep its connection open."""
    return [DROPPED if _is_keep_alive(each) else each for each in found]


def counting_repeats(made: list[Any]) -> list[Any]:
    """Events whose ids come from what they say: equal ones in one body happened as often as they are told.

    The same body again gives the same ids.
    """
    seen: dict[str, int] = {}
    for event in made:
        if not isinstance(event, dict) or "id" not in event:
            continue
        first = event["id"]
        times = seen[first] = seen.get(first, 0) + 1
        if times > 1:
            event["id"] = f"{first}:{times}"
    return made


def identity(name: str, instance: str | None, content: object) -> str:
    """An event's id where its format has none: the same content of the same instance is the same event."""
    return f"{name}:{hashlib.blake2b(_encode([name, instance, content]), digest_size=16).hexdigest()}"


def text(item: Mapping[str, Any], field: str) -> str:
    """A text that must be there. Errors: Unknown."""
    value = _there(item, field)
    if not isinstance(value, str):
        raise Unknown("bad_value", f"'{field}' is {shown(value)}; expected text")
    return value


def number(item: Mapping[str, Any], field: str) -> float:
    """A number that must be there. Errors: Unknown."""
    value = _there(item, field)
    found = as_number(value)
    if found is None:
        raise Unknown("bad_value", f"'{field}' is {shown(value)}; expected a number")
    return found


def as_number(value: Any) -> float | None:
    """A number, or a text that is one ("50", "50%"); None of anything else."""
    if isinstance(value, str):
        told = _NUMBER.fullmatch(value)
        return float(told[1]) if told else None
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value


def flag(item: Mapping[str, Any], field: str, default: bool | None = None) -> bool:
    """True or false; `default` where it is not there. Errors: Unknown."""
    value = item.get(field)
    if value is None and default is not None:
        return default
    value = _there(item, field)
    if not isinstance(value, bool):
        raise Unknown("bad_value", f"'{field}' is {shown(value)}; expected true or false")
    return value


def _there(item: Mapping[str, Any], field: str) -> Any:
    value = item.get(field)
    if value is None:
        raise Unknown("missing_field", f"'{field}' is missing")
    return value


def _read(take: Callable[[Any], Any], item: Any) -> Any:
    if isinstance(item, BadLine) or item is DROPPED:
        return item
    try:
        return take(item)
    except Unknown as unknown:
        return BadLine(str(unknown), unknown.code)


def _json(body: bytes) -> list[Any]:
    try:
        document = _decode(body)
    except msgspec.DecodeError as error:
        raise BadBody(400, f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise BadBody(400, f"the body is nested deeper than {MOST_DEEP}") from error
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        return [document]
    raise BadBody(400, f"the body is {shown(document)}; expected an object or an array of objects")


def _one(line: str) -> Any:
    word = line.strip().removeprefix("\ufeff").lower()
    # `ping: ` is what Hystrix's own servlet writes; a colon begins a comment.
    if word.removesuffix(":").rstrip() in _KEEPS_ALIVE or word.startswith(":"):
        return "ping"
    try:
        return _decode(line.removeprefix("\ufeff"))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return BadLine(f"{shown(line)} is not JSON: {error}")


def _is_keep_alive(document: Any) -> bool:
    """`{"type": "ping"}`, or the word alone."""
    told = document.get("type") if isinstance(document, dict) else document
    return isinstance(told, str) and told.strip().lower() in _KEEPS_ALIVE


def _data(text: str) -> Iterable[str]:
    """The data of server-sent events; the last may lack its blank line, for a stream is cut anywhere."""
    held: list[str] = []
    for line in [*_LINES.split(text.removeprefix("\ufeff")), ""]:
        if line.startswith("data:"):
            held.append(line[5:].removeprefix(" "))
        elif not line:
            if any(held):
                yield "\n".join(held)
            held = []


def _not_too_deep(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth > MOST_DEEP:
            raise BadBody(400, f"the body is nested deeper than {MOST_DEEP}")
        for inner in value.values() if isinstance(value, dict) else value:
            _not_too_deep(inner, depth + 1)
