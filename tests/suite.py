"""`make test`: the whole suite, in lanes (tests/lanes.py says which test is in which). `make test-fast`: its fast part alone.

First the fast part: side by side, a worker a processor and one more, on SQLite; then the Python client's own. Then what is slow by
itself (thousands of examples, storms), what the database does on PostgreSQL too, and whole boards and browsers, side by side as well.
At last, beside nothing, what measures time.
Arguments go to all runs of pytest: `make test ARGS="-k wall"`; where files are named all run in one lane, and the client is left out.
pytest's closing line of each part stands at the end.
"""

import os
import sys
import time
from pathlib import Path

from tests import lanes
from tests.postgres import postgres_server
from tests.running import compiled_once, end_when_told, run

CLIENT = ["-c", "clients/python/pyproject.toml", "--rootdir", "clients/python", "clients/python/tests"]
SIDE_BY_SIDE = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile"]
# Boards wait more than they work; but each starts six processes, and many at once are slow to start.
BOARDS = ["-n", str(min(max(os.cpu_count() or 1, 2), 4)), "--dist", "loadfile"]
FAST = "--fast"


class Parts:
    """What was run, and how it went."""

    def __init__(self, environ: dict[str, str], more: list[str]) -> None:
        self.status = 0
        self._environ = environ
        self._more = more
        self._closing: list[str] = []

    def run(self, name: str, *words: str, **environ: str) -> None:
        """Run one part."""
        print(f"\n{name}", flush=True)
        started = time.monotonic()
        status, closing = run([*words, *self._more], {**self._environ, **environ})
        self.status = self.status or status
        self._closing.append(f"{name}: {closing} ({time.monotonic() - started:.0f} s in all)")

    def on_postgresql(self, *words: str) -> None:
        """Run what the database does on a server of PostgreSQL."""
        # What survives a crash is tested elsewhere, on servers that write down all at once.
        with postgres_server(fsync="off", synchronous_commit="off", full_page_writes="off") as server:
            self.run("PostgreSQL", *words, *_marked("storage and not alone"), DATABASE_URL=server.url)

    def sum_up(self) -> None:
        """The closing lines."""
        print()
        for line in self._closing:
            print(line, flush=True)


def main(arguments: list[str]) -> int:
    """Run all; not 0 where one failed."""
    only_fast = FAST in arguments
    arguments = [argument for argument in arguments if argument != FAST]
    with compiled_once() as environ:
        parts = Parts(environ, arguments)
        if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
            parts.run("SQLite")
            parts.on_postgresql()
        else:
            parts.run("Fast part", *lanes.fast(), *SIDE_BY_SIDE, *_marked("not alone and not slow"))
            parts.run("Python client", *CLIENT)
            if not only_fast:
                parts.run("Slow ones", *lanes.long(), *SIDE_BY_SIDE, "--dist", "load", *_marked("slow and not alone"))
                parts.on_postgresql(*lanes.fast(), *SIDE_BY_SIDE)
                parts.run("Whole boards", *lanes.boards(), *BOARDS, *_marked("not alone"))
            parts.run("Alone", *_alone(only_fast), *_marked("alone"))
    parts.sum_up()
    return parts.status


def _marked(expression: str) -> list[str]:
    return ["-m", expression]


def _alone(only_fast: bool) -> list[str]:
    fast = set(lanes.fast())
    return [name for name in lanes.alone() if name in fast or not only_fast]


if __name__ == "__main__":
    end_when_told()
    sys.exit(main(sys.argv[1:]))
