"""Destinations that misbehave, and secrets that must not: real workers, real sockets."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import httpx
import pytest
from standardwebhooks import Webhook

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver, receiver
from tests.board import Board
from tests.faults.posting import opens
from tests.faults.store import rows
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
CANARY = "CaNaRy"
ALERTS = 6
DEADLINE = 10.0  # s that a try may take
MISBEHAVE = {
    "hangs": behaviours.hangs,
    "closes": behaviours.closes,
    "drips": behaviours.drips_headers,
    "floods": behaviours.answers(500, b"x" * 10_000_000),
    "redirects": behaviours.answers(302, headers="Location: http://169.254.169.254/latest/\r\n"),
    "busy": behaviours.answers(429, headers="Retry-After: 2\r\n"),
}


@pytest.fixture(scope="module")
def receivers() -> Iterator[dict[str, Receiver]]:
    """One that is well, and one of each kind that is not."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(receiver()) for name in ("well", *MISBEHAVE)}
        for name, behaviour in MISBEHAVE.items():
            found[name].then = behaviour
        yield found


@pytest.fixture(scope="module")
def board(receivers: dict[str, Receiver]) -> Iterator[Board]:
    """A board that tells them all."""
    urls = " ".join(one.url for one in receivers.values())
    with Board(ALERT_URLS=urls, ALERT_WEBHOOK_SECRET=SECRET, ALLOW_PRIVATE_TARGETS="1") as running:
        yield running


def api(board: Board) -> httpx.Client:
    """An admin's script."""
    headers = {"Authorization": f"Bearer {board.token('admin')}"}
    return httpx.Client(base_url=f"{board.url}/api/v1", headers=headers, timeout=20)


def of_orders(one: Receiver) -> list[tuple[float, str]]:
    """When it was told of which breaker of `orders`, in that order."""
    alerts = [(request.at, json.loads(request.body)["alert"]) for request in one.requests]
    return [(at, alert["breaker"]["name"]) for at, alert in alerts if alert["service"] == "orders"]


def told(one: Receiver) -> list[str]:
    """The breakers of `orders` that it was told of, in their order."""
    return [name for _, name in of_orders(one)]


def tried_again(one: Receiver) -> bool:
    """Whether a message came to it twice."""
    ids = [request.headers["webhook-id"] for request in one.requests]
    return len(set(ids)) < len(ids)


def test_bad_neighbours_delay_nobody(board: Board, receivers: dict[str, Receiver]) -> None:
    key = board.service("orders")
    names = [f"breaker-{number}" for number in range(ALERTS)]
    for name in names:
        opens(board, key, name)
    well = receivers["well"]
    wait_for(lambda: len(told(well)) == ALERTS, 30, "the one that is well to hear of all", every=0.05)
    assert sorted(told(well)) == names
    # Not one of those that hang was given up by then.
    heard = max(at for at, _ in of_orders(well))
    for name in ("hangs", "drips"):
        assert heard < min(request.at for request in receivers[name].requests) + DEADLINE, name
    # The others are tried, and each again by its own times.
    for name in ("closes", "redirects"):
        wait_for(
            lambda name=name: len(told(receivers[name])) > 1, 40, f"the one that {name} to be tried more than once"
        )
    wait_for(lambda: tried_again(receivers["busy"]), 60, "the one that is busy to be told again")
    # Those that are under way when it first says so come all the same: each message by itself waits.
    tries: dict[str, list[float]] = {}
    for request in receivers["busy"].requests:
        tries.setdefault(request.headers["webhook-id"], []).append(request.at)
    waits = [later - earlier for times in tries.values() for earlier, later in pairwise(times)]
    assert min(waits) > 1.5, "it asked for two seconds"
    outcomes = dict(
        rows(
            board,
            "SELECT d.name, min(a.outcome) FROM alerts_attempt a JOIN alerts_notification n ON n.id = a.notification_id"
            " JOIN alerts_destination d ON d.id = n.destination_id GROUP BY d.name",
        )
    )
    by_port = {name: outcomes.get(f"http://127.0.0.1:{one.port}") for name, one in receivers.items()}
    assert {name: by_port[name] for name in ("well", "closes", "floods", "redirects", "busy")} == {
        "well": "accepted",
        "closes": "unanswered",
        "floods": "refused",
        "redirects": "refused",
        "busy": "refused",
    }


