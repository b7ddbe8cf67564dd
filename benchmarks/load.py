"""Load: many connections that post one request after the other, cheaply enough not to be what is measured."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
import uvloop


@dataclass
class Run:
    """What one round measured."""

    requests: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def cpu_us(self) -> float:
        """CPU of the server's processes a request, in µs."""
        return 1e6 * self.cpu_s / self.requests if self.requests else 0.0

    def percentile_ms(self, share: float) -> float:
        """Latency in ms."""
        ordered = sorted(self.latencies)
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class _Client(asyncio.Protocol):
    """One connection: sends the next request when the last was answered, at a pace of its own where one is set."""

    def __init__(self, run: Run, make: Callable[[], bytes], until: float, pause: float) -> None:
        self._run, self._make, self._until, self._pause = run, make, until, pause
        self._left = -1
        self._head = b""
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if time.perf_counter() >= self._until:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._make())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            lower = self._head[:end].lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 : lower.find(b"\r\n", at) if lower.find(b"\r\n", at) > 0 else end])
            self._status = int(self._head[9:12])
            self._left = length - (len(self._head) - end - 4)
            self._head = b""
        else:
            self._left -= len(data)
        if self._left > 0:
            return
        self._left = -1
        run = self._run
        if self._status < 300:
            run.requests += 1
            run.latencies.append(time.perf_counter() - self._sent_at)
        else:
            run.errors[self._status] = run.errors.get(self._status, 0) + 1
        if self._pause:
            asyncio.get_running_loop().call_later(self._pause, self._send)
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def post_for(
    port: int, seconds: float, connections: int, make: Callable[[], bytes], server: psutil.Process, *, rate: float = 0
) -> Run:
    """Post for so long over so many connections; `rate`: in all so many a second, else as fast as answered."""

    async def load() -> Run:
        run = Run()
        begun = time.perf_counter()
        pause = connections / rate if rate else 0.0
        loop = asyncio.get_running_loop()
        made = [
            await loop.create_connection(lambda: _Client(run, make, begun + seconds, pause), "127.0.0.1", port)
            for _ in range(connections)
        ]
        await asyncio.wait([client.done for _, client in made], timeout=seconds + 10)
        run.seconds = time.perf_counter() - begun
        return run

    before = cpu_of(server)
    run = uvloop.run(load())
    run.cpu_s = cpu_of(server) - before
    return run


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of a process and its children so far."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        total += times.user + times.system
    return total
