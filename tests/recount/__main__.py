"""`python -m tests.recount --seconds 3600 --seed 1`: stories one after the other; what the board and the books say differently is printed.

With DATABASE_URL, on that PostgreSQL server.
"""

import argparse
import atexit
import json
import os
import shutil
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp

# A database in memory, where there is such a place.
if "DATA_DIR" not in os.environ:
    os.environ["DATA_DIR"] = mkdtemp(prefix="recount-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"


def main() -> int:
    """Tell stories until the time is over; how many kinds of falsehood were found."""
    import django

    django.setup()
    from django.test.utils import get_runner, setup_databases, teardown_databases

    del get_runner
    from tests.recount.story import KINDS

    parser = argparse.ArgumentParser(prog="python -m tests.recount", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stories", type=int, default=10**9, help="at most so many")
    parser.add_argument("--kinds", default=",".join(KINDS), help="what may happen in a story")
    parser.add_argument("--but", default="", help="facts that are not compared, such as diagram,alerts")
    parser.add_argument("--show", type=int, default=1, help="how many stories of each falsehood are shrunk and printed")
    options = parser.parse_args()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        return _told(options)
    finally:
        teardown_databases(databases, verbosity=0)


def _told(options: argparse.Namespace) -> int:
    from tests.recount.board import in_one_process
    from tests.recount.compare import differences, kind_of, shrunk
    from tests.recount.story import story

    kinds = tuple(options.kinds.split(","))
    found = Counter[str]()
    started, told = time.monotonic(), 0
    shrinking, shrinking_s = 0.0, 0.0
    working = time.process_time()
    with in_one_process():
        while told < options.stories and time.monotonic() - started < options.seconds:
            seed = options.seed + told
            told += 1
            actions = story(seed, kinds)
            try:
                differing = differences(actions)
            except Exception:
                differing = [("error", traceback.format_exc(), None)]
            for kind in {kind_of(difference) for difference in differing} - set(options.but.split(",")):
                found[kind] += 1
                if found[kind] > options.show:
                    continue
                begun, begun_s = time.monotonic(), time.process_time()
                small = shrunk(actions, kind)
                shrinking += time.monotonic() - begun
                shrinking_s += time.process_time() - begun_s
                _print(seed, kind, small, differing if kind == "error" else differences(small))
    took = time.monotonic() - started - shrinking
    busy = time.process_time() - working - shrinking_s
    rate = f"{told / took * 60:.0f} a minute ({told / busy * 60:.0f} a minute of one core)"
    print(f"{told} stories in {took:.0f} s, {rate}; {dict(found) or 'no difference'}")
    return min(len(found), 99)


def _print(seed: int, kind: str, actions: list[dict[str, object]], differing: list[tuple[str, object, object]]) -> None:
    from tests.recount.compare import kind_of

    print(f"\nseed {seed}: {kind}")
    for action in actions:
        print("   ", json.dumps(action))
    others = sorted({kind_of(difference) for difference in differing} - {kind})
    if others:
        print(f"    also told differently: {', '.join(others)}")
    for what, board, books in (difference for difference in differing if kind_of(difference) == kind):
        print(f"    {what}\n        the board: {board}\n        the books: {books}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
