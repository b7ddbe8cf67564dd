"""Processes of a running board that stand still for a while."""

import contextlib
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def frozen(*processes: psutil.Process) -> Iterator[None]:
    """As good as dead, and not started again: they keep what they hold, take what they are given, and do nothing."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()
