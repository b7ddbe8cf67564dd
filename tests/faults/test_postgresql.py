"""PostgreSQL restarts, loses all its connections, freezes: 503, then 202, and nobody has to lend a hand."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver
from tests.board import Board
from tests.faults.posting import Posters, check_each_once, opens
from tests.postgres import PostgresServer
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
# As long as one try to connect may take, and a moment.
LONGEST_ANSWER = 6.0  # s
# As long as a post waits for a server that keeps its connections and says nothing, and a moment.
LONGEST_SILENCE = 9.0  # s
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
)


@pytest.fixture(scope="module")
def board(postgres: PostgresServer, told: Receiver) -> Iterator[Board]:
    """A board on PostgreSQL, that tells a receiver."""
    with Board(DATABASE_URL=postgres.url, ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as board:
        yield board


def healthy(board: Board) -> None:
    wait_for(lambda: board.readyz().get("status") == "ok", 60, "the board to be ready again", every=0.1)


def is_told(told: Receiver, name: str) -> None:
    """Workers are at work too: an alert goes out."""
    wait_for(
        lambda: name in [json.loads(request.body)["alert"]["breaker"]["name"] for request in told.requests],
        20,
        f"the alert of {name}",
    )


def test_stopped_at_once_and_started(board: Board, postgres: PostgresServer, told: Receiver) -> None:
    key = board.service("orders")
    parts = {name: board.part(name).pid for name in ("web", "evaluate", "deliver", "beat")}
    with Posters(board, key, pause=0.02) as posters:
        posters.wait_for_taken(100)
        postgres.stop_at_once()
        wait_for(lambda: 503 in posters.statuses(), 10, "a post to be refused")
        # The first post may be refused while the server still answers others.
        wait_for(lambda: board.readyz().get("database", {}).get("ok") is False, 10, "the database to be named")
        postgres.start_again()
        posters.wait_for_taken(200, 20)
    assert posters.statuses() == {202, 503}
    assert {post.retry_after for post in posters.posts if post.status == 503} == {"2"}
    assert max(post.took for post in posters.posts) < LONGEST_ANSWER
    healthy(board)
    opens(board, board.service("alerted"), "after-the-restart")
    is_told(told, "after-the-restart")
    check_each_once(board, posters, "orders")
    assert parts == {name: board.part(name).pid for name in parts}


def test_all_connections_are_ended_again_and_again(board: Board, postgres: PostgresServer, told: Receiver) -> None:
    key = board.service("checkout")
    with Posters(board, key, pause=0.02) as posters:
        posters.wait_for_taken(100)
        for _ in range(5):
            postgres.execute(TERMINATE)
            opened = time.monotonic()
            posters.wait_for_taken(50, 10)
            assert time.monotonic() - opened < 10
        healed_at = time.monotonic()
        posters.wait_for_taken(100)
    assert posters.statuses() <= {202, 503}
    assert {post.status for post in posters.posts if post.at > healed_at} == {202}
    healthy(board)
    opens(board, board.service("alerted"), "after-the-last")
    is_told(told, "after-the-last")
    check_each_once(board, posters, "checkout")


def test_a_frozen_server_holds_nothing_up_for_ever(board: Board, postgres: PostgresServer) -> None:
    """It keeps its connections and says nothing: readyz says so in time, posts are refused, and the board can be stopped."""
    key = board.service("payments")
    with Posters(board, key, pause=0.02) as posters:
        posters.wait_for_taken(100)
        frozen = postgres.backends()
        for process in frozen:
            process.suspend()
        try:
            wait_for(lambda: board.readyz().get("database", {"ok": True})["ok"] is False, 10, "readyz to name it")
            wait_for(lambda: len([p for p in posters.posts if p.status == 503]) >= 24, 40, "posts to be refused")
            assert max(post.took for post in posters.posts) < LONGEST_SILENCE
            assert posters.statuses() == {202, 503}
            started = time.monotonic()
            assert board.stop() == 0
            assert time.monotonic() - started < 10
        finally:
            for process in frozen:
                process.resume()
    board.start()
    check_each_once(board, posters, "payments")
