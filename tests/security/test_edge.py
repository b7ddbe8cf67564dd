"""Eve at the edge: requests that are too long, too slow or too deep, keys that are over, and what one service is to another."""

import asyncio
import gzip
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from breakers import bodies, polling
from breakers.database_thread import DatabaseThreads
from breakers.domain.reports import BadBody
from dashboard import connections
from tests.board import Board
from tests.security.people import Service, come_in, script
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    with Board(ready_within=120) as board:
        yield board


@pytest.fixture(scope="module")
def ada(board: Board) -> httpx.Client:
    """She runs the board."""
    return script(board)


@pytest.fixture(scope="module")
def orders(board: Board) -> Service:
    return Service(board, "orders")


@pytest.fixture(scope="module")
def eves(board: Board) -> Service:
    """A service with a good key, and bad manners."""
    return Service(board, "eves")


def told(board: Board, *pieces: bytes, times: int = 1) -> tuple[int, bytes]:
    """Say this on a bare connection until the board ends it; how many bytes it took, and what it said."""
    taken, said = 0, b""
    with socket.create_connection(("127.0.0.1", board.port), timeout=10) as line:
        try:
            for piece in [pieces[0], *pieces[1:] * times]:
                line.sendall(piece)
                taken += len(piece)
            while got := line.recv(65_536):
                said += got
        except OSError:
            pass
    return taken, said


def memory(board: Board) -> int:
    """MiB of the web process."""
    return int(board.part("web").memory_info().rss >> 20)


