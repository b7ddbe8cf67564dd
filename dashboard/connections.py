"""Connections: uvicorn's HTTP protocol with bounds on what a stranger can make it hold: a request's head in size and time.

A connection that says nothing, or says its head a byte at a time, is cut; a head without an end is refused; so is cut
what goes on with a body that was answered already.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_WITHIN = 20.0  # s from the connection, or from the head's first bytes, to its end
MOST_HEAD = 64 << 10  # bytes, give or take what comes in one piece
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 34\r\n"
    b"connection: close\r\n\r\n"
    b"The request's header is too large."
)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that comes in one piece costs no timer."""

    _in_head = True
    _head_bytes = 0
    _cut: asyncio.TimerHandle | None = None
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection owes us a head."""
        super().connection_made(transport)
        self._cut = self.loop.call_later(HEAD_WITHIN, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is owed any more."""
        self._settle()
        self._forgive()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._forgive()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It is whole."""
        self._in_head = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Where the body is not over, its sender may have a moment to see the answer."""
        if self.cycle.more_body:
            self._late = self.loop.call_later(HEAD_WITHIN, self.transport.close)
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        """Look at the head after each piece."""
        super().data_received(data)
        if not self._in_head:
            self._settle()
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD:
            self.transport.write(TOO_LARGE)
            self.transport.close()
        elif self._cut is None:
            self._cut = self.loop.call_later(HEAD_WITHIN, self.transport.close)

    def _settle(self) -> None:
        self._head_bytes = 0
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None

    def _forgive(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
