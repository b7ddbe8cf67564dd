"""Samples: what is shown of a refused request: the event that was meant, or the start of its body, redacted and cut."""

import zlib
from typing import Any

import msgspec

from breakers.domain.keeping import EVERYTHING, Keeping
from breakers.domain.reports import MARK

LENGTH = 1_000  # characters
# Looked at, so that no secret is cut in half before it is seen.
LOOKED_AT = 4 * LENGTH
# A body up to here is decoded to find the event.
DECODED = 64 << 10


def sample(body: bytes, encoding: str = "", index: int | None = None, keeping: Keeping = EVERYTHING) -> str:
    """Of `body` (its start may be all there is) the event at `index`, else its first characters. Never raises.

    keeping: what may be kept of the service's texts; nothing is shown where its messages are left out.
    """
    if not keeping.messages:
        return ""
    raw = _unpacked(body) if encoding.strip().lower() in ("gzip", "x-gzip") else body
    event = _event(raw, index) if index is not None else None
    if event is not None:
        text = msgspec.json.encode(keeping.attributes({"event": event}).value["event"]).decode()
    else:
        text = raw[: 4 * LOOKED_AT].removeprefix(MARK).decode("utf-8", "replace")
    text = keeping.kind(text[:LOOKED_AT])
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text[:LENGTH])


def _event(raw: bytes, index: int) -> Any:
    """The event of that index in a body of JSON or NDJSON; None: it can't be found."""
    if len(raw) > DECODED:
        return None
    raw = raw.removeprefix(MARK)
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        lines = [line for each in raw.split(b"\n") if (line := each.removeprefix(MARK)).strip()]
        try:
            return msgspec.json.decode(lines[index]) if len(lines) > 1 else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
            return None
    if isinstance(document, dict) and isinstance(document.get("events"), list):
        document = document["events"]
    events = document if isinstance(document, list) else [document]
    return events[index] if index < len(events) else None


def _unpacked(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(body, DECODED)
    except zlib.error:
        return body
