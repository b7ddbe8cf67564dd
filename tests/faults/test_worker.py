"""The worker that sends dies or freezes between its claim and its finish: another sends, under the same name, and that one counts."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from standardwebhooks import Webhook

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver, say
from tests.board import ROOT, Board
from tests.faults.injected import sitecustomize
from tests.faults.posting import opens
from tests.faults.processes import frozen
from tests.faults.store import rows
from tests.faults.telling import about, healthy, hears_of, leases_end, outcomes, sweeps_pass
from tests.postgres import PostgresServer
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is there, the receiver's name is looked up and not found."""
    return tmp_path_factory.mktemp("resolver") / "slow"


@pytest.fixture(scope="module")
def board(postgres: PostgresServer, told: Receiver, resolver: Path) -> Iterator[Board]:
    """A board on PostgreSQL, where claims skip what is locked, that tells a receiver."""
    with Board(
        DATABASE_URL=postgres.url,
        ALERT_URLS=told.url.replace("127.0.0.1", sitecustomize.SLOW),
        ALERT_WEBHOOK_SECRET=SECRET,
        PYTHONPATH=str(Path(sitecustomize.__file__).parent),
        **{sitecustomize.SLOW_WHILE: str(resolver)},  # type: ignore[arg-type]
    ) as board:
        yield board


@pytest.fixture(scope="module")
def key(board: Board) -> str:
    """The key of `orders`."""
    return board.service("orders")


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


def test_killed_before_it_sends(board: Board, told: Receiver, key: str, resolver: Path) -> None:
    """Between its claim and its first byte: nothing was told, and another tells it once."""
    resolver.touch()
    opens(board, key, "before")
    wait_for(lambda: rows(board, "SELECT id FROM alerts_notification WHERE claimed_until IS NOT NULL"), 20, "its claim")
    board.part("deliver").kill()
    resolver.unlink()
    assert about(told, "before") == []
    leases_end(board)
    [request] = hears_of(told, "before", 30)
    wait_for(lambda: outcomes(board, request) == ["lost", "accepted"], 10, "both tries to be written down")
    sweeps_pass(board)
    assert len(about(told, "before")) == 1


def test_killed_while_it_sends(board: Board, told: Receiver, key: str) -> None:
    told.script = [behaviours.hangs]
    opens(board, key, "killed")
    hears_of(told, "killed", 20)
    board.part("deliver").kill()
    leases_end(board)
    first, second = hears_of(told, "killed", 30, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == second.headers["idempotency-key"]
    assert first.body == second.body
    # Signed anew, as its time is another one.
    assert json.loads(second.body) == Webhook(SECRET).verify(second.body, second.headers)
    wait_for(lambda: outcomes(board, first) == ["lost", "accepted"], 10, "both tries to be written down")


def test_killed_after_it_has_sent(board: Board, told: Receiver, key: str) -> None:
    """The receiver has taken it, and that was not written down: it comes once more, under the same name, and no third time."""
    answered = threading.Event()
    with psycopg.connect(board.environ["DATABASE_URL"]) as holder:

        def holds_up_the_finish(connection: socket.socket, stop: threading.Event) -> None:
            holder.execute("SELECT id FROM alerts_destination FOR UPDATE")
            say(connection, 200)
            answered.set()

        told.script = [holds_up_the_finish]
        opens(board, key, "after")
        assert answered.wait(20)
        board.part("deliver").kill()
        holder.rollback()
    leases_end(board)
    first, second = hears_of(told, "after", 30, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    wait_for(lambda: outcomes(board, first) == ["lost", "accepted"], 10, "both tries to be written down")
    sweeps_pass(board)
    assert len(about(told, "after")) == 2


def test_frozen_past_its_lease_and_thawed(board: Board, told: Receiver, key: str) -> None:
    """What the thawed one has to say of its try counts no more."""
    worker = board.part("deliver")
    told.script = [behaviours.hangs]
    opens(board, key, "frozen")
    [first] = hears_of(told, "frozen", 20)
    with frozen(worker), another_worker(board):
        leases_end(board)
        first, second = hears_of(told, "frozen", 30, 2)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        wait_for(lambda: outcomes(board, first) == ["lost", "accepted"], 10, "both tries to be written down")
    # Its own try times out now; the next alert shows that it is at work again.
    opens(board, key, "afterwards")
    hears_of(told, "afterwards", 30)
    sweeps_pass(board, 3)
    assert len(about(told, "frozen")) == 2
    assert outcomes(board, first) == ["lost", "accepted"]
    assert rows(board, f"SELECT state FROM alerts_notification WHERE webhook_id = '{first.headers['webhook-id']}'") == [
        ("sent",)
    ]


def test_the_database_restarts_while_it_sends(board: Board, told: Receiver, key: str, postgres: PostgresServer) -> None:
    """The receiver takes it while there is no database: that is written down as soon as there is one, and nothing comes twice."""
    restarted = threading.Event()

    def waits_for_it(connection: socket.socket, stop: threading.Event) -> None:
        restarted.wait(9)
        say(connection, 200)

    worker = board.part("deliver").pid
    told.script = [waits_for_it]
    opens(board, key, "restarted")
    [request] = hears_of(told, "restarted", 20)
    postgres.stop_at_once()
    restarted.set()
    wait_for(lambda: "can't be written down yet" in board.output(), 10, "the worker to notice")
    postgres.start_again()
    wait_for(lambda: outcomes(board, request) == ["accepted"], 20, "it to be written down")
    healthy(board)
    sweeps_pass(board)
    assert len(about(told, "restarted")) == 1
    assert board.part("deliver").pid == worker
