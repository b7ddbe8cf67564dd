"""Problems: the body of every error answer (RFC 9457, `application/problem+json`)."""

from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from breakers.bodies import Send

CONTENT_TYPE = b"application/problem+json"


def problem(status: int, detail: str, **more: object) -> dict[str, object]:
    """The body of an error: `type`, `title`, `status`, `detail`, and more members by name."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}


def problem_json(status: int, detail: str, **more: object) -> bytes:
    """The same as bytes."""
    return msgspec.json.encode(problem(status, detail, **more))


async def send_problem(
    send: Send, status: int, detail: str, retry_after: int | None = None, allow: str | None = None, **more: object
) -> None:
    """The same as the answer to a request of an ASGI application."""
    body = problem_json(status, detail, **more)
    await send_answer(send, status, body, CONTENT_TYPE, _beside(status, retry_after, allow))


def written_problem(status: int, body: bytes, retry_after: int | None = None) -> bytes:
    """A problem's bytes as they stand on the wire (see `written`)."""
    return written(body, CONTENT_TYPE, _beside(status, retry_after))


def _beside(status: int, retry_after: int | None, allow: str | None = None) -> list[tuple[bytes, bytes]]:
    headers = []
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    if allow is not None:
        headers.append((b"allow", allow.encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


async def send_answer(
    send: Send, status: int, body: bytes, content_type: bytes, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """An answer of an ASGI application: for its asker alone, and nothing but what it says it is."""
    await send({"type": "http.response.start", "status": status, "headers": _told(body, content_type, headers)})
    await send({"type": "http.response.body", "body": body})


def written(body: bytes, content_type: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """The same as it stands on the wire, after the status line and the server's own headers."""
    told = b"".join(b"%s: %s\r\n" % header for header in _told(body, content_type, headers))
    return told + b"\r\n" + body


def _told(body: bytes, content_type: bytes, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
