"""Living: what each process of the demo does alike. It logs JSON lines, and ends when told to or with its parent."""

import ctypes
import json
import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime

PARENT = "DEMO_PARENT"  # the process that started this one, where one did
PR_SET_PDEATHSIG = 1


class JsonLines(logging.Formatter):
    """One object a line, which the board's log understands. `extra={"about": {…}}` adds fields to one line."""

    def __init__(self, always: dict[str, str]) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **self._always,
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


def log_to_stdout(**always: str) -> None:
    """Send what this process logs to standard output, each line with these fields."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(always))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class End:
    """When to end: at SIGTERM or Ctrl-C, and at once when the parent is gone, however that ended.

    `at_once`: as long as it is true there is nothing to close, and being told to end is the end.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self.at_once = at_once
        self._told = threading.Event()
        self._parent = int(os.environ.get(PARENT) or os.getppid())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._tell)
        if sys.platform == "linux":
            # Reaches a stopped process too. It comes when the starting thread ends: start from the main one.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def _tell(self, *_: object) -> None:
        if self.at_once:
            os._exit(0)
        self._told.set()

    def wait(self, seconds: float) -> bool:
        """Sleep; whether it is time to end."""
        if self._told.wait(seconds):
            return True
        if os.getppid() != self._parent:
            os._exit(1)
        return False

    def wait_for_it(self) -> None:
        """Stay here until it is time."""
        while not self.wait(1.0):
            pass
