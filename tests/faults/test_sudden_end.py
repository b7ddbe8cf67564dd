"""The board is killed, or told to stop, while services post: what was answered 202 is there, each once."""

import threading
import time

import httpx
import pytest

from tests.board import Board
from tests.faults.posting import Posters, check_each_once
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_the_whole_group_is_killed(either: Board) -> None:
    key = either.service("orders")
    with Posters(either, key) as posters:
        posters.wait_for_taken(600)
        either.kill9()
        wait_for(lambda: None in posters.statuses(), 10, "a post to stay without an answer")
    either.start()
    check_each_once(either, posters, "orders")


def test_the_web_process_is_killed(either: Board) -> None:
    """`up` starts it again by itself, and says so."""
    key = either.service("checkout")
    with Posters(either, key) as posters:
        posters.wait_for_taken(600)
        either.part("web").kill()
        wait_for(lambda: None in posters.statuses(), 10, "a post to stay without an answer")
        posters.wait_for_taken(300, 60)
    assert "web was ended by SIGKILL" in either.output()
    check_each_once(either, posters, "checkout")


def test_it_is_told_to_stop(either: Board) -> None:
    """Clean within 10 s: each post is answered or refused, and a service that waits for commands is sent home."""
    key = either.service("payments")
    polled: list[httpx.Response] = []

    def poll() -> None:
        headers = {"Authorization": f"Bearer {key}"}
        polled.append(httpx.get(f"{either.url}/api/v1/commands?instance=orders-1&wait=25", headers=headers, timeout=40))

    waiting = threading.Thread(target=poll)
    waiting.start()
    with Posters(either, key) as posters:
        posters.wait_for_taken(600)
        assert waiting.is_alive()
        started = time.monotonic()
        assert either.stop() == 0
        assert time.monotonic() - started < 10
    waiting.join(1)
    assert [(answer.status_code, answer.json()) for answer in polled] == [(200, {"commands": []})]
    assert posters.statuses() <= {202, 503, None}
    either.start()
    check_each_once(either, posters, "payments")
    assert "Traceback" not in either.output()
