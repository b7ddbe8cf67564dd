"""Coming back: a restart under a thousand open sockets, and what one cursor costs the store.

    python -m benchmarks.comeback [--sockets 1000] [--breakers 5000] [--seconds 5]

The web process is told to stop (SIGTERM, each socket is closed with 1012) and started again, while 50 changes a second are
posted before and after. Each client comes back as the page does: after a random part of 5 s, with its cursor, and again where
nobody listens yet. Every change is of another breaker, so that who comes late knows of it by the cursor alone. Every twentieth
client is a witness: at the end it must have the newest version of every breaker that changed.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import psutil

from benchmarks.fanout import ROOT, SOCKETS_A_TOKEN, Line, _listens, _manage
from dashboard.serving import UVICORN
from tests.servers import free_port, valkey_server, wait_for

SPREAD = 5.0  # s over which clients come back, as static/js/live/socket.js has it
RATE = 50  # changes a second
LIMIT = 8  # cards of a wall of thousands
WITNESSES = 20  # every so many sockets
FILL = 500  # events a request


class Item(msgspec.Struct):
    """What a witness keeps of a card."""

    id: str
    version: int


class Frame(msgspec.Struct):
    """What every client keeps of a frame."""

    op: str
    cursor: str = ""


class Told(msgspec.Struct):
    """A delta's cards."""

    data: list[Item]


class Looker:
    """One client, over all its connections."""

    def __init__(self, port: int, token: str, witness: bool) -> None:
        self.port, self.token, self.witness = port, token, witness
        self.cursor = ""
        self.versions: dict[str, int] = {}
        self.answers: list[str] = []
        # From the handshake to the answer to the cursor, and the tries that found nobody.
        self.took = 0.0
        self.tries = 0
        self.current_at = 0.0

    async def look(self) -> None:
        """Connect, subscribe, listen; come back when it is closed."""
        while True:
            try:
                began = time.perf_counter()
                line = await Line.open(self.port, self.token)
            except (OSError, asyncio.IncompleteReadError):
                self.tries += 1
                await asyncio.sleep(random.random())
                continue
            cursor = f', "cursor": "{self.cursor}"' if self.cursor else ""
            await line.say(f'{{"op": "subscribe", "topic": "wall", "limit": {LIMIT}{cursor}}}')
            first = True
            try:
                while True:
                    payload = await line.frame()
                    frame = _frame(payload)
                    if frame.op == "ping":
                        continue
                    self.cursor = frame.cursor
                    if first:
                        first = False
                        self.answers.append(frame.op)
                        self.current_at = time.perf_counter()
                        self.took = self.current_at - began
                    if self.witness and frame.op == "delta":
                        for item in _told(payload).data:
                            self.versions[item.id] = max(item.version, self.versions.get(item.id, 0))
            except (OSError, asyncio.IncompleteReadError):
                line.close()
                await asyncio.sleep(random.random() * SPREAD)


_frame = msgspec.json.Decoder(Frame).decode
_told = msgspec.json.Decoder(Told).decode


