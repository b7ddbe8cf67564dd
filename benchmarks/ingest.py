"""Ingest: one event a request, durable before the answer, beside a bare application on the same server (P1, P2).

    python -m benchmarks.ingest [--seconds 6] [--rounds 3] [--connections 64]

Floor and board take turns; medians over the rounds are compared, never one round with another's.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psutil

from benchmarks.load import Run, post_for
from benchmarks.stores import unhindered
from dashboard.serving import UVICORN
from tests.board import Board
from tests.postgres import postgres_server
from tests.servers import free_port, wait_for

BREAKERS, INSTANCES = 100, 3
ANSWER = b'{"accepted":1,"duplicates":0,"rejected":[],"commands":[]}'


async def floor(scope: Any, receive: Any, send: Any) -> None:
    """A bare ASGI application: reads the body, answers a constant."""
    if scope["type"] == "lifespan":
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def request(key: str) -> bytes:
    """One failure of one of 100 breakers × 3 instances, as a client sends it."""
    number = random.randrange(BREAKERS)
    event = {
        "id": str(uuid.uuid4()),
        "type": "failure",
        "breaker": f"breaker-{number}",
        "dependency": f"dependency-{number % 20}",
        "instance": f"instance-{random.randrange(INSTANCES)}",
        "sequence": time.monotonic_ns(),
        "occurred_at": datetime.now(UTC).isoformat(),
        "duration_ms": 12.5,
        "error": {"type": "ConnectTimeout", "message": "timed out after 1000 ms"},
    }
    body = json.dumps(event).encode()
    head = (
        "POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def ready_made(key: str, count: int = 20_000) -> Iterator[bytes]:
    """Requests made before the clock runs, in a circle only if they run out: ids are new in each round."""
    made = [request(key) for _ in range(count)]
    while True:
        yield from made
        made = [request(key) for _ in range(2_000)]


@contextmanager
def floor_server() -> Iterator[tuple[int, psutil.Process]]:
    """The floor, with the board's own server settings."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.ingest:floor", "--port", str(port), *UVICORN.split()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _listens(port), 15, "the floor to listen")
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


def measure(board: Board, seconds: float, rounds: int, connections: int) -> dict[str, Any]:
    """Floor and board in turns."""
    key = unhindered(board)
    web = board.part("web")
    runs: dict[str, list[Run]] = {"floor": [], "board": []}
    with floor_server() as (floor_port, floor_process):
        warm = ready_made(key, 2_000)
        post_for(board.port, 2, connections, warm.__next__, web)
        post_for(floor_port, 2, connections, warm.__next__, floor_process)
        for _ in range(rounds):
            source = ready_made(key, int(14_000 * seconds))
            runs["floor"].append(post_for(floor_port, seconds, connections, source.__next__, floor_process))
            source = ready_made(key, int(9_000 * seconds))
            runs["board"].append(post_for(board.port, seconds, connections, source.__next__, web))
        half = {
            "floor": post_for(floor_port, seconds, connections, ready_made(key).__next__, floor_process,
                              rate=_median(runs["board"], "rate") / 2),
            "board": post_for(board.port, seconds, connections, ready_made(key).__next__, web,
                              rate=_median(runs["board"], "rate") / 2),
        }  # fmt: skip
    return {"runs": runs, "half": half}


def _median(runs: list[Run], what: str) -> float:
    return statistics.median(getattr(run, what) for run in runs)


def report(name: str, measured: dict[str, Any]) -> None:
    """The rows of the table."""
    runs, half = measured["runs"], measured["half"]
    for who in ("floor", "board"):
        rates = ", ".join(f"{run.rate:,.0f}" for run in runs[who])
        print(
            f"| {name} {who} | {_median(runs[who], 'rate'):,.0f} ({rates}) | {_median(runs[who], 'cpu_us'):.0f} |"
            f" {statistics.median(run.percentile_ms(0.99) for run in runs[who]):.1f} | {half[who].percentile_ms(0.99):.1f} |"
        )
        errors = {status: count for run in runs[who] for status, count in run.errors.items()}
        if errors:
            print(f"  errors: {errors}")
    print(
        f"| {name} ratio | {_median(runs['board'], 'rate') / _median(runs['floor'], 'rate'):.0%} of the floor |"
        f" {_median(runs['board'], 'cpu_us') / _median(runs['floor'], 'cpu_us'):.2f} × | |"
        f" {half['board'].percentile_ms(0.99) / half['floor'].percentile_ms(0.99):.1f} × |"
    )


def _listens(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--store", choices=("sqlite", "postgresql", "both"), default="both")
    asked = parser.parse_args()
    print("| what | requests/s (rounds) | CPU µs a request | p99 ms, full | p99 ms, half load |")
    print("| --- | --- | --- | --- | --- |")
    if asked.store != "postgresql":
        with Board() as board:
            report("SQLite", measure(board, asked.seconds, asked.rounds, asked.connections))
    if asked.store != "sqlite":
        with postgres_server() as server, Board(DATABASE_URL=server.url) as board:
            report("PostgreSQL", measure(board, asked.seconds, asked.rounds, asked.connections))


if __name__ == "__main__":
    main()
