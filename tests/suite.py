"""`make test`: the whole suite on SQLite, then what the database does on PostgreSQL too, then the Python client's own.

Arguments go to all runs of pytest; `make test ARGS="-k wall"`. Prints pytest's closing line of each at the end.
The client is left out where they name files.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.postgres import postgres_server

CLIENT = ["-c", "clients/python/pyproject.toml", "--rootdir", "clients/python", "clients/python/tests"]
NO_TESTS = 5  # pytest's status where nothing was selected


def main(arguments: list[str]) -> int:
    """Run all; not 0 where one failed."""
    closing = {}
    failed = []
    status, closing["SQLite"] = run(arguments, {})
    failed += [status] if status else []
    with postgres_server() as server:
        status, closing["PostgreSQL"] = run(["-m", "storage", *arguments], {"DATABASE_URL": server.url})
    failed += [status] if status not in {0, NO_TESTS} else []
    if not any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        status, closing["Python client"] = run([*CLIENT, *arguments], {})
        failed += [status] if status not in {0, NO_TESTS} else []
    print()
    for database, line in closing.items():
        print(f"{database}: {line}", flush=True)
    return failed[0] if failed else 0


def run(arguments: list[str], environ: dict[str, str]) -> tuple[int, str]:
    """Run pytest, show what it says as it says it; its status and its closing line."""
    kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "DATA_DIR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        env={**kept, "PYTHONUNBUFFERED": "1", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    closing = ""
    for line in _lines(process):
        closing = line.strip("= \n") or closing
    return process.wait(), closing


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        yield line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
