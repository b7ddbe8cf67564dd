"""`make run`: what a signal to make alone does."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from tests.board import ROOT, Board
from tests.servers import wait_for

pytestmark = pytest.mark.timeout(120)


class MadeBoard(Board):
    """A board that `make run` starts, with this environment's Python."""

    def start(self, *, ready: bool = True) -> "MadeBoard":
        self._started_from = len(self.output())
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                ["make", "--no-print-directory", "run"],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self.wait_ready()
        return self


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=["SIGTERM", "SIGINT", "SIGKILL"]
)
def test_a_signal_to_make_alone_ends_everything(number: signal.Signals) -> None:
    with MadeBoard() as board:
        tree = board.processes()
        assert len(tree) == 7
        started = time.monotonic()
        os.kill(board.process.pid, number)
        board.process.wait(15)
        wait_for(lambda: not any(map(psutil.Process.is_running, tree[1:])), 10, "the tree to end")
        assert time.monotonic() - started < 10
