"""The alert road under faults of the board itself: what was owed before is told after, once each, by its name, in its order."""

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver
from tests.board import ROOT, Board
from tests.faults.clocks import move_moments
from tests.faults.posting import Posters, check_each_once, closes, opens
from tests.faults.store import rows
from tests.faults.telling import about, healthy, hears_of, kinds, names, outcomes, sweeps_pass
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
HOUR = 3600
BEFORE_THE_LAST = "0004_rules_incidents_silences"


@pytest.fixture(scope="module")
def board(told: Receiver) -> Iterator[Board]:
    """A board that tells a receiver, a recovery after five seconds. Each test has breakers of its own."""
    with Board(ALERT_URLS=told.url, ALERT_WEBHOOK_SECRET=SECRET) as running:
        headers = {"Authorization": f"Bearer {running.token('admin')}"}
        with httpx.Client(base_url=f"{running.url}/api/v1", headers=headers, timeout=20) as ada:
            [opened] = [each for each in ada.get("/rules").json()["items"] if each["kind"] == "opened"]
            assert ada.patch(f"/rules/{opened['id']}", json={"keep_s": 5}).status_code == 200
        yield running


@pytest.fixture(scope="module")
def key(board: Board) -> str:
    """The key of `orders`."""
    return board.service("orders")


def owes(board: Board, told: Receiver, key: str, name: str) -> str:
    """An alert that was tried, and has to be tried again; the name of its message."""
    told.then = behaviours.answers(503, headers="Retry-After: 2\r\n")
    opens(board, key, name)
    [first, *_] = hears_of(told, name, 20)
    wait_for(lambda: outcomes(board, first), 10, "the try to be written down")
    return first.headers["webhook-id"]


def is_told_once(board: Board, told: Receiver, name: str, webhook_id: str, seconds: float) -> None:
    """Under the same name, with the same words, accepted once."""
    wait_for(lambda: "accepted" in outcomes(board, about(told, name)[0]), seconds, f"{name} to be told")
    requests = about(told, name)
    assert {each.headers["webhook-id"] for each in requests} == {webhook_id}
    assert len({each.body for each in requests}) == 1
    assert outcomes(board, requests[0]).count("accepted") == 1


def test_a_broker_that_is_killed(board: Board, told: Receiver, key: str) -> None:
    """Alerts are late, not lost: what opened without a broker is told once it is back, and each once."""
    board.part("valkey").kill()
    for number in range(3):
        opens(board, key, f"late-{number}")
    for number in range(3):
        hears_of(told, f"late-{number}", 60)
    sweeps_pass(board)
    assert sorted(names(told)) == ["late-0", "late-1", "late-2"]


def test_everything_is_killed_and_started_again(board: Board, told: Receiver, key: str) -> None:
    """What was stored and not told is told after the start, with its true times."""
    owed = owes(board, told, key, "again")
    board.kill9()
    told.then = behaviours.answers(200)
    board.start()
    is_told_once(board, told, "again", owed, 60)


def test_a_deployment_that_brings_new_tables(board: Board, told: Receiver, key: str) -> None:
    """The tables are those of an earlier version; the new one brings them up to date, and goes on where the old one stopped."""
    owed = owes(board, told, key, "deployed")
    opens(board, key, "deployed-2")
    with Posters(board, board.service("deployed"), threads=4, pause=0.02, name="deployed") as posters:
        posters.wait_for_taken(60)
        assert board.stop() == 0
        told.then = behaviours.answers(200)
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "alerts", BEFORE_THE_LAST], cwd=ROOT, env=board.environ, check=True
        )
        board.start()
        posters.wait_for_taken(60)
    is_told_once(board, told, "deployed", owed, 60)
    hears_of(told, "deployed-2", 30)
    closes(board, key, "deployed")
    wait_for(lambda: kinds(told, "deployed")[-1] == "resolved", 90, "the end of it to be told")
    check_each_once(board, posters, "deployed")


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
def test_the_clock_is_set(board: Board, told: Receiver, key: str, by: int) -> None:
    """All that is written lies an hour off, as it does after the clock was set: no wait is longer for it, and nothing is told twice."""
    name = f"clock-{by}"
    opens(board, key, name)
    first, *_ = hears_of(told, name, 20)
    wait_for(lambda: outcomes(board, first) == ["accepted"], 10, "it to be told")
    owed = owes(board, told, key, f"{name}-owed")
    closes(board, key, name)
    wait_for(lambda: "recovering" in status_of(board, name), 20, "its hold to begin")
    # An hour on the dial: with the clock set back, what was written lies ahead.
    move_moments(board, -by)
    told.then = behaviours.answers(200)
    is_told_once(board, told, f"{name}-owed", owed, 60)
    # Alerts lie an hour off, and the history that they rest on does not: that may be put right by an update.
    wait_for(lambda: pages(told, name) == ["opened", "resolved"], 90, "the end of the hold")
    sweeps_pass(board)
    assert pages(told, name) == ["opened", "resolved"]
    assert ("the clock was set back" in board.output()) is (by < 0)
    healthy(board)


