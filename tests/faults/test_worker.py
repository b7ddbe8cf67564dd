"""The worker that sends dies or freezes between its claim and its finish: another sends, under the same name, and that one counts."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from standardwebhooks import Webhook

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver, Request
from tests.board import ROOT, Board
from tests.faults.posting import opens
from tests.faults.store import change, rows
from tests.postgres import PostgresServer
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def board(postgres: PostgresServer, told: Receiver) -> Iterator[Board]:
    """A board on PostgreSQL, where claims skip what is locked, that tells a receiver."""
    with Board(DATABASE_URL=postgres.url, ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as board:
        yield board


@contextmanager
def another_worker(board: Board) -> Iterator[None]:
    """A second worker of the same queue, beside the board's own."""
    words = ["celery", "--quiet", "-A", "dashboard.celery", "worker", "-Q", "deliver", "-P", "threads", "-c", "2"]
    words += ["-n", f"second-{os.getpid()}@%h", "--without-mingle", "--without-gossip", "--without-heartbeat"]
    process = subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env=board.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


def requests_of(told: Receiver, name: str) -> list[Request]:
    """What the receiver was told of this breaker."""
    return [request for request in told.requests if json.loads(request.body)["alert"]["breaker"]["name"] == name]


def outcomes(board: Board, sent: Request) -> list[str]:
    """How each try of this notification ended."""
    sql = (
        "SELECT a.outcome FROM alerts_attempt a JOIN alerts_notification n ON n.id = a.notification_id"
        f" WHERE n.webhook_id = '{sent.headers['webhook-id']}' ORDER BY a.number"
    )
    return [row[0] for row in rows(board, sql)]


def lease_ends(board: Board) -> None:
    """The minute of the lease passes."""
    assert change(board, "UPDATE alerts_notification SET claimed_until = 1 WHERE claimed_until IS NOT NULL") == 1


def test_killed_while_it_sends(board: Board, told: Receiver) -> None:
    key = board.service("orders")
    told.script = [behaviours.hangs]
    opens(board, key, "killed")
    wait_for(lambda: requests_of(told, "killed"), 20, "the first try")
    board.part("deliver").kill()
    lease_ends(board)
    wait_for(lambda: len(requests_of(told, "killed")) == 2, 30, "the second try")
    first, second = requests_of(told, "killed")
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == second.headers["idempotency-key"]
    assert first.body == second.body
    # Signed anew, as its time is another one.
    assert json.loads(second.body) == Webhook(SECRET).verify(second.body, second.headers)
    wait_for(lambda: outcomes(board, first) == ["lost", "accepted"], 10, "both tries to be written down")


def test_frozen_past_its_lease_and_thawed(board: Board, told: Receiver) -> None:
    """What the thawed one has to say of its try counts no more."""
    key = board.service("orders")
    worker = board.part("deliver")
    told.script = [behaviours.hangs]
    opens(board, key, "frozen")
    wait_for(lambda: requests_of(told, "frozen"), 20, "the first try")
    worker.suspend()
    try:
        with another_worker(board):
            lease_ends(board)
            wait_for(lambda: len(requests_of(told, "frozen")) == 2, 30, "the second try")
            first, second = requests_of(told, "frozen")
            assert first.headers["webhook-id"] == second.headers["webhook-id"]
            wait_for(lambda: outcomes(board, first) == ["lost", "accepted"], 10, "both tries to be written down")
    finally:
        worker.resume()
    # Its own try times out now; the next alert shows that it is at work again.
    opens(board, key, "afterwards")
    wait_for(lambda: requests_of(told, "afterwards"), 30, "the next alert")
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: len(requests_of(told, "frozen")) > 2, 12, "a third try that must not come")
    assert len(requests_of(told, "frozen")) == 2
    assert outcomes(board, first) == ["lost", "accepted"]
    assert rows(board, f"SELECT state FROM alerts_notification WHERE webhook_id = '{first.headers['webhook-id']}'") == [
        ("sent",)
    ]
