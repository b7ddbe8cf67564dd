"""`make run`: what a signal to make alone does."""

import os
import signal
import time

import psutil
import pytest

from tests.board import Board
from tests.servers import wait_for

pytestmark = pytest.mark.timeout(240)


class MadeBoard(Board):
    """A board that `make run` starts, with this environment's Python."""

    command = ("make", "--no-print-directory", "run")


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=["SIGTERM", "SIGINT", "SIGKILL"]
)
def test_a_signal_to_make_alone_ends_everything(number: signal.Signals) -> None:
    made = MadeBoard()
    # One of the three starts as the first one of all does.
    made.given_tables = number != signal.SIGTERM
    with made as board:
        tree = board.processes()
        assert len(tree) == 7
        started = time.monotonic()
        os.kill(board.process.pid, number)
        board.process.wait(15)
        wait_for(lambda: not any(map(psutil.Process.is_running, tree[1:])), 10, "the tree to end")
        assert time.monotonic() - started < 10
