"""Connections that hand plain posts on at once: what they take, what they leave, and what is on the wire then."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from dashboard import express
from dashboard.express import ExpressProtocol

BODY = b'{"type":"failure","breaker":"payments"}'
ANSWER = b"content-length: 2\r\n\r\n{}"


class Wire(asyncio.Transport):
    """A transport that notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self) -> None:
        """Nothing to resume."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


class Stage:
    """One connection, the application behind it, and the express before it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.usual: list[bytes] = []
        self.taken: list[bytes] = []
        self.answers: list[Callable[[int, bytes], None]] = []
        self.takes = True
        config = Config(self._application, interface="asgi3", proxy_headers=False, lifespan="off", access_log=False)
        self.wire = Wire()
        self.protocol = ExpressProtocol(config, ServerState(), {"express": self._express}, self.loop)
        self.protocol.connection_made(self.wire)

    def _express(self, headers: list[tuple[bytes, bytes]], body: bytes, done: Callable[[int, bytes], None]) -> bool:
        if self.takes:
            self.taken.append(body)
            self.answers.append(done)
        return self.takes

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.usual.append(body)
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"usual"})

    def hears(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.data_received(piece)
        self.turn()

    def turn(self, seconds: float = 0.02) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def answer(self) -> None:
        self.answers.pop(0)(202, ANSWER)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.protocol.connection_lost(None)
    stage.loop.close()


def post(body: bytes = BODY, path: bytes = b"/api/v1/events", more: bytes = b"", method: bytes = b"POST") -> bytes:
    length = str(len(body)).encode()
    return (
        method
        + b" "
        + path
        + b" HTTP/1.1\r\nHost: board\r\n"
        + more
        + b"Content-Length: "
        + length
        + b"\r\n\r\n"
        + body
    )


def test_a_plain_post_goes_by_express(stage: Stage) -> None:
    stage.hears(post())
    assert (stage.taken, stage.usual, stage.wire.written) == ([BODY], [], b"")
    stage.answer()
    assert stage.wire.written == b"HTTP/1.1 202 Accepted\r\n" + ANSWER
    stage.hears(post(b"second"))
    assert stage.taken == [BODY, b"second"]


def test_what_it_does_not_take_goes_the_usual_way_whole(stage: Stage) -> None:
    stage.takes = False
    stage.hears(post())
    assert (stage.usual, stage.wire.written[-5:]) == ([BODY], b"usual")
    stage.takes = True
    stage.hears(post())
    assert stage.taken == [BODY]


@pytest.mark.parametrize(
    "request_",
    [
        post(path=b"/api/v1/events/envoy"),
        post(path=b"/api/v1/events?a=b"),
        post(method=b"PUT"),
        post(more=b"Connection: close\r\n"),
        post(more=b"Expect: 100-continue\r\n"),
        post(body=b"x" * (express.MOST + 1)),
        post().replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["format", "query", "method", "close", "expect", "large", "http/1.0"],
)
def test_anything_else_goes_the_usual_way(stage: Stage, request_: bytes) -> None:
    stage.hears(request_)
    assert (stage.taken, len(stage.usual)) == ([], 1)
    assert stage.usual[0] == request_.partition(b"\r\n\r\n")[2]


def test_a_body_in_two_pieces_is_waited_for(stage: Stage) -> None:
    whole = post()
    stage.hears(whole[:-10])
    assert stage.taken == []
    stage.hears(whole[-10:])
    assert (stage.taken, stage.usual) == ([BODY], [])


def test_a_slow_body_is_left_to_the_application(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(express, "REST_WITHIN", 0.01)
    whole = post()
    stage.hears(whole[:-10])
    stage.turn(0.05)
    stage.hears(whole[-10:])
    assert (stage.taken, stage.usual) == ([], [BODY])


def test_a_second_request_on_the_line_waits_for_the_first_answer(stage: Stage) -> None:
    stage.hears(post(b"first") + post(b"second"))
    assert (stage.taken, stage.usual, stage.wire.written) == ([b"first"], [], b"")
    stage.answer()
    stage.turn()
    assert stage.usual == [b"second"]
    assert stage.wire.written.startswith(b"HTTP/1.1 202 Accepted\r\n" + ANSWER + b"HTTP/1.1 202 Accepted\r\n")


def test_an_answer_to_nobody_is_dropped(stage: Stage) -> None:
    stage.hears(post())
    stage.protocol.connection_lost(None)
    stage.answer()
    assert stage.wire.written == b""


def test_a_server_that_stops_closes_after_the_answer(stage: Stage) -> None:
    stage.hears(post())
    stage.protocol.shutdown()
    assert not stage.wire.closed
    stage.answer()
    assert stage.wire.closed
    assert stage.wire.written == b"HTTP/1.1 202 Accepted\r\nconnection: close\r\n" + ANSWER
