"""Four web processes on one socket: one is killed in the middle of its commits, and nothing that was answered is lost."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect

from tests.board import Board
from tests.faults.posting import Posters, check_each_once, opens
from tests.faults.store import rows
from tests.postgres import PostgresServer
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PROCESSES = 4


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def four(request: pytest.FixtureRequest) -> Iterator[Board]:
    """A board with four web processes, on SQLite, then on PostgreSQL."""
    environ = {"WEB_PROCESSES": str(PROCESSES)}
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        environ["DATABASE_URL"] = server.url
    with Board(**environ) as board:
        wait_for(lambda: len(web(board)) == PROCESSES, 20, "four web processes")
        yield board


def web(board: Board) -> list[psutil.Process]:
    """The web processes that run, oldest first."""
    found = []
    for process in board.processes()[1:]:
        try:
            if "uvicorn" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return sorted(found, key=lambda process: process.create_time())


def test_processes_are_killed_in_the_middle_of_their_commits(four: Board) -> None:
    key = four.service("orders")
    with Posters(four, key, threads=12, pause=0.001) as posters:
        # Two times two: a part that ends five times right after its start would end the board.
        for _ in range(2):
            posters.wait_for_taken(450, 60)
            for process in web(four)[:2]:
                process.kill()
            wait_for(lambda: len(web(four)) == PROCESSES, 30, "the killed ones to be started again")
        posters.wait_for_taken(300, 60)
    assert None in posters.statuses(), "some were killed before they answered"
    assert posters.statuses() <= {202, 503, None}
    check_each_once(four, posters, "orders")
    assert four.output().count("was ended by SIGKILL") == 4


def test_a_batch_that_was_cut_off_with_its_process_is_posted_again_whole(four: Board) -> None:
    """Under one Idempotency-Key and without ids of its own: taken, or known, and each event once."""
    key = four.service("batches")
    cut = threading.Event()

    def post(number: int) -> int | None:
        batch = [{"type": "success", "breaker": "b", "instance": str(place % 5)} for place in range(200)]
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"minute-{number}"}
        while time.monotonic() < end:
            try:
                answer = httpx.post(f"{four.url}/api/v1/events", json=batch, headers=headers, timeout=15)
            except httpx.TransportError:
                cut.set()
                time.sleep(0.05)
                continue
            told = answer.json()
            if answer.status_code == 202:
                return int(told["accepted"] + told["duplicates"])
            assert answer.status_code == 503, told
            time.sleep(0.2)
        return None

    end = time.monotonic() + 100
    totals: list[int | None] = []
    numbers = iter(range(100_000))
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            totals.append(post(next(numbers)))

    threads = [threading.Thread(target=go_on) for _ in range(6)]
    for thread in threads:
        thread.start()

    def more_are_taken(what: str) -> None:
        before = len(totals)
        wait_for(lambda: len(totals) > before + 6, 30, what)

    try:
        more_are_taken("batches to be taken")
        # Now and then a kill falls between two batches: three times at most, for a part that ends five times at once ends the board.
        for _ in range(3):
            for process in web(four):
                process.kill()
            wait_for(lambda: len(web(four)) == PROCESSES, 30, "them to be started again")
            more_are_taken("batches to be taken again")
            if cut.is_set():
                break
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert cut.is_set(), "no batch was cut off"
    assert set(totals) == {200}
    sql = "SELECT count(*), count(DISTINCT e.key) FROM breakers_event e JOIN breakers_service s ON s.id = e.service_id WHERE s.name = 'batches'"
    assert rows(four, sql) == [(200 * len(totals), 200 * len(totals))]


def test_what_one_process_takes_all_of_them_show_at_once(four: Board) -> None:
    """Sockets spread over the processes hear of an opening that only one of them took; any read after the answer shows it."""
    key, token = four.service("shown"), four.token("viewer")
    opens(four, key, "before")

    async def hear() -> float:
        async with AsyncExitStack() as stack:
            headers = {"Authorization": f"Bearer {token}"}
            lines = [
                await stack.enter_async_context(
                    connect(four.url.replace("http", "ws") + "/ws/live/", additional_headers=headers)
                )
                for _ in range(16)
            ]
            for line in lines:
                await line.send(json.dumps({"op": "subscribe", "topic": "wall"}))
            for line in lines:
                await until(line, lambda frame: frame["op"] == "snapshot")
            holding = [
                process
                for process in web(four)
                if any(c.status == "ESTABLISHED" for c in process.net_connections("tcp"))
            ]
            assert len(holding) > 1, "the sockets are spread over several processes"
            began = time.monotonic()
            await asyncio.to_thread(opens, four, key, "after")
            await asyncio.gather(*(until(line, tells_of_after) for line in lines))
            return time.monotonic() - began

    assert asyncio.run(hear()) < 3
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(20):
        opens(four, key, f"read-{number}")
        found = httpx.get(
            f"{four.url}/api/v1/breakers?q=read-{number}&service=shown", headers=headers, timeout=15
        ).json()
        assert [item["state"] for item in found["items"] if item["name"] == f"read-{number}"] == ["open"]


def tells_of_after(frame: dict[str, Any]) -> bool:
    return frame["op"] == "delta" and any(card.get("name") == "after" for card in frame["data"])


async def until(line: Any, holds: Any) -> None:
    async with asyncio.timeout(15):
        while not holds(json.loads(await line.recv())):
            pass


def test_an_order_reaches_a_service_that_waits_at_another_process(four: Board) -> None:
    key, token = four.service("waiting"), four.token("operator")
    headers = {"Authorization": f"Bearer {key}"}
    opens(four, key, "payments")
    got: list[list[str]] = []

    def poll() -> None:
        url = f"{four.url}/api/v1/commands?instance=default&wait=20"
        answer = httpx.get(url, headers=headers, timeout=30)
        got.append([command["action"] for command in answer.json()["commands"]])

    ada = {"Authorization": f"Bearer {token}"}
    [card] = httpx.get(f"{four.url}/api/v1/breakers?service=waiting", headers=ada, timeout=15).json()["items"]
    waiting = threading.Thread(target=poll)
    waiting.start()
    order = {"action": "probe", "reason": "it is back"}
    answer = httpx.post(f"{four.url}/api/v1/breakers/{card['id']}/commands", json=order, headers=ada, timeout=15)
    assert answer.status_code == 201, answer.text
    waiting.join(10)
    assert got == [["probe"]]


@pytest.mark.alone
def test_a_rate_holds_over_all_of_them(four: Board) -> None:
    """20 events a second, after calm 20 at once: alone, each of the four would let so much pass."""
    token = four.token("admin")
    key = four.service("fast")
    told = httpx.patch(
        f"{four.url}/api/v1/services/fast",
        json={"limits": {"events_per_s": 20, "events_burst": 20}},
        headers={"Authorization": f"Bearer {token}"},
        timeout=15,
    )
    assert told.status_code == 200, told.text
    end = time.monotonic() + 5
    statuses: list[int] = []

    def post_on() -> None:
        while time.monotonic() < end:
            # A new connection each time, so that each process gets its share.
            answer = httpx.post(
                f"{four.url}/api/v1/events",
                json={"type": "success", "breaker": "b"},
                headers={"Authorization": f"Bearer {key}"},
                timeout=15,
            )
            statuses.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
                time.sleep(0.01)

    threads = [threading.Thread(target=post_on) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    # What was let pass before they told each other is owed: 20 + 5 × 20, and a fifth of a second of each.
    assert set(statuses) == {202, 429}
    assert 60 <= statuses.count(202) <= 200
    sql = "SELECT r.what FROM breakers_reachedlimit r JOIN breakers_service s ON s.id = r.service_id WHERE s.name = 'fast'"
    wait_for(lambda: rows(four, sql) == [("events",)], 10, "the limit to be written down")


def test_they_end_together_within_ten_seconds(four: Board) -> None:
    started = time.monotonic()
    assert four.stop() == 0
    assert time.monotonic() - started < 10
    assert "Traceback" not in four.output()
