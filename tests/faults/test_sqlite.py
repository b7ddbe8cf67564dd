"""SQLite that is locked by someone else, or has no room left: 503, nothing stored by half, and it heals."""

import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver
from tests.board import Board
from tests.faults.posting import Posters, check_each_once, opens
from tests.faults.store import sqlite_path
from tests.faults.telling import about, healthy, hears_of, outcomes, sweeps_pass
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
HELD_FOR = 10.0  # s
BUSY_TIMEOUT = 5.0  # s


@pytest.fixture(scope="module")
def board(told: Receiver) -> Iterator[Board]:
    """A board on SQLite, that tells a receiver."""
    with Board(ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as board:
        yield board


def owes(board: Board, told: Receiver, key: str, name: str) -> None:
    """An alert was tried before the fault, and is to be tried again within it."""
    told.then = behaviours.answers(503, headers="Retry-After: 1\r\n")
    opens(board, key, name)
    hears_of(told, name, 20)


def check_told(board: Board, told: Receiver, name: str) -> None:
    """What was owed is told within its time after the end of the fault, under its name, and accepted once."""
    wait_for(lambda: "accepted" in outcomes(board, about(told, name)[0]), 60, f"{name} to be told")
    assert len({each.headers["webhook-id"] for each in about(told, name)}) == 1
    sweeps_pass(board)
    assert outcomes(board, about(told, name)[0]).count("accepted") == 1


def check_refused_and_healed(posters: Posters, healed_at: float) -> None:
    """Answered with 202, or with 503 and when to come again; after the end of the fault with 202 alone."""
    assert posters.statuses() == {202, 503}
    assert {post.retry_after for post in posters.posts if post.status == 503} == {"2"}
    assert {post.status for post in posters.posts if post.at > healed_at} == {202}


def test_locked_by_another_process(board: Board, told: Receiver) -> None:
    """Posts wait as long as a busy database may take, then they are told to come again. Claims and finishes wait too."""
    key = board.service("orders")
    owes(board, told, board.service("alerted"), "locked")
    with Posters(board, key, pause=0.05) as posters:
        posters.wait_for_taken(100)
        with closing(sqlite3.connect(sqlite_path(board), isolation_level=None, timeout=10)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            told.then = behaviours.answers(200)
            time.sleep(HELD_FOR)
            holder.execute("ROLLBACK")
        healed_at = time.monotonic()
        posters.wait_for_taken(200)
    check_refused_and_healed(posters, healed_at)
    # Not twice: for the commit that was under way, and for their own.
    assert max(post.took for post in posters.posts) < 2 * BUSY_TIMEOUT - 1
    healthy(board)
    check_told(board, told, "locked")
    check_each_once(board, posters, "orders")


@contextmanager
def files_that_may_not_grow(board: Board) -> Iterator[None]:
    """No process of the board may write beyond where its log stands (an input/output error)."""
    size = Path(f"{sqlite_path(board)}-wal").stat().st_size
    for process in board.processes():
        process.rlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    yield
    for process in board.processes():
        process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def check_without_room(board: Board, told: Receiver, fault: "contextmanager[None]", service: str) -> None:
    key = board.service(service)
    healthy(board)
    owes(board, told, board.service("alerted"), f"{service}-owed")
    with Posters(board, key, pause=0.05, name=service) as posters:
        posters.wait_for_taken(100)
        with fault:
            wait_for(lambda: 503 in posters.statuses(), 30, "a post to be refused")
            wait_for(lambda: not board.readyz().get("database", {"ok": True})["ok"], 20, "readyz to name the database")
            told.then = behaviours.answers(200)
            refused = len([post for post in posters.posts if post.status == 503])
            wait_for(
                lambda: len([post for post in posters.posts if post.status == 503]) > refused + 20, 20, "more of them"
            )
        posters.wait_for_taken(1)
        healed_at = time.monotonic()
        posters.wait_for_taken(200)
    check_refused_and_healed(posters, healed_at)
    healthy(board)
    check_told(board, told, f"{service}-owed")
    check_each_once(board, posters, service)
    with closing(sqlite3.connect(sqlite_path(board))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_files_that_may_not_grow(board: Board, told: Receiver) -> None:
    check_without_room(board, told, files_that_may_not_grow(board), "checkout")


def test_who_reads_and_then_writes_is_not_turned_away(board: Board) -> None:
    """Beside many commits a second: a transaction that began as a reader would fail at once, however long it may wait."""
    with Posters(board, board.service("beside"), threads=4, pause=0.001, name="beside") as posters:
        posters.wait_for_taken(300)
        for number in range(3):
            assert board.service(f"beside-{number}").startswith("bbk_")
    assert posters.statuses() == {202}


@contextmanager
def tiny_disk(directory: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", directory], check=False)
    if mounted.returncode:
        pytest.skip("a small file system can't be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Not a byte is left."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass
    yield
    ballast.unlink()


@pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a file system")
def test_no_space_left(tmp_path: Path, told: Receiver) -> None:
    with (
        tiny_disk(tmp_path) as disk,
        Board(DATABASE_URL=f"sqlite://{disk}/board.sqlite3", ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as board,
    ):
        check_without_room(board, told, filled(disk), "orders")
