"""Bodies: reading what a client sends, bounded: on the wire, unpacked, and to the end when it is too large."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from breakers.domain.reports import BadBody

MOST_BYTES = 1 << 20
MOST_UNPACKED = 8 << 20
# A body that is too large is read and dropped up to here, so that its sender sees the answer.
MOST_DROPPED = 16 << 20
# Each member of a gzip body costs, however little is in it.
MOST_MEMBERS = 64
WITHIN = 60.0  # s for the whole body, however slowly it comes

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Disconnected(Exception):
    """The client went away before its body was whole."""


async def read(receive: Receive) -> bytes:
    """The whole body. Errors: BadBody 413 over 1 MiB, after the rest was dropped, 408 after a minute; Disconnected."""
    try:
        async with asyncio.timeout(WITHIN):
            return await _read(receive)
    except TimeoutError as error:
        raise BadBody(408, f"the body was not whole within {WITHIN:.0f} s") from error


async def _read(receive: Receive) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > MOST_BYTES:
            raise BadBody(413, _too_large(len(body)))
        return body
    chunks, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        size += len(message.get("body", b""))
        if size <= MOST_BYTES:
            chunks.append(message.get("body", b""))
        elif size > MOST_DROPPED:
            break
    if size > MOST_BYTES:
        raise BadBody(413, _too_large(size))
    return b"".join(chunks)


def unpacked(body: bytes, encoding: str) -> bytes:
    """The body without its content encoding: gzip, or none. Errors: BadBody 415, 400 (no gzip), 413 over 8 MiB."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise BadBody(415, f"the content encoding '{encoding[:60]}' is not taken; expected gzip or none")
    parts: list[bytes] = []
    room = MOST_UNPACKED
    rest = body
    try:
        while rest:
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            part = member.decompress(rest, room + 1)
            room -= len(part)
            if room < 0:
                raise BadBody(413, f"the body is larger than {MOST_UNPACKED:,} bytes unpacked")
            if not member.eof:
                raise BadBody(400, "the body is cut off: its gzip stream has no end")
            parts.append(part)
            if len(parts) > MOST_MEMBERS:
                raise BadBody(413, f"the body has more than {MOST_MEMBERS} gzip members")
            rest = member.unused_data
    except zlib.error as error:
        raise BadBody(400, f"the body is no gzip: {error}") from error
    return b"".join(parts)


def _too_large(size: int) -> str:
    return f"the body has {size:,} bytes; at most {MOST_BYTES:,} are taken"
