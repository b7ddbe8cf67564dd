"""CloudEvents 1.0: an envelope around one event of ours. Structured and batched in the body, binary in the headers.

`data` is the event, its id comes from `source` and `id` together, and `time` is its `occurred_at` where it has none.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import msgspec

from breakers.domain import foreign
from breakers.domain.foreign import Body, Unknown, read_each, text
from breakers.domain.reports import BadBody, shown, unmarked

STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
VERSION = "1.0"
PREFIX = b"ce-"
JSON_TYPES = ("application/json", "text/json")
# What is taken from the envelope, or said of the data alone; the rest is kept.
USED = {"data", "data_base64", "datacontenttype", "dataschema", "specversion", "time"}


def read_structured(body: bytes) -> list[Any]:
    """The event of one CloudEvent. Errors: BadBody 400 where the body is no object."""
    return read_each(_event, _documents(body, dict))


def read_batched(body: bytes) -> list[Any]:
    """The events of an array of CloudEvents. Errors: BadBody 400 where the body is no array, 413."""
    return read_each(_event, _documents(body, list))


def read_binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> list[Any]:
    """The body is the event, the envelope is in the headers `ce-…`. Errors: BadBody 400."""
    envelope: dict[str, Any] = {
        name.removeprefix(PREFIX).decode("latin-1"): _header(value)
        for name, value in headers
        if name.startswith(PREFIX)
    }
    return read_each(lambda data: _event({**envelope, "data": data}), _documents(body, dict))


def _documents(body: bytes, shape: type) -> list[Any]:
    is_array = unmarked(body).lstrip()[:1] == b"["
    if is_array is not (shape is list):
        found, expected = ("an array", "an object") if is_array else ("no array", "an array of CloudEvents")
        raise BadBody(400, f"the body is {found}; expected {expected}")
    return foreign.documents(body, Body.JSON)


def _event(envelope: Any) -> dict[str, Any]:
    if not isinstance(envelope, dict):
        raise Unknown("unknown_shape", f"{shown(envelope)} is no object; expected a CloudEvent")
    version = text(envelope, "specversion")
    if version != VERSION:
        raise Unknown("bad_value", f"'specversion' is {shown(version)}; expected '{VERSION}'")
    source, identifier, _ = text(envelope, "source"), text(envelope, "id"), text(envelope, "type")
    event = {**_data(envelope), "id": foreign.identity("cloudevents", source, identifier)}
    if event.get("occurred_at") is None and envelope.get("time") is not None:
        event["occurred_at"] = envelope["time"]
    attributes = event.get("attributes")
    if attributes is None or isinstance(attributes, dict):
        kept = {name: value for name, value in envelope.items() if name not in USED}
        event["attributes"] = {**(attributes or {}), "cloudevent": kept}
    return event


def _data(envelope: dict[str, Any]) -> dict[str, Any]:
    kind = envelope.get("datacontenttype") or "application/json"
    media = kind.partition(";")[0].strip().lower() if isinstance(kind, str) else ""
    if media not in JSON_TYPES and not media.endswith("+json"):
        raise Unknown("bad_value", f"'datacontenttype' is {shown(kind)}; expected application/json")
    data = envelope.get("data")
    if data is None and envelope.get("data_base64") is not None:
        data = _unpacked(text(envelope, "data_base64"))
    if not isinstance(data, dict):
        raise Unknown("unknown_shape", f"'data' is {shown(data)}; expected an event")
    return data


def _unpacked(packed: str) -> Any:
    try:
        return msgspec.json.decode(unmarked(base64.b64decode(packed, validate=True)))
    except (BadBody, binascii.Error, ValueError, RecursionError) as error:
        raise Unknown("bad_value", f"'data_base64' holds no JSON: {error}") from error


def _header(value: bytes) -> str:
    """Headers are quoted where a blank asks for it, and percent-encoded where a letter is not ASCII."""
    told = value.decode("latin-1").strip()
    if len(told) > 1 and told.startswith('"') and told.endswith('"'):
        told = told[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return unquote(told, errors="replace")
