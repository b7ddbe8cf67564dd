"""The broker dies, freezes, or forgets everything: events are taken as fast as before, alerts are late and not lost."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis
from websockets.sync.client import ClientConnection, connect

from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver
from tests.board import Board
from tests.faults.posting import Posters, check_each_once, opens
from tests.faults.processes import frozen
from tests.faults.telling import about, healthy, hears_of, names, sweeps_pass
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
AWAY_FOR = 8.0  # s
# No request waits for the broker longer than readyz, which asks it.
LONGEST_ANSWER = 3.0  # s


@pytest.fixture(scope="module")
def board(told: Receiver) -> Iterator[Board]:
    """A board with its embedded broker, that tells a receiver."""
    with Board(ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as board:
        yield board


@pytest.fixture(scope="module")
def key(board: Board) -> str:
    """The key of `orders`."""
    return board.service("orders")


@pytest.fixture(scope="module")
def token(board: Board) -> str:
    """A token that may look."""
    return board.token("viewer")


@contextmanager
def dead(board: Board) -> Iterator[None]:
    """No broker: each that is started again is killed again."""
    end = time.monotonic() + AWAY_FOR
    board.part("valkey").kill()
    yield
    while time.monotonic() < end:
        board.part("valkey").kill()
        time.sleep(0.05)


@contextmanager
def silent(board: Board) -> Iterator[None]:
    """The broker keeps its connections and says nothing."""
    end = time.monotonic() + AWAY_FOR
    with frozen(board.part("valkey")):
        yield
        time.sleep(max(0.0, end - time.monotonic()))


def hears(socket: ClientConnection, bus: str, seconds: float) -> None:
    """The socket is told how the bus is."""
    end = time.monotonic() + seconds
    while True:
        frame: dict[str, Any] = json.loads(socket.recv(timeout=max(0.01, end - time.monotonic())))
        if frame["op"] == "ping" and frame["bus"] == bus:
            return


@pytest.mark.parametrize("away", [dead, silent])
def test_without_a_broker(board: Board, told: Receiver, key: str, token: str, away: Any) -> None:
    healthy(board)
    # A part that dies soon after its start, again and again, would end the board.
    wait_for(lambda: time.time() - board.part("valkey").create_time() > 11, 15, "the broker to be settled")
    service = f"posts-{away.__name__}"
    owed = f"owed-{away.__name__}"
    headers = {"Authorization": f"Bearer {token}"}
    with (
        connect(board.url.replace("http", "ws") + "/ws/live/", additional_headers=headers) as socket,
        httpx.Client(base_url=board.url, headers=headers, timeout=15) as reader,
        Posters(board, board.service(service), threads=4, pause=0.03, name=service) as posters,
    ):
        socket.send(json.dumps({"op": "subscribe", "topic": "wall"}))
        hears(socket, "ok", 20)
        began = time.monotonic()
        posters.wait_for_taken(300)
        with away(board):
            gone = time.monotonic()
            opens(board, key, owed)
            hears(socket, "degraded", 20)
            ready = reader.get("/readyz")
            assert (ready.status_code, ready.json()["redis"]["ok"], ready.json()["database"]["ok"]) == (
                503,
                False,
                True,
            )
            answers = [reader.get(path) for path in ("/sign-in/", "/livez", "/readyz?for=ingest", "/api/v1/breakers")]
            assert [answer.status_code for answer in answers] == [200] * 4
            assert max(answer.elapsed.total_seconds() for answer in [ready, *answers]) < LONGEST_ANSWER
            assert owed in [breaker["name"] for breaker in answers[-1].json()["items"]]
            posters.wait_for_taken(300)
            assert owed not in names(told)
        back = time.monotonic()
        assert posters.statuses() == {202}
        assert posters.p99_ms(gone, back) < 1_000
        # A tenth of a second for what else runs on this machine; who waits for the broker waits for one.
        assert posters.median_ms(gone, back) < 2 * posters.median_ms(began, gone) + 100
        wait_for(lambda: owed in names(told), 15, "the alert that was owed")
        hears(socket, "ok", 30)
    healthy(board)
    check_each_once(board, posters, service)


def broker_of(board: Board) -> redis.Redis:
    """A client of the board's own broker."""
    socket = next(word for word in board.part("valkey").cmdline() if word.endswith("valkey.sock"))
    return redis.Redis(unix_socket_path=socket)