def pages(told: Receiver, name: str) -> list[str]:
    """What was told of it, but for corrections."""
    return [kind for kind in kinds(told, name) if kind != "update"]


def status_of(board: Board, name: str) -> list[str]:
    sql = (
        "SELECT a.status FROM alerts_alert a JOIN breakers_breaker b ON b.id = a.breaker_id"
        f" WHERE b.name = '{name}' ORDER BY a.id DESC"
    )
    return [row[0] for row in rows(board, sql)]


def test_no_file_is_left_to_open(board: Board, told: Receiver, key: str) -> None:
    """Neither for the worker that sends nor for the web process: who is connected is served, strangers and the alert have to wait."""
    processes = [board.part("deliver"), board.part("web")]
    before = [process.rlimit(resource.RLIMIT_NOFILE) for process in processes]
    with (
        httpx.Client(base_url=board.url, headers={"Authorization": f"Bearer {key}"}, timeout=15) as client,
        Posters(board, board.service("filed"), threads=3, pause=0.02, name="filed") as posters,
    ):
        event = {"type": "state_change", "breaker": "no-file", "to_state": "closed"}
        assert client.post("/api/v1/events", json=event).status_code == 202
        posters.wait_for_taken(60)
        for process, (_, most) in zip(processes, before, strict=True):
            process.rlimit(resource.RLIMIT_NOFILE, (first_free(process), most))
        try:
            assert not is_served(board)
            assert client.post("/api/v1/events", json={**event, "to_state": "open"}).status_code == 202
            sweeps_pass(board, 1)
            posters.wait_for_taken(60)
            assert about(told, "no-file") == []
        finally:
            for process, limits in zip(processes, before, strict=True):
                process.rlimit(resource.RLIMIT_NOFILE, limits)
        wait_for(lambda: is_served(board), 10, "strangers to be let in again")
        posters.wait_for_taken(60)
    assert posters.statuses() == {202}
    [request] = hears_of(told, "no-file", 60)
    wait_for(lambda: outcomes(board, request)[-1:] == ["accepted"], 10, "it to be noted")
    # Where it came as far as a try.
    assert set(tried(board, "no-file")[:-1]) <= {"unreachable"}
    healthy(board)
    check_each_once(board, posters, "filed")


def is_served(board: Board) -> bool:
    """Whether one who comes anew gets an answer."""
    try:
        with socket.create_connection(("127.0.0.1", board.port), timeout=5) as stranger:
            stranger.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return stranger.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def first_free(process: psutil.Process) -> int:
    """The number that its next file would get."""
    used = {int(path.name) for path in Path(f"/proc/{process.pid}/fd").iterdir()}
    return min(set(range(len(used) + 1)) - used)


def tried(board: Board, name: str) -> list[str]:
    """How each try to tell of this breaker ended."""
    sql = (
        "SELECT t.outcome FROM alerts_attempt t JOIN alerts_notification n ON n.id = t.notification_id"
        " JOIN alerts_alert a ON a.id = n.alert_id JOIN breakers_breaker b ON b.id = a.breaker_id"
        f" WHERE b.name = '{name}' ORDER BY t.id"
    )
    return [row[0] for row in rows(board, sql)]
