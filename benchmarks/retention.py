"""Retention: how long posts wait while a day of old events is taken away beside them (P8).

    python -m benchmarks.retention [--events 10000000] [--store both]

The store holds 31 days of events; pruning takes the oldest away, in a process of its own as in the board, while this one
commits 16 events each few ms. On PostgreSQL, dropping a table with a day's events is timed beside it.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks import stores

BATCH = 16
EVERY = 0.004  # s
PRUNING = "from datetime import UTC, datetime; import django; django.setup(); from breakers.pruning import prune; import json; print(json.dumps(prune(datetime.now(UTC))))"


def measure(events: int) -> None:
    """The rows of the table."""
    from benchmarks import filling
    from breakers import bulk

    service, first = filling.begin()
    filling.fill(service, first, events, days=31)
    alone = _commits(service, lambda left=[1_500]: _count_down(left))
    begun = time.monotonic()
    pruning = subprocess.Popen([sys.executable, "-c", PRUNING], env=dict(os.environ), stdout=subprocess.PIPE, text=True)
    beside = _commits(service, lambda: pruning.poll() is None)
    took = time.monotonic() - begun
    told = (pruning.stdout.read() if pruning.stdout else "").strip()
    if pruning.returncode:
        raise RuntimeError("pruning failed")
    for name, taken in (("alone", alone), (f"while pruning ({took:.1f} s, {told})", beside)):
        ordered = sorted(taken)
        print(
            f"| {stores.name()}, {name} | {len(taken):,} | {1e3 * ordered[len(taken) // 2]:.1f} |"
            f" {1e3 * ordered[int(0.99 * len(taken))]:.1f} | {1e3 * ordered[-1]:.1f} |",
            flush=True,
        )
    bulk.run(
        "CREATE TABLE a_day AS SELECT * FROM breakers_event WHERE id < (SELECT min(id) FROM breakers_event) + 86400000000"
    )
    begun = time.monotonic()
    bulk.run("DROP TABLE a_day")
    print(f"| {stores.name()}, dropping a day's table | 1 | {1e3 * (time.monotonic() - begun):.1f} | | |", flush=True)


def _count_down(left: list[int]) -> bool:
    left[0] -= 1
    return left[0] >= 0


def _commits(service: int, going: object) -> list[float]:
    """How long each batch took, from wanting to write until it was durable."""
    from benchmarks import filling
    from breakers.recording import record

    taken = []
    while going():  # type: ignore[operator]
        batch = [filling.submission(service, f"breaker-{random.randrange(100)}") for _ in range(BATCH)]
        begun = time.perf_counter()
        record(batch, datetime.now(UTC))
        taken.append(time.perf_counter() - begun)
        time.sleep(EVERY)
    return taken


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    stores.choose(parser)
    asked = parser.parse_args()
    stores.heading("what", "commits", "p50 ms", "p99 ms", "longest ms")
    stores.on_each("benchmarks.retention", asked.store, lambda: measure(asked.events))


if __name__ == "__main__":
    main()
