"""Express: connections that hand a plain post of events to the webhook at once, without a task, and write its answer.

The application says in its state what takes them (`webhook.express`). Everything else, and every post that it does not
take, goes the server's usual way, as if it had never been looked at.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from dashboard.connections import BoundedProtocol

PATH = b"/api/v1/events"
MOST = 64 << 10  # bytes; larger bodies are read by the application, piece by piece
# A body that comes in a second piece is waited for this long, then the application waits for it.
REST_WITHIN = 0.5  # s

Takes = Callable[[dict[str, Any], bytes, Callable[[int, bytes], None]], bool]


class _Nobody:
    """Nobody waits for more of this request."""

    def set(self) -> None:
        """Nothing to tell."""


class ExpressCycle:
    """What the server wants to know of a request under way."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")
    more_body = False
    message_event = _Nobody()

    def __init__(self) -> None:
        self.disconnected = self.response_complete = False
        self.keep_alive = True


class ExpressProtocol(BoundedProtocol):
    """One connection."""

    # A request whose head is here, and whose body is not yet whole.
    _held = False
    _body = b""
    _rest: asyncio.TimerHandle | None = None

    def on_headers_complete(self) -> None:
        """Hold a post of events until its body is whole."""
        if self.url == PATH and "express" in self.app_state and self._is_plain():
            self._in_head = False
            self._held, self._body = True, b""
            return
        super().on_headers_complete()

    def _is_plain(self) -> bool:
        """Whether nothing about it needs the server's care: it is alone on the connection, which stays open after it."""
        return (
            self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
        )

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._held:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > MOST:
            self._let_go()

    def on_message_complete(self) -> None:
        """The body is whole."""
        if self._held:
            cycle = ExpressCycle()
            takes: Takes = self.app_state["express"]
            scope: dict[str, Any] = {**self.scope, "method": "POST", "path": PATH.decode()}
            if takes(scope, self._body, partial(self._answer, cycle)):
                self._forget()
                self.cycle = cycle  # type: ignore[assignment]
                return
            self._let_go()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a body, for a moment."""
        super().data_received(data)
        if self._held and self._rest is None:
            self._rest = self.loop.call_later(REST_WITHIN, self._let_go)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more comes."""
        self._forget()
        super().connection_lost(exc)

    def _let_go(self) -> None:
        """The usual way after all, with what is here."""
        body = self._body
        self._forget()
        super().on_headers_complete()
        if body:
            super().on_body(body)

    def _forget(self) -> None:
        self._held, self._body = False, b""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _answer(self, cycle: ExpressCycle, status: int, rest: bytes) -> None:
        """Write the answer; `rest` is all after the server's own headers."""
        if cycle.disconnected or self.transport.is_closing():
            return
        own: list[Any] = [STATUS_LINE[status]]
        for name, value in self.server_state.default_headers:
            own += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            own.append(b"connection: close\r\n")
        self.transport.write(b"".join((*own, rest)))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()