def test_a_head_without_an_end_is_refused_before_it_is_large(board: Board) -> None:
    before = memory(board)
    one, _ = told(board, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65_536, times=400)
    many, _ = told(board, b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n" * 5_000, times=400)
    assert max(one, many) < 16 << 20
    assert memory(board) - before < 64
    assert httpx.get(f"{board.url}/livez", headers={"X-A": "a" * 30_000}).status_code == 200


def test_a_silent_connection_is_cut(board: Board) -> None:
    def lasts(head: bytes) -> float:
        """Seconds until the board hangs up on someone who says this and a byte each second."""
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", board.port), timeout=1) as line:
            line.sendall(head)
            while time.monotonic() - begun < connections.HEAD_WITHIN + 20:
                try:
                    if not line.recv(100):
                        break
                except TimeoutError:
                    try:
                        line.sendall(b"x" if head else b"")
                    except OSError:
                        break
                except OSError:
                    break
        return time.monotonic() - begun

    with ThreadPoolExecutor() as threads:
        times = list(threads.map(lasts, (b"", b"GET / HTTP/1.1\r\nX-A: ", b"GE")))
    assert max(times) < connections.HEAD_WITHIN + 10, times
    assert min(times[:2]) > connections.HEAD_WITHIN - 1, times


def test_no_page_takes_a_body_of_any_length(board: Board) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 3000000000\r\n\r\n"
    for path in (b"/sign-in/", b"/api/v1/services", b"/api/v1/events", b"/nope"):
        before = memory(board)
        line = socket.create_connection(("127.0.0.1", board.port), timeout=20)
        with line:
            line.sendall(head % (path, board.port))
            for _ in range(17 * 16):
                line.sendall(b"a" * 65_536)
            assert line.recv(100).startswith((b"HTTP/1.1 413", b"HTTP/1.1 401")), path
        assert memory(board) - before < 24, path
        assert not [
            file.path for file in board.part("web").open_files() if file.path.startswith(f"{tempfile.gettempdir()}/tmp")
        ]
    answer = httpx.post(f"{board.url}/api/v1/services", content=b" " * (bodies.MOST_BYTES + 1))
    assert (answer.status_code, answer.json()["title"]) == (413, "Request Entity Too Large")


def test_a_body_that_drips_is_given_up(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "WITHIN", 0.2)

    async def drips() -> Any:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(BadBody, match=r"not whole within") as refused:
        asyncio.run(bodies.read(drips))
    assert refused.value.status == 408


def test_what_is_packed_stays_bounded(eves: Service) -> None:
    bomb = gzip.compress(b"[" + b" " * (64 << 20))
    members = gzip.compress(b"") * 40_000
    unended = gzip.compress(b"[]" * 1000)[:-12]
    for body, status in ((bomb, 413), (members, 413), (unended, 400), (b"no gzip", 400)):
        begun = time.monotonic()
        answer = eves.http.post("/api/v1/events", content=body, headers={"Content-Encoding": "gzip"})
        assert answer.status_code == status
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    "event",
    [
        b'{"type":"failure","breaker":"b","count":1e999}',
        b'{"type":"failure","breaker":"b","count":' + b"9" * 400 + b"}",
        b'{"type":"failure","breaker":"b","duration_ms":NaN}',
        b'{"type":"failure","breaker":"b\\ud800"}',
        b'{"type":"failure","breaker":"a\\u0000b"}',
        b'{"type":"failure","breaker":"b","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type":"failure","breaker":"b","occurred_at":"2026-11-23T08:00:00+99:99"}',
        b'{"type":"heartbeat","state":"closed","breaker":"b","config":{"failure_rate_threshold":1e308}}',
        b'{"type":"heartbeat","state":"closed","breaker":"b","config":{"reset_timeout_ms":-1e300}}',
    ],
)
def test_a_number_or_a_name_that_is_none_is_refused(eves: Service, event: bytes) -> None:
    answer = eves.http.post("/api/v1/events", content=event, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text
    assert len(answer.content) < 1_000


def test_odd_settings_leave_the_wall_whole(board: Board, eves: Service, ada: httpx.Client) -> None:
    config = {"failure_rate_threshold": -7, "reset_timeout_ms": 1e15, "x": {"y": [1]}, "z": True, "minimum_calls": "a"}
    reason = {"metric": "failure_rate", "value": 1e15, "threshold": 1e15, "window_ms": 1e15, "min_calls": 1e15}
    opens = {"type": "state_change", "to_state": "open", "breaker": "odd", "instance": "odd"}
    assert eves.post({**opens, "config": config, "reason": reason, "next_probe_at": "9999-12-31T23:59:59Z"})["accepted"]
    (card,) = ada.get("/api/v1/breakers?q=odd").json()["items"]
    assert card["failure_rate_threshold"] is None
    eve = come_in(board, "eve", "viewer")
    for path in (
        "/",
        f"/breakers/{card['id']}/",
        f"/breakers/{card['id']}/timeline.html",
        f"/breakers/{card['id']}/news.json",
    ):
        assert eve.get(path).status_code == 200, path


@pytest.mark.parametrize("instance", ["a\0b", "x" * 201])
def test_an_instance_that_can_not_be_is_no_error_of_ours(eves: Service, instance: str) -> None:
    assert eves.poll(instance).status_code == 422
    nowhere = "/api/v1/commands/0192aaaa-0000-7000-8000-000000000000/result"
    assert eves.http.post(nowhere, json={"instance": instance, "status": "applied"}).status_code == 422


def test_one_service_is_nothing_to_another(ada: httpx.Client, orders: Service, eves: Service) -> None:
    same = {"type": "heartbeat", "id": "one-id", "breaker": "shared", "instance": "pod", "interval_s": 60}
    assert orders.post({**same, "state": "closed"})["accepted"] == 1
    assert eves.post({**same, "state": "open"})["accepted"] == 1
    states = {card["service"]: card for card in ada.get("/api/v1/breakers?q=shared").json()["items"]}
    assert {name: card["state"] for name, card in states.items()} == {"orders": "closed", "eves": "open"}
    order = {"action": "reset", "reason": "a drill"}
    command = ada.post(f"/api/v1/breakers/{states['orders']['id']}/commands", json=order).json()["id"]
    result = {"instance": "pod", "status": "applied"}
    assert eves.poll("pod").json() == {"commands": []}
    assert eves.post({**same, "id": "another", "state": "closed"})["commands"] == []
    assert eves.http.post(f"/api/v1/commands/{command}/result", json=result).status_code == 404
    assert [each["id"] for each in orders.poll("pod").json()["commands"]] == [command]
    assert orders.http.post(f"/api/v1/commands/{command}/result", json=result).status_code == 200


def test_keys_and_tokens_are_not_each_other(board: Board, ada: httpx.Client, eves: Service) -> None:
    event = {"type": "failure", "breaker": "b"}
    assert httpx.post(f"{board.url}/api/v1/events", headers=dict(ada.headers), json=event).status_code == 401
    assert eves.http.get("/api/v1/breakers").status_code == 401
    assert httpx.get(f"{board.url}/api/v1/commands?instance=pod&key={eves.key}").status_code == 401


def test_a_key_that_ends_takes_its_waiting_poll_with_it(ada: httpx.Client, board: Board) -> None:
    service = Service(board, "ending")
    service.post({"type": "heartbeat", "breaker": "ending", "instance": "pod", "state": "open", "interval_s": 60})
    (card,) = ada.get("/api/v1/breakers?q=ending").json()["items"]
    with ThreadPoolExecutor(1) as thread:
        poll = thread.submit(service.poll, "pod", 20)
        time.sleep(1)  # the poll waits; nothing outside tells
        assert ada.delete(f"/api/v1/services/ending/keys/{service.key.split('_')[1]}").status_code == 204
        wait_for(lambda: service.poll("other").status_code == 401, 10, "the key to be refused", every=0.2)
        ada.post(f"/api/v1/breakers/{card['id']}/commands", json={"action": "reset", "reason": "after the end"})
        assert poll.result(25).status_code == 401


def test_a_paused_service_is_heard_nowhere(ada: httpx.Client, board: Board) -> None:
    service = Service(board, "pausing")
    ada.patch("/api/v1/services/pausing", json={"paused": True})
    wait_for(lambda: service.poll("pod").status_code == 403, 10, "its polls to be refused", every=0.2)
    result = {"instance": "pod", "status": "applied"}
    assert service.http.post("/api/v1/events", json={"type": "failure", "breaker": "b"}).status_code == 403
    assert service.http.post("/api/v1/commands/x/result", json=result).status_code == 403
    # Whichever web process has it in mind as paused: at once is at once.
    ada.patch("/api/v1/services/pausing", json={"paused": False})
    assert service.http.post("/api/v1/events", json={"type": "failure", "breaker": "b"}).status_code == 202


def test_one_service_waits_in_so_many_polls_and_no_more() -> None:
    class Never(DatabaseThreads):
        """A database in which nothing ever waits."""

        async def run(self, *args: Any) -> Any:
            return []

    async def never() -> Any:
        await asyncio.sleep(3600)

    async def still() -> None:
        return None

    async def crowd() -> None:
        polls = polling.Polls(Never(1, "none"))
        waiting = [
            asyncio.ensure_future(polls.wait(1, f"pod-{n}", 30, never, still)) for n in range(polling.MOST_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(polling.TooManyPolls):
            await polls.wait(1, "one-more", 30, never, still)
        assert await polls.wait(2, "another's", 0, never, still) == []
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await polls.wait(1, "later", 0, never, still) == []

    asyncio.run(crowd())


def test_thousands_of_idle_connections_keep_nobody_out(board: Board, orders: Service) -> None:
    lines = [socket.create_connection(("127.0.0.1", board.port), timeout=10) for _ in range(2_000)]
    try:
        begun = time.monotonic()
        assert orders.post({"type": "failure", "breaker": "b"})["accepted"] == 1
        assert time.monotonic() - begun < 5
        assert board.part("web").num_fds() > 1_000
    finally:
        for line in lines:
            line.close()