def test_a_failing_destination_is_told_of_through_another(board: Board, receivers: dict[str, Receiver]) -> None:
    """Its own breaker opened: the one that is well hears of it, and the wall shows it."""
    port = receivers["closes"].port
    with api(board) as ada:
        [rule] = [each for each in ada.get("/rules").json()["items"] if each["kind"] == "delivery failing"]
        assert ada.patch(f"/rules/{rule['id']}", json={"for_s": 5}).status_code == 200

        def heard() -> bool:
            bodies = [json.loads(request.body) for request in receivers["well"].requests]
            return any(body["alert"]["rule"] == "delivery failing" and str(port) in body["summary"] for body in bodies)

        wait_for(heard, 90, "the others to be told of it", every=0.5)
        cards = ada.get("/breakers", params={"service": "breakerboard"}).json()["items"]
        assert f"http://127.0.0.1:{port}" in [card["name"] for card in cards]


def test_a_canary_of_a_destination_set_up_here_sings_nowhere(board: Board, receivers: dict[str, Receiver]) -> None:
    well = receivers["well"]
    secret = "whsec_" + "Q2FOYVJ5U2VjcmV0Q2FOYVJ5U2VjcmV0"
    with api(board) as ada:
        config = {"url": f"http://127.0.0.1:{well.port}/{CANARY}path?{CANARY}=query", "secret": secret}
        added = ada.post("/destinations", json={"name": "mine", "kind": "webhook", "config": config})
        slack = {"url": f"slack://{CANARY}AAAA/{CANARY}BBBBB/{CANARY}CCCCCCCCCCCCCCCCCC"}
        wrong = ada.post("/destinations", json={"name": "chat", "kind": "apprise", "config": slack})
        tested = ada.post(f"/destinations/{added.json()['id']}/test")
        assert tested.json()["sent"] is True
        opens(board, board.service("orders"), "canary")
        wait_for(
            lambda: any(CANARY in each.path and b"canary" in each.body for each in well.requests), 20, "it to be told"
        )
        [request] = [each for each in well.requests if CANARY in each.path and b'"canary"' in each.body]
        assert json.loads(request.body) == Webhook(secret).verify(request.body, request.headers)
        listed = [ada.get(path).text for path in ("/destinations", "/audit", "/alerts", "/routes", "/openapi.json")]
    said = [added.text, wrong.text, tested.text, *listed, board.output()]
    assert [text for text in said if CANARY in text or secret[6:] in text] == []
    kept = b"".join(path.read_bytes() for path in board.data_dir.glob("breakerboard.sqlite3*"))
    assert CANARY.encode() not in kept
    assert secret[6:].encode() not in kept


def test_with_another_key_it_says_what_it_cant_read_and_goes_on(board: Board, receivers: dict[str, Receiver]) -> None:
    """After the canary's: `mine` is sealed with the key of then."""
    before = board.environ.get("SECRET_KEY")
    board.stop()
    board.environ["SECRET_KEY"] = "another-key-" + "k" * 50
    try:
        board.start()
        key = board.service("orders")
        opens(board, key, "keyless")
        wait_for(lambda: "keyless" in told(receivers["well"]), 30, "the others to be told")
        with api(board) as ada:
            [mine] = [each for each in ada.get("/destinations").json()["items"] if each["name"] == "mine"]
            tested = ada.post(f"/destinations/{mine['id']}/test").json()
            assert tested["sent"] is False
            assert "configuration can't be read" in tested["error"]
            assert "SECRET_KEY" in tested["error"]
            assert ada.get("/breakers").status_code == 200
            # Set up anew, it is read again.
            config = {"url": receivers["well"].url}
            assert ada.patch(f"/destinations/{mine['id']}", json={"config": config}).status_code == 200
            assert ada.post(f"/destinations/{mine['id']}/test").json()["sent"] is True
    finally:
        if before is None:
            del board.environ["SECRET_KEY"]
        else:
            board.environ["SECRET_KEY"] = before
