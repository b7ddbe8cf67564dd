"""A real breaker trips, the board stores it, shows it, tells the team; someone resets it, and it is proved to have reached.

Everything is real: the tree of processes, the client package, pybreaker, a socket, an alert's receiver, Standard Webhooks.
"""

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pybreaker
import pytest
from breakerboard import Reporter
from standardwebhooks import Webhook
from websockets.sync.client import connect

from tests.alerts.receiver import Receiver, receiver
from tests.board import Board
from tests.postgres import postgres_server
from tests.servers import wait_for

pytestmark = pytest.mark.timeout(180)
SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture(params=["sqlite", "postgresql"])
def board(request: pytest.FixtureRequest) -> Iterator[tuple[Board, Receiver]]:
    """A board that tells a receiver, on either database."""
    with receiver() as hook:
        environ = {"ALERT_URLS": hook.url, "ALERT_WEBHOOK_SECRET": SECRET}
        if request.param == "sqlite":
            with Board(**environ) as board:
                yield board, hook
        else:
            with postgres_server() as server, Board(DATABASE_URL=server.url, **environ) as board:
                yield board, hook


@pytest.fixture
def closing_later() -> Iterator[ExitStack]:
    """What the test opens is closed after it."""
    with ExitStack() as stack:
        yield stack


def resolve_quickly(board: Board) -> None:
    """Resolve a second after closing, not a minute."""
    headers = {"Authorization": f"Bearer {board.token('admin')}"}
    with httpx.Client(base_url=board.url, headers=headers, timeout=10) as api:
        [opened] = [rule for rule in api.get("/api/v1/rules").json()["items"] if rule["kind"] == "opened"]
        assert api.patch(f"/api/v1/rules/{opened['id']}", json={"keep_s": 1}).json()["keep_s"] == 1


def frames_until(socket: Any, wanted: Callable[[dict[str, Any]], bool], seconds: float = 10) -> dict[str, Any]:
    """The first frame that is wanted."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        frame = json.loads(socket.recv(timeout=left))
        if wanted(frame):
            return frame
    raise AssertionError("no such frame came")


def fail() -> None:
    raise ConnectionError("payments is down")


def test_trip_alert_reset_proof(board: tuple[Board, Receiver], closing_later: ExitStack) -> None:
    running, hook = board
    resolve_quickly(running)
    key, token = running.service("checkout"), running.token("operator", "ada")
    breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=600, name="payments")
    reporter = Reporter(running.url, key, instance="checkout-1")
    reporter.attach(breaker, dependency="payments-api", labels={"team": "checkout"})
    headers = {"Authorization": f"Bearer {token}"}
    api = closing_later.enter_context(httpx.Client(base_url=running.url, headers=headers, timeout=10))
    with connect(running.url.replace("http", "ws") + "/ws/live/", additional_headers=headers) as socket:
        socket.send(json.dumps({"op": "subscribe", "topic": "wall"}))
        assert frames_until(socket, lambda frame: frame["op"] == "snapshot")["topic"] == "wall"

        for _ in range(3):
            with pytest.raises((ConnectionError, pybreaker.CircuitBreakerError)):
                breaker.call(fail)
        shown = frames_until(
            socket, lambda f: f["op"] == "delta" and any(card.get("state") == "open" for card in f["data"])
        )
        [card] = [card for card in shown["data"] if card["state"] == "open"]
        assert (card["service"], card["name"], card["dependency"], card["labels"]) == (
            "checkout",
            "payments",
            "payments-api",
            {"team": "checkout"},
        )
        stored = api.get(f"/api/v1/breakers/{card['id']}").json()
        assert (stored["state"], stored["instances"]) == ("open", {"open": 1})

        [firing] = hook.wait_for(1, 20)
        told = Webhook(SECRET).verify(firing.body, firing.headers)
        assert (told["type"], told["kind"], told["alert"]["breaker"]["name"]) == ("alert.firing", "opened", "payments")
        assert firing.headers["idempotency-key"] == firing.headers["webhook-id"]

        order = {"action": "reset", "reason": "payments is back"}
        ordered = api.post(f"/api/v1/breakers/{card['id']}/commands", json=order)
        assert ordered.status_code == 201, ordered.text
        wait_for(lambda: breaker.current_state == "closed", 10, "the real breaker to close")

        def proved() -> dict[str, Any] | None:
            """The event that shows it may come before the client's own word."""
            told = api.get(f"/api/v1/commands/{ordered.json()['id']}").json()
            [delivery] = told["deliveries"]
            return delivery if told["status"] == "confirmed" and delivery["applied_at"] else None

        delivery = wait_for(proved, 10, "the reset to be applied and confirmed")
        assert delivery["instance"] == "checkout-1"
        assert delivery["delivered_at"] <= delivery["applied_at"]
        assert delivery["confirmed_at"] is not None
        frames_until(socket, lambda f: f["op"] == "delta" and any(card.get("state") == "closed" for card in f["data"]))

    [_, resolved] = hook.wait_for(2, 30)
    told = Webhook(SECRET).verify(resolved.body, resolved.headers)
    assert (told["type"], told["alert"]["id"]) == ("alert.resolved", json.loads(firing.body)["alert"]["id"])
    audited = api.get("/api/v1/audit").json()["items"]
    assert [
        (line["actor"], line["verb"], line["reason"]) for line in audited if line["verb"].startswith("command")
    ] == [("ada", "command.reset", "payments is back")]
    reporter.close()
    gone = api.get(f"/api/v1/breakers/{card['id']}").json()
    assert (gone["state"], gone["instances"]) == ("unknown", {})


def test_two_boards_run_side_by_side() -> None:
    with Board() as one, Board() as other:
        key = one.service("orders")
        event = {"type": "success", "breaker": "stock"}
        posted = [
            httpx.post(f"{board.url}/api/v1/events", headers={"Authorization": f"Bearer {key}"}, json=event).status_code
            for board in (one, other)
        ]
    assert posted == [202, 401]
