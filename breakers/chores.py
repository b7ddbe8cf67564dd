"""Chores: what a web process does beside its requests, on a thread of its own.

It writes down what was refused, once a second at most. And it sweeps where no worker does: silence that is long due and was
not noticed is noticed here, so that a dead worker leaves nothing green on a page that is open.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from django.db import DatabaseError, connection

from breakers import silencing
from breakers.database_thread import kept
from breakers.errors import StoreUnavailable
from breakers.jumps import Jumps
from breakers.refusing import Refusals

WRITES_EVERY = 1.0  # s
LOOKS_EVERY = 5.0  # s
# The worker sweeps each 5 s: what is due for longer than this was not swept.
OVERDUE = timedelta(seconds=8)
ENDS_WITHIN = 3.0  # s

log = structlog.get_logger(__name__)


class Chores:
    """One per web process. `start()` and `stop()` frame its life."""

    def __init__(self, refusals: Refusals, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._refusals = refusals
        self._clock = clock
        self._jumps = Jumps()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="chores", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._ending.set()
        self._refusals.waiting.set()
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN)

    def _run(self) -> None:
        look_due = time.monotonic() + LOOKS_EVERY
        while not self._ending.is_set():
            self._refusals.waiting.wait(max(0.0, look_due - time.monotonic()))
            self._do("what was refused could not be written", self._refusals.write)
            if time.monotonic() >= look_due:
                self._do("silence could not be looked for", self._look)
                look_due = time.monotonic() + LOOKS_EVERY
            self._ending.wait(WRITES_EVERY)
        self._do("what was refused could not be written", self._refusals.write)
        connection.close()

    def _look(self) -> None:
        at = self._clock()
        if not self._jumps.seen(at, time.monotonic()):
            sweep_if_nobody_does(at)

    def _do(self, otherwise: str, chore: Callable[[], object]) -> None:
        try:
            kept(chore)
        except (StoreUnavailable, DatabaseError) as error:
            log.warning(otherwise, error=str(error))
        except Exception:
            log.exception(otherwise)


def sweep_if_nobody_does(at: datetime) -> int:
    """Sweep where silence is overdue; how many instances changed."""
    if not silencing.is_due(at - OVERDUE):
        return 0
    changed = silencing.sweep(at)
    log.warning("no worker notices silence; the web process does", instances=changed)
    return changed
