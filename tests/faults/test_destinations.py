"""Destinations that misbehave, and secrets that must not: real workers, real sockets."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from standardwebhooks import Webhook

from tests.alerts import receiver as behaviours
from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver, certificate, receiver
from tests.board import Board
from tests.faults.injected import sitecustomize
from tests.faults.posting import opens
from tests.faults.store import rows
from tests.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
INJECTED = Path(sitecustomize.__file__).parent
CANARY = "CaNaRy"
ALERTS = 6
DEADLINE = 10.0  # s that a try may take
MISBEHAVE = {
    "hangs": behaviours.hangs,
    "closes": behaviours.closes,
    "drips": behaviours.drips_headers,
    "floods": behaviours.answers(500, b"x" * 10_000_000),
    "babbles": behaviours.babbles,
    "bombs": behaviours.bombs,
    "redirects": behaviours.answers(302, headers="Location: http://169.254.169.254/latest/\r\n"),
    "absurd": behaviours.answers(503, headers="Retry-After: 99999999999\r\n"),
}
# Over TLS: (the name and the days of its certificate, whether the board knows it, whether it knows TLS 1.0 alone).
SECURED = {
    "secured": ("localhost", 1, True, False),
    "self-signed": ("localhost", 1, False, False),
    "expired": ("localhost", -1, True, False),
    "of another name": ("other.example", 1, True, False),
    "outdated": ("localhost", 1, True, True),
}
# What is reached by a name: `listens` accepts connections and says nothing, not even a handshake.
NAMED = {
    "listens": "https://localhost:{port}/",
    "unknown": f"http://{sitecustomize.UNKNOWN}:{{port}}/",
    "lost in looking up": f"http://{sitecustomize.HANGS}:{{port}}/",
}


@dataclass
class Neighbours:
    """One that is well, and one of each kind that is not: who they are, where, and what is known of their certificates."""

    receivers: dict[str, Receiver]
    urls: dict[str, str]
    authorities: Path

    def __getitem__(self, name: str) -> Receiver:
        return self.receivers[name]


@pytest.fixture(scope="module")
def receivers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """All of them."""
    directory = tmp_path_factory.mktemp("certificates")
    known = b""
    with ExitStack() as stack:
        found = {name: stack.enter_context(receiver()) for name in ("well", "busy", *MISBEHAVE, *NAMED)}
        # For a moment only: then it takes what it is sent.
        found["busy"].script = [behaviours.answers(429, headers="Retry-After: 2\r\n")] * 2
        for name, behaviour in MISBEHAVE.items():
            found[name].then = behaviour
        urls = {name: one.url for name, one in found.items()}
        urls |= {name: url.format(port=found[name].port) for name, url in NAMED.items()}
        for name, (host, days, is_known, outdated) in SECURED.items():
            (own := directory / name).mkdir()
            chain = certificate(own, host, days)
            found[name] = stack.enter_context(receiver(chain, outdated=outdated))
            urls[name] = f"https://localhost:{found[name].port}/"
            known += chain.read_bytes() if is_known else b""
        authorities = directory / "authorities.pem"
        authorities.write_bytes(known)
        yield Neighbours(found, urls, authorities)


@pytest.fixture(scope="module")
def board(receivers: Neighbours) -> Iterator[Board]:
    """A board that tells them all."""
    with Board(
        ALERT_URLS=" ".join(receivers.urls.values()),
        ALERT_WEBHOOK_SECRET=SECRET,
        ALLOW_PRIVATE_TARGETS="1",
        SSL_CERT_FILE=str(receivers.authorities),
        PYTHONPATH=str(INJECTED),
    ) as running:
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


def tries(board: Board, receivers: Neighbours) -> dict[str, set[tuple[str, str]]]:
    """How each neighbour's tries ended, and why, as the trail has it."""
    sql = (
        "SELECT d.name, a.outcome, a.error FROM alerts_attempt a JOIN alerts_notification n ON n.id = a.notification_id"
        " JOIN alerts_destination d ON d.id = n.destination_id"
    )
    names = {urlsplit(url).netloc: name for name, url in receivers.urls.items()}
    found: dict[str, set[tuple[str, str]]] = {}
    for shown, outcome, error in rows(board, sql):
        found.setdefault(names[urlsplit(shown).netloc], set()).add((outcome, error))
    return found


