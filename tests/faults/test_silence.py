"""Every worker and beat are dead, and stay so: the wall still turns stale, in an API and on a page that is open."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import connect

from tests.board import Board
from tests.faults.processes import frozen
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def board() -> Iterator[Board]:
    """A board of its own."""
    with Board() as board:
        yield board


def test_nothing_stays_green_without_workers(board: Board) -> None:
    key, token = board.service("orders"), board.token("viewer")
    # Once a worker was seen to sweep, none is left to.
    with frozen(board.part("evaluate"), board.part("beat")):
        beat = {"type": "heartbeat", "breaker": "payments", "state": "closed", "interval_s": 1}
        posted = httpx.post(
            f"{board.url}/api/v1/events", json=beat, headers={"Authorization": f"Bearer {key}"}, timeout=10
        )
        assert posted.status_code == 202
        headers = {"Authorization": f"Bearer {token}"}
        with connect(f"ws{board.url.removeprefix('http')}/ws/live/", additional_headers=headers) as socket:
            socket.send(json.dumps({"op": "subscribe", "topic": "wall"}))
            begun = time.monotonic()
            states = []
            while not states or states[-1] not in ("stale", "unknown"):
                frame = json.loads(socket.recv(timeout=40))
                items = frame.get("data", {}) if frame["op"] == "snapshot" else {}
                cards = items.get("items", []) if frame["op"] == "snapshot" else frame.get("data", [])
                states += [card["state"] for card in cards if isinstance(card, dict) and "state" in card]
                assert time.monotonic() - begun < 40, states
        assert states[0] == "closed"
        [card] = httpx.get(f"{board.url}/api/v1/breakers", headers=headers, timeout=10).json()["items"]
        assert card["state"] in ("stale", "unknown")
    wait_for(lambda: "no worker notices silence" in board.output(), 5, "the log to say who swept")
