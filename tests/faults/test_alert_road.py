"""The alert road under faults: a whole board, a receiver on a real socket, and processes that die without a word."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver, Request, receiver
from tests.board import Board
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    """A receiver that the environment names."""
    with receiver() as one:
        yield one


@pytest.fixture(scope="module")
def board(hook: Receiver) -> Iterator[Board]:
    """A board that knows it. Each test has breakers of its own."""
    with Board(ALERT_URLS=hook.url, ALERT_WEBHOOK_SECRET=SECRET) as running:
        yield running


def opens(board: Board, name: str) -> None:
    """A breaker of `orders` opens."""
    event = {"type": "state_change", "breaker": name, "to_state": "open"}
    key = board.service("orders")
    answer = httpx.post(
        f"{board.url}/api/v1/events", headers={"Authorization": f"Bearer {key}"}, json=event, timeout=10
    )
    assert answer.status_code == 202


def told(hook: Receiver, prefix: str, count: int, seconds: float) -> list[Request]:
    """What the receiver got about breakers whose names begin so, once it is so much."""

    def look() -> list[Request] | None:
        found = [each for each in hook.requests if _name(each).startswith(prefix)]
        return found if len(found) >= count else None

    return wait_for(look, seconds, f"{count} requests about {prefix}")


def _name(request: Request) -> str:
    return str(json.loads(request.body)["alert"]["breaker"]["name"])


def test_a_broker_that_is_killed(board: Board, hook: Receiver) -> None:
    """Alerts are late, not lost: what opened without a broker is told once it is back, and each once."""
    board.part("valkey").kill()
    for number in range(3):
        opens(board, f"late-{number}")
    told(hook, "late", 3, 60)
    time.sleep(6)  # A sweep more: nothing is told twice.
    assert sorted(_name(each) for each in told(hook, "late", 3, 0)) == ["late-0", "late-1", "late-2"]


def test_everything_is_killed_and_started_again(board: Board, hook: Receiver) -> None:
    """What was stored and not told is told after the start, with its true times."""
    hook.then = behaviours.answers(503)
    opens(board, "again")
    told(hook, "again", 1, 20)
    board.kill9()
    hook.then = behaviours.answers(200)
    before = len(told(hook, "again", 1, 0))
    board.start()
    requests = told(hook, "again", before + 1, 60)
    assert len({each.headers["webhook-id"] for each in requests}) == 1
    assert len({each.body for each in requests}) == 1
