"""Growth: what an event in, a wall and two timelines out cost with few events in the store, and with many (P5).

    python -m benchmarks.growth [--events 10000000] [--few 100000] [--store both]

In this process, without a server: what is measured is the store. The bare SQL of a timeline is timed beside it.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import stores

BATCH, BATCHES = 64, 100


def median_ms(work: Callable[[], Any], times: int = 15) -> float:
    """The median of some runs, after a first one."""
    work()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return 1e3 * statistics.median(taken)


def measure(events: int, few: int) -> None:
    """Both sizes, and how much dearer the second is."""
    from benchmarks import filling

    service, first = filling.begin()
    rows = []
    for count, offset in ((few, 0), (events - few, 1)):
        took = filling.fill(service, first, count, days=30, offset=offset)
        rows.append(_row(service, first))
        told = " | ".join(f"{value:.2f}" for value in rows[-1].values())
        print(f"| {stores.name()}, {count + few * offset:,} events (filled in {took:.0f} s) | {told} |", flush=True)
    print(f"| {stores.name()}, times | {' | '.join(f'{rows[1][k] / rows[0][k]:.2f} ×' for k in rows[0])} |", flush=True)


def _row(service: int, first: int) -> dict[str, float]:
    from benchmarks import filling
    from breakers import bulk, queries
    from breakers.models.rollup import COUNTERS
    from breakers.recording import record

    batches = [
        [filling.submission(service, f"breaker-{random.randrange(filling.BREAKERS)}") for _ in range(BATCH)]
        for _ in range(BATCHES)
    ]
    taken = []
    for batch in batches:
        begun = time.perf_counter()
        record(batch, datetime.now(UTC))
        taken.append(time.perf_counter() - begun)
    now = datetime.now(UTC)
    found = {"in": 1e6 * statistics.median(taken[10:]) / BATCH}
    found["wall"] = median_ms(lambda: queries.wall(queries.CardFilter(), now, limit=200), 5)
    sums = ", ".join(f"{'max' if column == 'duration_max_ms' else 'sum'}({column})" for column in COUNTERS)
    # The widths that 300 points get: the bare statement answers what the page asks, and nothing is made of it.
    for name, days, width, chart in (("24h", 1, 60, 300), ("90d", 90, 21_600, 43_200)):
        start = now - timedelta(days=days)
        bare = (
            f"SELECT at / {chart} * {chart} AS bucket, {sums} FROM breakers_rollup"
            f" WHERE breaker_id = %s AND width = {width} AND at >= %s GROUP BY bucket"
        )
        for which, breaker in (("busy", first), ("quiet", first + 777)):
            found[f"{name} {which}"] = median_ms(lambda b=breaker, s=start: queries.timeline(str(b), s, now, now))  # type: ignore[misc]
            found[f"{name} {which}, bare"] = median_ms(
                lambda b=breaker, s=start, sql=bare: bulk.select(sql, [b, int(s.timestamp())])  # type: ignore[misc]
            )
    return found


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--few", type=int, default=100_000)
    stores.choose(parser)
    asked = parser.parse_args()
    outs = [
        f"{span} {which}{bare}, ms"
        for span in ("24 h", "90 d")
        for which in ("busy", "quiet")
        for bare in ("", ", bare")
    ]
    stores.heading("what", "in, µs an event", "wall, ms", *outs)
    stores.on_each("benchmarks.growth", asked.store, lambda: measure(asked.events, asked.few))


if __name__ == "__main__":
    main()
