"""Fan-out: from a post to the frame at the last browser, and what a delivery costs beside a bare loop of sends.

    python -m benchmarks.fanout [--sockets 100] [--seconds 10] [--rounds 3]

The board runs whole (key check, store, hub, Valkey) at 50 changes a second. The floor is an ASGI application on the same
server that sends frames of the same size at the same pace. CPU of a delivery is what one more of them costs the
thread that sends: many sockets against one, so that storing and reading the events is not counted.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from dashboard.serving import UVICORN
from tests.servers import free_port, valkey_server, wait_for

ROOT = Path(__file__).resolve().parent.parent
RATE = 50  # changes a second, each of another breaker
SOCKETS_A_TOKEN = 20
DECODED = 50  # sockets whose frames the clock looks into
COUNTED = 500  # sockets for the cost of a delivery: with fewer it drowns in the cost of storing


class Card(msgspec.Struct):
    """What the clock needs of a card."""

    name: str = ""
    state: str = ""


class Delta(msgspec.Struct):
    """A delta's cards."""

    data: list[Card]


@dataclass
class Load:
    """What one run measured."""

    latencies: list[float] = field(default_factory=list)
    deliveries: int = 0
    bytes: int = 0
    cpu_s: float = 0.0
    # Of the thread with the event loop: the one that sends.
    loop_cpu_s: float = 0.0
    seconds: float = 0.0
    sockets: int = 0


async def floor(scope: Any, receive: Any, send: Any) -> None:
    """A bare ASGI application: a loop of sends to all sockets, at an even pace."""
    if scope["type"] != "websocket":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await receive()
    await send({"type": "websocket.accept"})
    if not _floor_sends:
        _floor_tasks.append(asyncio.create_task(_send_to_all()))
    _floor_sends.append(send)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    _floor_sends.remove(send)


_floor_sends: list[Any] = []
_floor_tasks: list[asyncio.Task[None]] = []


async def _send_to_all() -> None:
    text = json.dumps({"op": "delta", "data": [], "padding": "x" * int(os.environ["FRAME_BYTES"])})
    while True:
        for send in tuple(_floor_sends):
            await send({"type": "websocket.send", "text": text})
        await asyncio.sleep(float(os.environ["FRAME_EVERY"]))


