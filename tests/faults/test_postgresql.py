"""PostgreSQL restarts, loses all its connections, freezes: 503, then 202, and nobody has to lend a hand."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import pytest

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver
from tests.board import Board
from tests.faults.posting import Posters, check_each_once, opens
from tests.faults.processes import frozen
from tests.faults.telling import about, healthy, hears_of, outcomes
from tests.postgres import PostgresServer
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
# As long as one try to connect may take, and a moment.
LONGEST_ANSWER = 6.0  # s
# As long as a post waits for a server that keeps its connections and says nothing, and a moment.
LONGEST_SILENCE = 9.0  # s
NEXT_VERSION = [
    "ALTER TABLE alerts_notification ADD COLUMN next_version text NOT NULL DEFAULT ''",
    "ALTER TABLE alerts_destination ADD COLUMN next_version bigint",
    "ALTER TABLE breakers_breaker ADD COLUMN next_version text NOT NULL DEFAULT ''",
    "ALTER TABLE breakers_instance ADD COLUMN next_version bigint",
    "ALTER TABLE breakers_board ADD COLUMN next_version bigint",
    "CREATE INDEX CONCURRENTLY next_version ON alerts_notification (next_version)",
]
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
)


@pytest.fixture(scope="module")
def board(postgres: PostgresServer, told: Receiver) -> Iterator[Board]:
    """A board on PostgreSQL, as a role of its own, that tells a receiver."""
    postgres.execute("CREATE ROLE board LOGIN")
    postgres.execute("ALTER DATABASE breakerboard OWNER TO board")
    url = postgres.url.replace("postgres@", "board@")
    with Board(DATABASE_URL=url, ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as board:
        yield board


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
    hears_of(told, "after-the-restart", 20)
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
    hears_of(told, "after-the-last", 20)
    check_each_once(board, posters, "checkout")


@contextmanager
def read_only(postgres: PostgresServer) -> Iterator[None]:
    """As after a switch to a replica: it answers, and takes nothing."""
    postgres.execute("ALTER DATABASE breakerboard SET default_transaction_read_only = on")
    postgres.execute(TERMINATE)
    try:
        yield
    finally:
        with psycopg.connect(postgres.url, autocommit=True, options="-c default_transaction_read_only=off") as writer:
            writer.execute("ALTER DATABASE breakerboard RESET ALL")


@contextmanager
def full_of_connections(postgres: PostgresServer) -> Iterator[None]:
    """It takes no connection of the board's."""
    postgres.execute("ALTER ROLE board CONNECTION LIMIT 0")
    postgres.execute(TERMINATE)
    try:
        yield
    finally:
        postgres.execute("ALTER ROLE board CONNECTION LIMIT -1")


@contextmanager
def locked(postgres: PostgresServer) -> Iterator[None]:
    """Somebody holds the table that every writer needs."""
    with psycopg.connect(postgres.url) as holder:
        holder.execute("LOCK TABLE breakers_board IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize("fault", [read_only, full_of_connections, locked])
def test_a_database_that_takes_nothing_for_a_while(
    board: Board,
    postgres: PostgresServer,
    told: Receiver,
    fault: Callable[[PostgresServer], AbstractContextManager[None]],
) -> None:
    """Posts are refused with when to come again, what is owed is told after, and no part has to be started again."""
    healthy(board)
    name = fault.__name__
    parts = {part: board.part(part).pid for part in ("web", "evaluate", "deliver", "beat")}
    key = board.service(name)
    told.then = behaviours.answers(503, headers="Retry-After: 1\r\n")
    opens(board, board.service("alerted"), name)
    hears_of(told, name, 20)
    with Posters(board, key, threads=4, pause=0.02, name=name) as posters:
        posters.wait_for_taken(60)
        with fault(postgres):
            wait_for(lambda: 503 in posters.statuses(), 10, "a post to be refused")
            wait_for(lambda: board.readyz().get("database", {}).get("ok") is False, 10, "the database to be named")
            told.then = behaviours.answers(200)
            refused = len(posters.posts)
            wait_for(lambda: len(posters.posts) >= refused + 12, 30, "more of them")
        healed_at = time.monotonic()
        posters.wait_for_taken(100, 30)
    assert posters.statuses() == {202, 503}
    assert {post.retry_after for post in posters.posts if post.status == 503} == {"2"}
    assert max(post.took for post in posters.posts) < LONGEST_SILENCE
    requests = hears_of(told, name, 60, 2)
    wait_for(lambda: outcomes(board, requests[0])[-1] == "accepted", 30, "it to be told")
    assert len({each.headers["webhook-id"] for each in about(told, name)}) == 1
    assert time.monotonic() - healed_at < 60
    check_each_once(board, posters, name)
    healthy(board)
    assert parts == {part: board.part(part).pid for part in parts}


def test_the_tables_of_the_next_version_while_this_one_runs(
    board: Board, postgres: PostgresServer, told: Receiver
) -> None:
    """A deployment adds columns and indexes under a board that posts, evaluates and sends: nothing of it is refused."""
    healthy(board)
    key, alerted = board.service("expanded"), board.service("alerted")
    with Posters(board, key, threads=4, pause=0.01, name="expanded") as posters:
        for number, change in enumerate(NEXT_VERSION):
            posters.wait_for_taken(100)
            postgres.execute(change)
            opens(board, alerted, f"expanded-{number}")
            hears_of(told, f"expanded-{number}", 20)
        posters.wait_for_taken(100)
    assert posters.statuses() == {202}
    check_each_once(board, posters, "expanded")


def test_a_frozen_server_holds_nothing_up_for_ever(board: Board, postgres: PostgresServer) -> None:
    """It keeps its connections and says nothing: readyz says so in time, posts are refused, and the board can be stopped."""
    key = board.service("payments")
    with Posters(board, key, pause=0.02) as posters:
        posters.wait_for_taken(100)
        with frozen(*postgres.backends()):
            wait_for(lambda: board.readyz().get("database", {"ok": True})["ok"] is False, 10, "readyz to name it")
            wait_for(lambda: len([p for p in posters.posts if p.status == 503]) >= 24, 40, "posts to be refused")
            assert max(post.took for post in posters.posts) < LONGEST_SILENCE
            assert posters.statuses() == {202, 503}
            started = time.monotonic()
            assert board.stop() == 0
            assert time.monotonic() - started < 10
    board.start()
    check_each_once(board, posters, "payments")