def test_bad_neighbours_delay_nobody(board: Board, receivers: Neighbours) -> None:
    key = board.service("orders")
    names = [f"breaker-{number}" for number in range(ALERTS)]
    for name in names:
        opens(board, key, name)
    for well in ("well", "secured"):
        wait_for(lambda well=well: len(told(receivers[well])) == ALERTS, 30, f"the one that is {well} to hear of all")
        assert sorted(told(receivers[well])) == names
        # Not one of those that hang was given up by then.
        heard = max(at for at, _ in of_orders(receivers[well]))
        for name in ("hangs", "drips"):
            assert heard < min(request.at for request in receivers[name].requests) + DEADLINE, name
    # The others are tried, and each again by its own times.
    for name in ("closes", "redirects"):
        wait_for(
            lambda name=name: len(told(receivers[name])) > 1, 40, f"the one that {name} to be tried more than once"
        )
    wait_for(lambda: len(told(receivers["busy"])) == ALERTS + 2, 40, "the one that is busy to be told again")
    # Those that are under way when it first says so come all the same: each message by itself waits.
    by_message: dict[str, list[float]] = {}
    for request in receivers["busy"].requests:
        by_message.setdefault(request.headers["webhook-id"], []).append(request.at)
    waits = [later - earlier for times in by_message.values() for earlier, later in pairwise(times)]
    assert min(waits) > 1.5, "it asked for two seconds"
    assert len({request.headers["webhook-id"] for request in receivers["absurd"].requests}) == len(
        receivers["absurd"].requests
    ), "it asked for a hundred years, and gets an hour"


def test_each_failure_has_its_plain_reason_in_the_trail(board: Board, receivers: Neighbours) -> None:
    """After the openings. What is not good is never spoken to over plain HTTP instead."""
    expected = {
        "well": {("accepted", "")},
        "secured": {("accepted", "")},
        "bombs": {("accepted", "")},
        "hangs": {("unanswered", "no answer within 10 s")},
        "drips": {("unanswered", "no answer within 10 s")},
        "closes": {("unanswered", "what came back is no HTTP answer")},
        "babbles": {("unanswered", "what came back is no HTTP answer")},
        "floods": {("refused", "answered 500")},
        "redirects": {("refused", "answered 302")},
        "busy": {("refused", "answered 429"), ("accepted", "")},
        "absurd": {("refused", "answered 503")},
        "self-signed": {("unreachable", "the certificate is not good: self-signed certificate")},
        "expired": {("unreachable", "the certificate is not good: certificate has expired")},
        "of another name": {
            ("unreachable", "the certificate is not good: Hostname mismatch, certificate is not valid for 'localhost'.")
        },
        "outdated": {("unreachable", "TLS failed: it speaks no version from 1.2 on")},
        "listens": {("unreachable", "no connection in time")},
        "unknown": {("unreachable", "the name does not resolve")},
        "lost in looking up": {("unreachable", "the name did not resolve within 3 s")},
    }
    wait_for(lambda: len(tries(board, receivers)) == len(expected), 30, "each to be tried to an end")
    assert tries(board, receivers) == expected
    untold = [*NAMED, *(name for name in SECURED if name != "secured")]
    assert {name: receivers[name].requests for name in untold} == {name: [] for name in untold}


def test_a_name_that_leads_inside_when_it_counts(board: Board, receivers: Neighbours) -> None:
    """At set-up it led to a public address; at the try it leads to the cloud's own. Nobody is asked there, and it is not tried again."""
    with api(board) as ada:
        config = {"url": f"https://{sitecustomize.TURNS}/hook"}
        added = ada.post("/destinations", json={"name": "turns", "kind": "webhook", "config": config})
        assert (added.status_code, added.json().get("warnings", [])) == (201, [])
        opens(board, board.service("orders"), "turned")
        sql = (
            "SELECT n.state, n.attempt, a.outcome, a.error FROM alerts_notification n"
            " JOIN alerts_attempt a ON a.notification_id = n.id JOIN alerts_destination d ON d.id = n.destination_id"
            " WHERE d.name = 'turns'"
        )
        found = wait_for(lambda: rows(board, sql), 20, "it to be tried")
        said = f"the address {sitecustomize.INSIDE} is reserved: it must not be reached"
        assert found == [("dead", 1, "forbidden", said)]
        ada.delete(f"/destinations/{added.json()['id']}")


def test_a_failing_destination_is_told_of_through_another(board: Board, receivers: Neighbours) -> None:
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


def test_a_canary_of_a_destination_set_up_here_sings_nowhere(board: Board, receivers: Neighbours) -> None:
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


def test_with_another_key_it_says_what_it_cant_read_and_goes_on(board: Board, receivers: Neighbours) -> None:
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
