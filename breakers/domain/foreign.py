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

from breakers.domain.reports import MOST_DEEP, MOST_EVENTS, BadBody, BadLine, shown

_LINES = re.compile(r"\r\n|\n|\r")
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
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadBody(400, f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    if kind is Body.JSON:
        found = _json(body)
    elif kind is Body.NDJSON:
        found = [_one(line) for line in text.split("\n") if line.strip()]
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
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unknown("bad_value", f"'{field}' is {shown(value)}; expected a number")
    return value


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
    if isinstance(item, BadLine):
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
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        return BadLine(f"{shown(line)} is not JSON: {error}")


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
