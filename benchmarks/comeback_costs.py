"""What one cursor costs the store: the read behind a resume, by how many breakers changed since. Wants a filled board (DATA_DIR).

Started by `benchmarks.comeback`, which fills one.
"""

import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

ROUNDS = 15
CHANGED = (0, 10, 100, 500)


def main() -> None:
    """Measure the read for each number, and the snapshot that stands in where too much changed."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    django.setup()
    from breakers.models import Board, Breaker
    from breakers.queries import CardFilter
    from dashboard.live import snapshot
    from dashboard.live.messages import Delta, event
    from dashboard.live.topics import Cursor
    from dashboard.live.views import matching, news

    now, board, where = datetime.now(UTC), Board.objects.get(), CardFilter()
    versions = sorted(Breaker.objects.values_list("version", flat=True))
    for number in CHANGED:
        since = versions[-number - 1] if number < len(versions) else 0
        changed = sum(version > since for version in versions)
        cursor = Cursor(board.epoch, board.version if not number else since)
        took = median_ms(lambda cursor=cursor: snapshot.changes(cursor, {where}, now))  # type: ignore[misc]
        told = snapshot.changes(cursor, {where}, now)
        if told.cards is None:
            print(f"  {changed} changed since: more than a resume tells, read in {took:.1f} ms")
            continue
        frame = event(Delta("wall", "0.0", [change.body for change in matching(where, news(told.cards), 0)]))
        print(f"  {changed} changed since: read in {took:.1f} ms, a frame of {len(frame['text']) / 1e3:.1f} kB")
    first = median_ms(lambda: snapshot.wall(where, 200, now))
    print(f"  the snapshot of 200 cards of {len(versions)}: read in {first:.1f} ms")


def median_ms(work: Callable[[], object]) -> float:
    """The median of some rounds."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took)


if __name__ == "__main__":
    main()
