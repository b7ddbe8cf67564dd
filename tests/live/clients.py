"""Clients of the live socket, for tests: one inside the event loop, and one by hand on a TCP connection."""

import asyncio
import json
from typing import Any

from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from dashboard.live.consumers import live_application

LIMIT = 5.0  # s


class Refused(Exception):
    """The handshake ended in 403."""


class Closed(Exception):
    """The server closed the socket, with this code."""

    @property
    def code(self) -> int:
        return int(self.args[0])


class Client:
    """A browser or a script at the socket."""

    def __init__(
        self,
        *,
        token: str | None = None,
        session: str | None = None,
        cookie: str | None = None,
        origin: str | None = None,
        host: str = "127.0.0.1:8000",
        path: str = "/ws/live/",
        scheme: str = "ws",
    ) -> None:
        headers = [(b"host", host.encode())]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        if session:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={session}".encode()))
        if cookie:
            headers.append((b"cookie", cookie.encode()))
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        scope = {
            "type": "websocket",
            "scheme": scheme,
            "path": path,
            "headers": headers,
            "query_string": b"",
            "subprotocols": [],
        }
        # Channels' own WebsocketCommunicator can't be imported without daphne.
        self._line = ApplicationCommunicator(live_application, scope)
        self.pings: list[dict[str, Any]] = []

    async def connect(self) -> "Client":
        await self._line.send_input({"type": "websocket.connect"})
        if (await self._line.receive_output(LIMIT))["type"] != "websocket.accept":
            raise Refused
        return self

    async def close(self) -> None:
        await self._line.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._line.wait(LIMIT)

    async def send(self, **frame: Any) -> None:
        await self.send_raw(json.dumps(frame))

    async def send_raw(self, text: str | None = None, data: bytes | None = None) -> None:
        await self._line.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def hear(self, op: str | None = None, timeout: float = LIMIT) -> dict[str, Any]:
        """The next frame that is no ping (or the next of a kind). Errors: Closed."""
        while True:
            output = await self._line.receive_output(timeout)
            if output["type"] == "websocket.close":
                raise Closed(output["code"])
            frame: dict[str, Any] = json.loads(output["text"])
            if op in (None, frame["op"]) and not (op is None and frame["op"] == "ping"):
                return frame

    async def hears_nothing(self, seconds: float = 0.4) -> bool:
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            if (
                not await self._line.receive_nothing(0.05)
                and (await self._line.receive_output(LIMIT))["text"].find('"ping"') < 0
            ):
                return False
        return True

    async def heard(self) -> list[dict[str, Any]]:
        """All frames but pings that are here now."""
        frames = []
        while not await self._line.receive_nothing(0.01):
            frames.append(json.loads((await self._line.receive_output(LIMIT))["text"]))
        return [frame for frame in frames if frame["op"] != "ping"]

    async def subscribe(self, topic: str = "wall", **more: Any) -> dict[str, Any]:
        """Subscribe, and return what answers."""
        await self.send(op="subscribe", topic=topic, **more)
        return await self.hear()

    async def closes(self) -> int:
        """The code that the server closes with."""
        try:
            while True:
                await self.hear()
        except Closed as closed:
            return closed.code


async def until(look: Any, what: str, seconds: float = LIMIT) -> None:
    """Wait for a condition."""
    end = asyncio.get_running_loop().time() + seconds
    while not look():
        if asyncio.get_running_loop().time() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        await asyncio.sleep(0.01)
