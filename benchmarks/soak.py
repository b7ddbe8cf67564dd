"""Soak: the memory of the web process while events come for minutes on end: flat within 10 %.

    python -m benchmarks.soak [--minutes 10] [--rate 1000]

A hundred breakers × three instances, one event a post.
"""

import argparse
import random
import time

from benchmarks.batches import body_of, event
from benchmarks.load import post_for
from benchmarks.stores import unhindered
from tests.board import Board

WARM_UP_S = 30


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=1_000)
    asked = parser.parse_args()
    with Board() as board:
        key = unhindered(board)
        web = board.part("web")

        def make() -> bytes:
            return body_of(key, [event(random.randrange(100), random.randrange(3))])

        post_for(board.port, min(WARM_UP_S, asked.minutes * 60), 32, make, web, rate=asked.rate)
        seen = [web.memory_info().rss]
        until = time.monotonic() + asked.minutes * 60
        posted = 0
        while time.monotonic() < until:
            run = post_for(board.port, min(15, max(1, until - time.monotonic())), 32, make, web, rate=asked.rate)
            posted += run.requests
            seen.append(web.memory_info().rss)
        told = ", ".join(f"{size / 2**20:.0f}" for size in seen[:: max(1, len(seen) // 12)])
        print(
            f"web process, {posted:,} posts in {asked.minutes:g} min: {told} MiB; last ÷ first {seen[-1] / seen[0]:.2f}"
        )


if __name__ == "__main__":
    main()
