"""A client that stops reading holds up nobody, costs a bounded amount, and starts again with a snapshot. On a real server."""

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from asgiref.sync import sync_to_async as threaded

from dashboard.live import upkeep
from dashboard.live.consumers import live_application
from dashboard.live.hub import hub
from dashboard.live.messages import raw
from dashboard.live.topics import Cursor
from dashboard.live.views import MOST_PENDING, Change
from tests.live.clients import until

BIG = 60_000  # bytes a frame
FULL = 12_000_000  # bytes: more than what two kernels keep for a socket


class TcpClient:
    """The socket's protocol by hand: a frame is read only when the test says so."""

    def __init__(self, port: int, token: str) -> None:
        self._token = token
        self._port = port
        self._line = socket.socket()
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._line.setblocking(False)

    async def connect(self) -> "TcpClient":
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._line, ("127.0.0.1", self._port))
        key = base64.b64encode(os.urandom(16)).decode()
        await loop.sock_sendall(
            self._line,
            f"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {self._token}\r\n\r\n".encode(),
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await loop.sock_recv(self._line, 1)
        assert answer.startswith(b"HTTP/1.1 101")
        return self

    async def send(self, **frame: Any) -> None:
        text = json.dumps(frame).encode()
        assert len(text) < 126
        await asyncio.get_running_loop().sock_sendall(self._line, bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)

    async def hear(self) -> dict[str, Any]:
        """The next frame that is no ping. Errors: ConnectionError where the server let go."""
        while True:
            opcode, body = await self._frame()
            if opcode == 8:
                raise ConnectionAbortedError(struct.unpack("!H", body[:2])[0])
            if opcode == 1 and (frame := json.loads(body))["op"] != "ping":
                return dict(frame)

    async def hear_all(self) -> None:
        """Read until the server lets go. Errors: ConnectionError."""
        while True:
            await self.hear()

    def close(self) -> None:
        self._line.close()

    async def _frame(self) -> tuple[int, bytes]:
        first, length = await self._exactly(2)
        if length == 126:
            [length] = struct.unpack("!H", await self._exactly(2))
        elif length == 127:
            [length] = struct.unpack("!Q", await self._exactly(8))
        return first & 15, await self._exactly(length)

    async def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._line, count - len(data)), 5)
            if not chunk:
                raise ConnectionResetError
            data += chunk
        return data


@pytest.fixture
async def port(live: None) -> AsyncIterator[int]:
    """The live socket on a real server, as it runs."""
    line = socket.socket()
    line.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        live_application, ws="websockets-sansio", lifespan="off", log_level="error", ws_per_message_deflate=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[line]))
    await until(lambda: server.started, "uvicorn")
    yield int(line.getsockname()[1])
    server.should_exit = server.force_exit = True
    await serving
    line.close()


@pytest.fixture
async def stuck(port: int, token: str) -> AsyncIterator[TcpClient]:
    """A client that subscribed, and reads no more."""
    client = await TcpClient(port, token).connect()
    await client.send(op="subscribe", topic="wall")
    assert (await client.hear())["op"] == "snapshot"
    yield client
    client.close()


async def fill() -> None:
    """Changes of many cards, until the socket takes no more."""
    [subscription] = {one for socket in hub.sockets for one in socket.subscriptions.values()}
    assert hub.place
    here = hub.place.cursor
    for number in range(FULL // BIG):
        change = Change(f"x{number % 1000}", here.version, raw({"id": f"x{number}", "padding": "x" * BIG}))
        subscription.view.publish(here, Cursor(here.epoch, here.version), [change])
        await asyncio.sleep(0)
        if subscription.socket.busy:
            return
    raise AssertionError("the socket took everything")


async def test_it_is_sent_a_snapshot_when_it_reads_again(
    port: int, stuck: TcpClient, token: str, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOST", 60)
    await fill()
    [slow] = hub.sockets
    subscription = slow.subscriptions["wall"]
    await threaded(opens)("payments")
    await until(lambda: subscription._pending, "the change to wait")
    here = hub.place.cursor  # type: ignore[union-attr]
    subscription.view.publish(here, here, [Change(f"y{n}", here.version, raw(n)) for n in range(MOST_PENDING + 1)])
    assert (subscription.needs_snapshot, len(subscription._pending)) == (True, 0)
    # Nobody else waits for it.
    quick = await TcpClient(port, token).connect()
    await quick.send(op="subscribe", topic="wall")
    await quick.hear()
    await threaded(opens)("search")
    assert [card["name"] for card in (await quick.hear())["data"]] == ["search"]
    quick.close()
    # It reads again: what was on its way, then one snapshot, then deltas.
    frame = await stuck.hear()
    while frame["op"] == "delta":
        frame = await stuck.hear()
    assert sorted(card["name"] for card in frame["data"]["items"]) == ["payments", "search"]
    await threaded(opens)("search", "closed")
    assert [(card["name"], card["state"]) for card in (await stuck.hear())["data"]] == [("search", "closed")]


async def test_a_short_stop_costs_only_the_frames_between(stuck: TcpClient, opens: Any) -> None:
    await fill()
    [slow] = hub.sockets
    for state in ("open", "half_open", "closed"):
        before = hub.place
        await threaded(opens)("payments", state)
        await until(lambda before=before: hub.place != before, "the hub")
    assert len(slow.subscriptions["wall"]._pending) == 1
    frame = await stuck.hear()
    while "padding" in frame["data"][0]:
        frame = await stuck.hear()
    assert [(card["name"], card["state"]) for card in frame["data"]] == [("payments", "closed")]
    assert frame["counts"] == {"closed": 1}


async def test_busy_for_too_long_it_starts_again(stuck: TcpClient, opens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "TOO_LONG", 0.1)
    await fill()
    [slow] = hub.sockets
    await until(lambda: slow.subscriptions["wall"].needs_snapshot, "the watch")
    frame = await stuck.hear()
    while frame["op"] == "delta":
        frame = await stuck.hear()
    assert frame["op"] == "snapshot"


async def test_one_that_never_reads_is_cut_off(stuck: TcpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "LOST", 0.3)
    monkeypatch.setattr("dashboard.live.sockets.CLOSING_TIME", 0.3)
    await fill()
    [slow] = hub.sockets
    await until(lambda: not hub.sockets, "the hub to let go")
    await until(lambda: not asyncio.all_tasks() & slow._tasks, "its tasks to end")
    with pytest.raises(ConnectionError):
        await stuck.hear_all()


async def test_one_that_reads_in_time_hears_why(stuck: TcpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "LOST", 0.3)
    await fill()
    await until(lambda: not hub.sockets, "the hub to let go")
    with pytest.raises(ConnectionAbortedError, match="1013"):
        await stuck.hear_all()
