"""Checkpointing: SQLite's log is moved into its file beside the writer, so that few commits wait for the disk to do it.

By itself SQLite does it inside the commit that finds the log long, and that commit waits for two flushes. Under load a
thread moves most of it before; what is left to the commit that starts the log anew is little.
"""

import contextlib
import threading
import time

import structlog
from django.db import DatabaseError, connection

from breakers import bulk

# Reports after which moving the log is worth its flushes.
SOME = 1_000
# Pages at which the intake's commits do it after all: what the thread has moved by then costs them nothing.
LONGEST_LOG = 40_000
REST = 0.05  # s between two times

log = structlog.get_logger(__name__)


class Checkpoints:
    """One per web process, for the intake. Does nothing on PostgreSQL, which has a process for it."""

    def __init__(self) -> None:
        self._reports = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._relieved: object = None

    def start(self) -> None:
        """Begin to move the log."""
        self._stopping = False
        if not bulk.is_postgresql():
            self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after what is under way."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout=8)

    def relieve(self) -> None:
        """This thread's connection leaves the log to us, up to a length."""
        if bulk.is_postgresql() or (self._relieved is not None and self._relieved is connection.connection):
            return
        # A store that is not there is told by the write that follows.
        with contextlib.suppress(DatabaseError):
            bulk.run(f"PRAGMA wal_autocheckpoint={LONGEST_LOG}")
            self._relieved = connection.connection

    def note(self, reports: int) -> None:
        """So many more were written."""
        self._reports += reports
        if self._reports >= SOME:
            with self._wake:
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._reports >= SOME)
                self._reports = 0
            if self._stopping:
                connection.close()
                return
            try:
                bulk.select("PRAGMA wal_checkpoint(PASSIVE)")
            except DatabaseError as error:
                connection.close()
                log.warning("the log was not moved", error=str(error))
            time.sleep(REST)
