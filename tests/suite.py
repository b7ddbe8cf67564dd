"""`make test`: the whole suite on SQLite, then what the database does on PostgreSQL too, then the Python client's own.

Arguments go to all runs of pytest; `make test ARGS="-k wall"`. Prints pytest's closing line of each at the end.
Tests of the domain, of rows and of pages run side by side, a worker a processor and one more. Those that start whole boards and browsers
run one after the other: they measure what is told in time. Where files are named all do, and the client is left out.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.postgres import postgres_server

CLIENT = ["-c", "clients/python/pyproject.toml", "--rootdir", "clients/python", "clients/python/tests"]
# These start whole boards and browsers, for minutes in all.
BOARDS = (
    "tests/browser",
    "tests/faults",
    "tests/journeys",
    "tests/security",
    "tests/docs",
    "tests/demo",
    "tests/platform/test_health.py",
    "tests/platform/test_make.py",
    "tests/platform/test_tree.py",
)
NO_TESTS = 5  # pytest's status where nothing was selected
INTERRUPTED = 130
END_WITHIN = 20  # s: servers and browsers are ended before


def main(arguments: list[str]) -> int:
    """Run all; not 0 where one failed."""
    named = any(Path(argument.partition("::")[0]).exists() for argument in arguments)
    spread = [] if named else ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile"]
    closing = {}
    failed = []
    with compiled_once() as environ:
        if named:
            status, closing["SQLite"] = run(arguments, environ)
            failed += [status] if status else []
        else:
            status, closing["SQLite"] = run([*spread, *(f"--ignore={name}" for name in BOARDS), *arguments], environ)
            failed += [status] if status not in {0, NO_TESTS} else []
            status, closing["Whole boards"] = run([*BOARDS, *arguments], environ)
            failed += [status] if status not in {0, NO_TESTS} else []
        # What survives a crash is tested elsewhere, on servers that write down all at once.
        with postgres_server(fsync="off", synchronous_commit="off", full_page_writes="off") as server:
            words = [*spread, "-m", "storage", *arguments]
            status, closing["PostgreSQL"] = run(words, {**environ, "DATABASE_URL": server.url})
        failed += [status] if status not in {0, NO_TESTS} else []
        if not named:
            status, closing["Python client"] = run([*CLIENT, *arguments], environ)
            failed += [status] if status not in {0, NO_TESTS} else []
    print()
    for database, line in closing.items():
        print(f"{database}: {line}", flush=True)
    return failed[0] if failed else 0


@contextlib.contextmanager
def compiled_once() -> Iterator[dict[str, str]]:
    """The environment in which the hundreds of processes that are started do not each compile our modules."""
    if "PYTHONDONTWRITEBYTECODE" not in os.environ:
        yield {}
        return
    # Not beside the modules, as is asked for.
    with tempfile.TemporaryDirectory(prefix="breakerboard-tests-compiled-") as directory:
        yield {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": directory}


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
    try:
        for line in _lines(process):
            closing = line.strip("= \n") or closing
        return process.wait(), closing
    except KeyboardInterrupt:
        _interrupt(process)
        sys.exit(INTERRUPTED)


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        yield line


def _interrupt(process: subprocess.Popen[str]) -> None:
    """It ends what it started; a terminal has told it already, others have not."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        process.wait(END_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    # Told to end in whichever way: what was started is ended first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell that starts us in the background has us ignore this one, and with us all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
