"""Readers: what reads the body of a post, by its path, its content type and its headers."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from breakers.domain import cloudevents, formats, reports
from breakers.domain.foreign import Body
from breakers.domain.reports import BadBody

EVENTS = "/api/v1/events"
JSON_TYPES = ("", "application/json", "text/json")
NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
KINDS = {
    **dict.fromkeys(JSON_TYPES, Body.JSON),
    **dict.fromkeys(NDJSON_TYPES, Body.NDJSON),
    "text/event-stream": Body.SSE,
}

Reader = Callable[[bytes], list[Any]]


def reader(path: str, headers: dict[bytes, bytes], query: bytes) -> Reader:
    """What reads this post's body. Errors: BadBody 404 (unknown format), 415."""
    kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if path != EVENTS:
        return _foreign(path.removeprefix(f"{EVENTS}/"), kind, query)
    if kind in JSON_TYPES or (kind.endswith("+json") and kind not in (cloudevents.STRUCTURED, cloudevents.BATCHED)):
        if b"ce-specversion" in headers or b"ce-id" in headers:
            return partial(cloudevents.read_binary, headers.items())
        return reports.read_json
    if kind in NDJSON_TYPES:
        return reports.read_ndjson
    if kind == cloudevents.STRUCTURED:
        return cloudevents.read_structured
    if kind == cloudevents.BATCHED:
        return cloudevents.read_batched
    raise _not_taken(kind, f"application/json, application/x-ndjson, {cloudevents.STRUCTURED} or {cloudevents.BATCHED}")


def _foreign(name: str, kind: str, query: bytes) -> Reader:
    taken = formats.bodies(name)
    body = KINDS.get(kind) or (Body.JSON if kind.endswith("+json") else None)
    if body is None or body not in taken:
        raise _not_taken(kind, " or ".join(each.value for each in taken))
    instance = parse_qs(query.decode("latin-1")).get("instance")
    return partial(formats.read, name, body, instance[-1] if instance else None)


def _not_taken(kind: str, expected: str) -> BadBody:
    return BadBody(415, f"the content type '{kind[:60]}' is not taken; expected {expected}")
