"""Running pytest, as `make test` does: what it says is shown as it says it, and what it started is ended with it."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator

NO_TESTS = 5  # pytest's status where nothing was selected
INTERRUPTED = 130
END_WITHIN = 20  # s: servers and browsers are ended before


def run(arguments: list[str], environ: dict[str, str]) -> tuple[int, str]:
    """Run pytest; its status (0 where nothing was selected) and its closing line."""
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
        status = process.wait()
        return 0 if status == NO_TESTS else status, closing
    except KeyboardInterrupt:
        _interrupt(process)
        sys.exit(INTERRUPTED)


@contextlib.contextmanager
def compiled_once() -> Iterator[dict[str, str]]:
    """The environment in which the hundreds of processes that are started do not each compile our modules."""
    if "PYTHONDONTWRITEBYTECODE" not in os.environ:
        yield {}
        return
    # Not beside the modules, as is asked for.
    with tempfile.TemporaryDirectory(prefix="breakerboard-tests-compiled-") as directory:
        yield {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": directory}


def end_when_told() -> None:
    """Told to end in whichever way: what was started is ended first."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell that starts us in the background has us ignore this one, and with us all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
