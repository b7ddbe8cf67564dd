"""Batches: 500 events a request, over few breakers, over many, and all at one of them (P3, P4).

    python -m benchmarks.batches [--seconds 6] [--breakers 5000] [--copies 5] [--store both]

Over HTTP against the board as it runs; CPU is the web process's own (on PostgreSQL without the server's). Then: how long
single posts to other breakers take while one breaker gets batches as fast as they are taken, and while it gets none.
"""

import argparse
import itertools
import json
import random
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import stores
from benchmarks.ingest import request
from benchmarks.load import Run, post_for
from benchmarks.stores import unhindered
from tests.board import Board
from tests.postgres import postgres_server

BATCH = 500
CONNECTIONS = 4
PROBES = 4


def body_of(key: str, events: list[dict[str, Any]]) -> bytes:
    """One request that posts these."""
    body = json.dumps({"events": events}).encode()
    head = (
        "POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def event(breaker: int, copy: int) -> dict[str, Any]:
    """One failure."""
    return {
        "id": str(uuid.uuid4()),
        "type": "failure",
        "breaker": f"breaker-{breaker}",
        "instance": f"instance-{copy}",
        "duration_ms": 12.5,
        "error": {"type": "ConnectTimeout", "message": "timed out after 1000 ms"},
    }


def ready_made(key: str, pick: Callable[[], tuple[int, int]], count: int) -> Iterator[bytes]:
    """Bodies made before the clock runs."""
    made = [body_of(key, [event(*pick()) for _ in range(BATCH)]) for _ in range(count)]
    return itertools.chain(made, iter(lambda: body_of(key, [event(*pick()) for _ in range(BATCH)]), b""))


def measure(board: Board, store: str, seconds: float, breakers: int, copies: int) -> None:
    """The rows of the table."""
    key = unhindered(board)
    web = board.part("web")
    shapes: dict[str, Callable[[], tuple[int, int]]] = {
        "100 breakers × 3": lambda: (random.randrange(100), random.randrange(3)),
        f"{breakers:,} breakers × {copies}": lambda: (random.randrange(breakers), random.randrange(copies)),
        "one breaker": lambda: (0, 0),
    }
    every = [event(b, c) for b in range(breakers) for c in range(copies)]
    fill = iter([body_of(key, every[at : at + BATCH]) for at in range(0, len(every), BATCH)])
    _post_all(board, fill, len(every) // BATCH)
    costs = {}
    for name, pick in shapes.items():
        source = ready_made(key, pick, int(60 * seconds))
        run = post_for(board.port, seconds, CONNECTIONS, source.__next__, web)
        costs[name] = run.cpu_us / BATCH
        print(
            f"| {store}, {name} | {costs[name]:.1f} | {run.rate * BATCH:,.0f} | {run.percentile_ms(0.99):.0f} | {run.errors or ''} |",
            flush=True,
        )
    print(
        f"| {store}, spread ÷ hot | {costs[f'{breakers:,} breakers × {copies}'] / costs['one breaker']:.1f} × | | | |"
    )
    alone, beside = _others(board, key, seconds)
    print(
        f"| {store}, others' p99 alone, beside a hot breaker | | | {alone.percentile_ms(0.99):.1f}, {beside.percentile_ms(0.99):.1f}"
        f" ({beside.percentile_ms(0.99) / alone.percentile_ms(0.99):.1f} ×) | |",
        flush=True,
    )


def _post_all(board: Board, bodies: Iterator[bytes], count: int) -> None:
    import httpx

    for _ in range(count):
        head, _, body = next(bodies).partition(b"\r\n\r\n")
        key = head.partition(b"Bearer ")[2].partition(b"\r\n")[0].decode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        httpx.post(f"{board.url}/api/v1/events", content=body, headers=headers, timeout=120).raise_for_status()


def _others(board: Board, key: str, seconds: float) -> tuple[Run, Run]:
    """Single posts at 50 a second to 99 breakers, while another breaker is quiet and while it gets a batch of 500 each 50 ms."""
    web = board.part("web")

    def others() -> bytes:
        return request(key)

    alone = post_for(board.port, seconds, PROBES, others, web, rate=50)
    hot = ready_made(key, lambda: (0, 0), int(25 * seconds))
    runs: list[Run] = []
    beside = threading.Thread(
        target=lambda: runs.append(post_for(board.port, seconds, 1, hot.__next__, web, rate=20)), daemon=True
    )
    beside.start()
    run = post_for(board.port, seconds, PROBES, others, web, rate=50)
    beside.join(seconds + 15)
    return alone, run


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--breakers", type=int, default=5_000)
    parser.add_argument("--copies", type=int, default=5)
    stores.choose(parser)
    asked = parser.parse_args()
    stores.heading("what", "CPU µs an event", "events/s", "p99 ms", "errors")
    if asked.store != "postgresql":
        with Board() as board:
            measure(board, "SQLite", asked.seconds, asked.breakers, asked.copies)
    if asked.store != "sqlite":
        with postgres_server() as server, Board(DATABASE_URL=server.url) as board:
            measure(board, "PostgreSQL", asked.seconds, asked.breakers, asked.copies)


if __name__ == "__main__":
    main()
