"""Beat dies, or there are two of them: what is due is done, and nothing twice."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver
from tests.board import ROOT, Board
from tests.faults.posting import opens
from tests.faults.store import rows
from tests.faults.telling import SWEEP, names, sweeps_pass
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def board(told: Receiver) -> Iterator[Board]:
    """A board that tells a receiver."""
    with Board(ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as board:
        yield board


def pulse(board: Board, part: str) -> int:
    """When this part last proved that it works."""
    return int(rows(board, f"SELECT at FROM breakers_pulse WHERE part = '{part}'")[0][0])


def test_a_beat_that_is_killed(board: Board, told: Receiver) -> None:
    """What waits for the sweep alone is done once `up` has started beat again."""
    key = board.service("orders")
    worker, beat = board.part("evaluate"), board.part("beat")
    before = {part: pulse(board, part) for part in ("beat", "worker:evaluate")}
    # The worker does not get the nudge: it dies with it, and the message stays with the dead for two minutes.
    worker.suspend()
    opens(board, key, "delivery-tracking")
    beat.kill()
    worker.kill()
    for part, at in before.items():
        wait_for(lambda part=part, at=at: pulse(board, part) > at, 60, f"{part} to live again", every=0.1)
    told.wait_for(1, 2 * SWEEP)
    assert names(told) == ["delivery-tracking"]
    assert "beat was ended by SIGKILL" in board.output()


def test_two_beats(board: Board, told: Receiver) -> None:
    key = board.service("orders")
    told.requests.clear()
    second = subprocess.Popen(
        [sys.executable, "-m", "celery", "--quiet", "-A", "dashboard.celery", "beat"],
        cwd=ROOT,
        env=board.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        opened = [f"breaker-{number}" for number in range(6)]
        for name in opened:
            opens(board, key, name)
        told.wait_for(len(opened), 20)
        # Two more rounds of both: who is told twice is told by now.
        sweeps_pass(board, 4)
        assert second.poll() is None
    finally:
        second.kill()
        second.wait(10)
    assert sorted(names(told)) == opened
    assert rows(board, "SELECT count(*), max(attempt) FROM alerts_notification") == [(len(opened) + 1, 1)]