@contextmanager
def full(broker: redis.Redis) -> Iterator[None]:
    """It has no room for anything more."""
    kept = broker.config_get("maxmemory")["maxmemory"]
    broker.config_set("maxmemory", 1)
    try:
        yield
    finally:
        broker.config_set("maxmemory", kept)


@contextmanager
def read_only(broker: redis.Redis) -> Iterator[None]:
    """It follows one that is not there, and takes nothing of its own."""
    broker.replicaof("127.0.0.1", 1)
    try:
        yield
    finally:
        broker.replicaof("NO", "ONE")


@pytest.mark.parametrize("ill", [full, read_only])
def test_a_broker_that_takes_nothing(board: Board, told: Receiver, key: str, ill: Any) -> None:
    """It answers, and refuses what it is handed: posts and people notice nothing of it, alerts are late."""
    healthy(board)
    service = f"posts-{ill.__name__}"
    with (
        broker_of(board) as broker,
        Posters(board, board.service(service), threads=2, pause=0.03, name=service) as posters,
    ):
        posters.wait_for_taken(60)
        with ill(broker):
            opens(board, key, ill.__name__)
            answers = [
                httpx.get(f"{board.url}{path}", timeout=15) for path in ("/sign-in/", "/livez", "/readyz?for=ingest")
            ]
            assert [answer.status_code for answer in answers] == [200] * 3
            posters.wait_for_taken(150)
            assert ill.__name__ not in names(told)
        hears_of(told, ill.__name__, 20)
    assert posters.statuses() == {202}
    healthy(board)
    check_each_once(board, posters, service)
    assert len(about(told, ill.__name__)) == 1


def workers(board: Board) -> list[psutil.Process]:
    """While they stand still, what is handed to the broker stays there."""
    return [board.part("evaluate"), board.part("deliver")]


def test_a_broker_that_forgets_everything(board: Board, told: Receiver, key: str) -> None:
    """What was handed to it is found by the sweep."""
    healthy(board)
    with frozen(*workers(board)), broker_of(board) as broker:
        opens(board, key, "forgotten")
        wait_for(lambda: broker.llen("bb:evaluate"), 5, "the nudge to be handed over")
        broker.flushall()
    hears_of(told, "forgotten", 15)
    sweeps_pass(board)
    assert len(about(told, "forgotten")) == 1


def test_a_broker_whose_files_are_gone(board: Board, told: Receiver, key: str) -> None:
    """It is killed, and starts again with nothing."""
    healthy(board)
    with frozen(*workers(board)):
        with broker_of(board) as broker:
            opens(board, key, "gone")
            wait_for(lambda: broker.llen("bb:evaluate"), 5, "the nudge to be handed over")
            directory = Path(str(broker.config_get("dir")["dir"]))
        broken = board.part("valkey")
        # Frozen first: it writes nothing more while its files go.
        broken.suspend()
        shutil.rmtree(directory)
        broken.kill()
        broken.wait(10)
        with broker_of(board) as broker:
            wait_for(lambda: _answers(broker), 20, "the broker to be started again")
            assert broker.llen("bb:evaluate") == 0
    hears_of(told, "gone", 30)
    sweeps_pass(board)
    assert len(about(told, "gone")) == 1
    healthy(board)


def _answers(broker: redis.Redis) -> bool:
    try:
        return bool(broker.ping())
    except redis.ConnectionError:
        return False