def main() -> None:
    """Fill a board, look at it a thousand times, restart it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=1_000)
    parser.add_argument("--breakers", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, valkey_server(Path(directory)) as redis:
        environ = {"DATA_DIR": directory, "REDIS_URL": redis.url, "DATABASE_URL": "", "LOG_LEVEL": "ERROR"}
        _manage(environ, "migrate", "-v0")
        key = _manage(environ, "service", "add", "shop", "--json")["key"]
        tokens = [
            _manage(environ, "token", "add", f"looker-{n}", "--role", "viewer", "--json")["token"]
            for n in range(-(-asked.sockets // SOCKETS_A_TOKEN))
        ]
        port = free_port()
        asyncio.run(_restart(environ, port, key, tokens, asked))
        costs = subprocess.run(
            [sys.executable, "-m", "benchmarks.comeback_costs"],
            cwd=ROOT,
            env=psutil.Process().environ() | environ,
            check=True,
            capture_output=True,
            text=True,
        )
        print(costs.stdout, end="")


async def _restart(environ: dict[str, str], port: int, key: str, tokens: list[str], asked: Any) -> None:
    web = _start(environ, port)
    try:
        await asyncio.to_thread(_fill, port, key, asked.breakers)
        lookers = [Looker(port, tokens[n // SOCKETS_A_TOKEN], n % WITNESSES == 0) for n in range(asked.sockets)]
        tasks = []
        for looker in lookers:
            tasks.append(asyncio.create_task(looker.look()))
            await asyncio.sleep(0.002)
        await _until(lambda: all(looker.answers for looker in lookers), "all to look")
        await asyncio.to_thread(_change, port, key, asked.seconds, "open")
        memory = psutil.Process(web.pid).memory_info().rss / 2**20
        stopped = time.perf_counter()
        await asyncio.to_thread(_stop, web)
        down = time.perf_counter()
        web = await asyncio.to_thread(_start, environ, port)
        up = time.perf_counter()
        await asyncio.to_thread(_change, port, key, asked.seconds, "closed")
        await _until(lambda: all(len(looker.answers) > 1 for looker in lookers), "all to be back")
        cpu = sum(psutil.Process(web.pid).cpu_times()[:2])
        newest = await asyncio.to_thread(_versions, port, tokens[0], int(asked.seconds * RATE))
        witnesses = [looker for looker in lookers if looker.witness]
        await _until(lambda: all(_knows(looker, newest) for looker in witnesses), "the witnesses to know everything")
        last = max(looker.current_at for looker in lookers)
        took = sorted(looker.took * 1e3 for looker in lookers)
        answers = [looker.answers[1] for looker in lookers]
        print(
            f"{asked.sockets} sockets, {asked.breakers} breakers; the web process before the restart: {memory:.0f} MiB\n"
            f"stopped in {down - stopped:.1f} s, up again after {up - down:.1f} s; the last client was current {last - up:.1f} s later"
            f" (they spread over {SPREAD:.0f} s)\n"
            f"handshake to answer: p50 {took[len(took) // 2]:.0f} ms, p99 {took[len(took) * 99 // 100]:.0f} ms;"
            f" CPU of the new process until all were back {cpu:.1f} s\n"
            f"answers: {answers.count('delta')} resumed, {answers.count('snapshot')} snapshots;"
            f" {len(witnesses)} witnesses have all {len(newest)} newest versions"
        )
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        _stop(web)


def _knows(looker: Looker, newest: dict[str, int]) -> bool:
    return all(looker.versions.get(id, 0) >= version for id, version in newest.items())


async def _until(look: Any, what: str, seconds: float = 60) -> None:
    end = time.perf_counter() + seconds
    while not look():
        if time.perf_counter() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        await asyncio.sleep(0.05)


def _start(environ: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", "--port", str(port), *UVICORN.split()]
    process = subprocess.Popen([*command, "--log-level", "error"], env=psutil.Process().environ() | environ, cwd=ROOT)
    wait_for(lambda: _listens(port), 30, "the server")
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def _fill(port: int, key: str, breakers: int) -> None:
    for start in range(0, breakers, FILL):
        some = range(start, min(start + FILL, breakers))
        _post(
            port, key, [{"type": "heartbeat", "breaker": f"b-{n}", "state": "closed", "interval_s": 3600} for n in some]
        )


def _change(port: int, key: str, seconds: float, state: str) -> None:
    began = time.perf_counter()
    for number in range(int(seconds * RATE)):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        _post(port, key, [{"type": "state_change", "breaker": f"b-{number}", "to_state": state}])


def _post(port: int, key: str, events: list[dict[str, Any]]) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/events", json.dumps({"events": events}).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()


def _versions(port: int, token: str, changed: int) -> dict[str, int]:
    """The newest version of each breaker that changed."""
    found: dict[str, int] = {}
    cursor: str | None = ""
    names = {f"b-{n}" for n in range(changed)}
    while cursor is not None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/breakers?limit=200&cursor={cursor}",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.load(answer)
        found |= {card["id"]: card["version"] for card in told["items"] if card["name"] in names}
        cursor = told["next"]
    return found


if __name__ == "__main__":
    main()
