"""Parents: what happens to `make` when it is told to stop alone.

GNU make passes SIGTERM on to its child, but SIGINT it keeps to itself and waits: it expects the terminal to have told the child
too. It gives up its own handler for SIGINT first, which Linux shows.
"""

import os
import signal

_first_parent = os.getppid()
_under_make = "MAKELEVEL" in os.environ
_caught_at_first: bool | None = None


def gone_or_interrupted() -> bool:
    """Whether the `make` that started us is gone, or was interrupted and waits for us."""
    global _caught_at_first
    if not _under_make:
        return False
    if os.getppid() != _first_parent:
        return True
    caught = _catches_sigint(_first_parent)
    if _caught_at_first is None:
        _caught_at_first = caught
    return _caught_at_first and not caught


def _catches_sigint(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/status") as file:
            masks = [line.split()[1] for line in file if line.startswith("SigCgt:")]
    except OSError:
        return False
    return bool(masks) and bool(int(masks[0], 16) >> (signal.SIGINT - 1) & 1)
