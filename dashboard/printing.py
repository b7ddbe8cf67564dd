"""Printing: lines to standard output that never hold up the one who prints.

A reader that stops reading (a full pipe, a frozen terminal) costs lines, not the board.
"""

import os
import queue
import threading
import time

MOST_WAITING = 10_000
LONGEST = 16_384  # characters of a line


class Printer:
    """A thread that writes lines in their order, and drops what nobody takes."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._dropped = 0
        threading.Thread(target=self._write_for_ever, name="printing", daemon=True).start()

    def print(self, line: str) -> None:
        """Have a line written soon; dropped where too many wait."""
        try:
            self._lines.put_nowait(line[:LONGEST])
        except queue.Full:
            self._dropped += 1

    def drain(self, seconds: float) -> None:
        """Wait until everything is written, not longer than this."""
        end = time.monotonic() + seconds
        while self._lines.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)

    def write(self, text: str) -> None:
        """A stream's face, for logging handlers."""
        for line in text.splitlines():
            self.print(line)

    def flush(self) -> None:
        """A stream's face: nothing to do."""

    def _write_for_ever(self) -> None:
        while True:
            text = self._lines.get() + "\n"
            if self._dropped:
                text = f"({self._dropped} lines were dropped: nobody read them in time)\n{text}"
                self._dropped = 0
            try:
                rest = text.encode(errors="replace")
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                pass  # Nobody reads any more; the board goes on.
            self._lines.task_done()