@contextmanager
def server(application: str, **environ: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """That application as the board's web process runs it."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        application,
        "--port",
        str(port),
        *UVICORN.split(),
        "--log-level",
        "error",
    ]
    lifespan = ["--lifespan", "off"] if "floor" in application else []
    process = subprocess.Popen([*command, *lifespan], env={**os.environ, **environ}, cwd=ROOT)
    try:
        wait_for(lambda: _listens(port), 30, "the server")
        yield process, port
    finally:
        process.terminate()
        process.wait(20)


def measure_floor(sockets: int, seconds: float, like: Load) -> Load:
    """The bare loop, with frames of the size and at the pace of another run's."""
    size, each = like.bytes // like.deliveries, like.seconds * like.sockets / like.deliveries
    with server("benchmarks.fanout:floor", FRAME_BYTES=str(size), FRAME_EVERY=str(each)) as (process, port):
        return asyncio.run(_listen(port, [None] * sockets, seconds, process.pid, None))


def measure_board(sockets: int, seconds: float) -> Load:
    """The board, with everything on, in a directory of its own."""
    with tempfile.TemporaryDirectory() as directory, valkey_server(Path(directory)) as redis:
        environ = {"DATA_DIR": directory, "REDIS_URL": redis.url, "DATABASE_URL": ""}
        _manage(environ, "migrate", "-v0")
        key = _manage(environ, "service", "add", "shop", "--json")["key"]
        tokens = [
            _manage(environ, "token", "add", f"looker-{n}", "--role", "viewer", "--json")["token"]
            for n in range(-(-sockets // SOCKETS_A_TOKEN))
        ]
        with server("dashboard.asgi:application", **environ) as (process, port):
            lookers = [tokens[n // SOCKETS_A_TOKEN] for n in range(sockets)]
            return asyncio.run(_listen(port, lookers, seconds, process.pid, key))


async def _listen(port: int, tokens: list[str | None], seconds: float, pid: int, key: str | None) -> Load:
    load, posted = Load(), dict[tuple[str, str], float]()
    lines = [await Line.open(port, token) for token in tokens]
    every = max(1, len(lines) // DECODED)
    readers = [asyncio.create_task(_read(line, load, posted, n % every == 0)) for n, line in enumerate(lines)]
    poster = asyncio.create_task(asyncio.to_thread(_post, port, key, posted, seconds + 3)) if key else None
    if key:
        for line in lines:
            await line.say('{"op": "subscribe", "topic": "wall"}')
    await asyncio.sleep(2)  # until all breakers are known and the first snapshots are out
    load.latencies.clear()
    load.deliveries = load.bytes = 0
    cpu, loop_cpu, began = _cpu_s(pid), _thread_cpu_s(pid, pid), time.perf_counter()
    await asyncio.sleep(seconds)
    load.cpu_s, load.loop_cpu_s = _cpu_s(pid) - cpu, _thread_cpu_s(pid, pid) - loop_cpu
    load.seconds = time.perf_counter() - began
    measured = replace(load, latencies=load.latencies[:], sockets=len(lines))
    if poster:
        await poster
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    for line in lines:
        line.close()
    return measured


async def _read(line: "Line", load: Load, posted: dict[tuple[str, str], float], decoded: bool) -> None:
    decode = msgspec.json.Decoder(Delta).decode
    while True:
        payload = await line.frame()
        now = time.perf_counter()
        load.deliveries += 1
        load.bytes += len(payload)
        if not decoded or not payload.startswith(b'{"op":"delta"'):
            continue
        for card in decode(payload).data:
            began = posted.get((card.name, card.state))
            if began is not None:
                load.latencies.append(now - began)


class Line:
    """A client that costs little, so that the machine is the server's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, token: str | None) -> "Line":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        credential = f"Authorization: Bearer {token}\r\n" if token else ""
        writer.write(
            f"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n{credential}\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer:
            raise ConnectionError(answer.decode())
        return cls(reader, writer)

    async def say(self, text: str) -> None:
        data = text.encode()
        self._writer.write(bytes([0x81, 0x80 | len(data)]) + bytes(4) + data)
        await self._writer.drain()

    async def frame(self) -> bytes:
        """The next text frame; pings are answered."""
        while True:
            first, length = await self._reader.readexactly(2)
            if length == 126:
                length = int.from_bytes(await self._reader.readexactly(2))
            elif length == 127:
                length = int.from_bytes(await self._reader.readexactly(8))
            payload = await self._reader.readexactly(length)
            if first & 15 == 1:
                return payload
            if first & 15 == 9:
                self._writer.write(bytes([0x8A, 0x80 | len(payload)]) + bytes(4) + payload)
            elif first & 15 == 8:
                raise ConnectionError(f"closed: {int.from_bytes(payload[:2])}")

    def close(self) -> None:
        self._writer.close()


def _post(port: int, key: str, posted: dict[tuple[str, str], float], seconds: float) -> None:
    """Each breaker changes once a second, open and closed in turn, at even times."""
    began = time.perf_counter()
    for number in range(int(seconds * RATE)):
        name, state = f"breaker-{number % RATE}", ("open", "closed")[number // RATE % 2]
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        body = json.dumps({"type": "state_change", "breaker": name, "to_state": state}).encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        posted.pop((name, "closed" if state == "open" else "open"), None)
        posted[name, state] = time.perf_counter()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/events", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()


def _manage(environ: dict[str, str], *command: str) -> Any:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, **environ},
        check=True,
        capture_output=True,
    )
    return json.loads(done.stdout.splitlines()[-1]) if "--json" in command else None


def _cpu_s(pid: int) -> float:
    return sum(_thread_cpu_s(pid, int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir())


def _thread_cpu_s(pid: int, thread: int) -> float:
    return int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9


def _listens(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def main() -> None:
    """Floor and board in turn, so that both see the same machine."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    arguments.add_argument("--sockets", type=int, default=100)
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    costs, ratios, p50s, p99s = [], [], [], []
    for _ in range(asked.rounds):
        told = measure_board(asked.sockets, asked.seconds)
        many = told if asked.sockets >= COUNTED else measure_board(COUNTED, asked.seconds)
        one = measure_board(1, asked.seconds)
        bare, bare_one = measure_floor(many.sockets, asked.seconds, many), measure_floor(1, asked.seconds, one)
        cost, floor_cost = _marginal_us(many, one), _marginal_us(bare, bare_one)
        costs.append(cost)
        ratios.append(cost / floor_cost)
        cuts = statistics.quantiles(told.latencies, n=100)
        p50s.append(cuts[49] * 1000)
        p99s.append(cuts[98] * 1000)
        print(
            f"  {asked.sockets} sockets: {told.deliveries / told.seconds:.0f} frames/s of {told.bytes // told.deliveries} B,"
            f" p50 {p50s[-1]:.0f} ms, p99 {p99s[-1]:.0f} ms, web process {100 * told.cpu_s / told.seconds:.0f} % of a core;"
            f" {cost:.1f} µs a delivery at {many.sockets}, floor {floor_cost:.1f} µs",
            file=sys.stderr,
        )
    limit = 100 if asked.sockets <= 100 else 250
    print(
        f"| P6 | post to frame, {asked.sockets} sockets, {RATE} changes/s | p50 {statistics.median(p50s):.0f} ms,"
        f" p99 {statistics.median(p99s):.0f} ms (at most {limit}) | {statistics.median(costs):.0f} µs CPU a delivery,"
        f" {statistics.median(ratios):.1f} × a bare loop of sends (at most 2) |"
    )


def _marginal_us(many: Load, one: Load) -> float:
    extra = many.deliveries / many.seconds - one.deliveries / one.seconds
    return 1e6 * (many.loop_cpu_s / many.seconds - one.loop_cpu_s / one.seconds) / extra


if __name__ == "__main__":
    main()
