"""The process around the reporters: its name, its forks, its end.

A forked child is an instance of its own and starts its own threads at its first event. At
the end of the process what is buffered is flushed, within two seconds for all reporters.
"""

from __future__ import annotations

import atexit
import os
import socket
import sys
import time
import weakref
from typing import Protocol

EXIT_S = 2.0


class Resident(Protocol):
    def after_fork(self) -> None: ...

    def leave(self, timeout_s: float, on_purpose: bool) -> None: ...


_residents: weakref.WeakSet[Resident] = weakref.WeakSet()


def instance_name() -> str:
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}:{os.getpid()}"


def move_in(resident: Resident) -> None:
    _residents.add(resident)


def move_out(resident: Resident) -> None:
    _residents.discard(resident)


def flush_at_child_exit() -> None:
    """A child of multiprocessing skips `atexit`: it has finalizers of its own."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _at_exit, exitpriority=100)


def _at_exit() -> None:
    until = time.monotonic() + EXIT_S
    on_purpose = not hasattr(sys, "last_value")  # set when the program ended by an error that nobody caught
    for resident in list(_residents):
        resident.leave(max(0.0, until - time.monotonic()), on_purpose)


def _after_fork() -> None:
    for resident in list(_residents):
        resident.after_fork()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
