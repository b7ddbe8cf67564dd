"""What an admin set at a service, as the service meets it over HTTP: signatures, rates, cardinality, redaction."""

import base64
import gzip
import hashlib
import hmac
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from breakers.domain.signatures import secret_bytes
from tests.board import Board
from tests.servers import wait_for

pytestmark = pytest.mark.timeout(120)
EVENT = {"type": "failure", "breaker": "payments", "error": {"type": "E", "message": "customer kd-4711 unknown"}}


class Admin:
    """Ada sets services up."""

    def __init__(self, board: Board, http: httpx.Client) -> None:
        self.board, self.http = board, http
        self._headers = {"Authorization": f"Bearer {board.token('admin')}"}

    def add(self, signatures: str = "off") -> "Sender":
        made = self._call("POST", "", json={"name": f"s-{uuid.uuid4()}", "signatures": signatures})
        return Sender(self, made["name"], made["key"], made["signing_secret"])

    def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self.http.request(method, f"/api/v1/services{path}", headers=self._headers, **more)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def set(self, sender: "Sender", **settings: Any) -> dict[str, Any]:
        return self._call("PATCH", f"/{sender.name}", json=settings)

    def reached(self, sender: "Sender") -> list[tuple[str, int]]:
        cursor = None
        while True:
            page = self._call("GET", "", params={"limit": 200, **({"cursor": cursor} if cursor else {})})
            for service in page["items"]:
                if service["name"] == sender.name:
                    return [(each["what"], each["times"]) for each in service["limits_reached"]]
            cursor = page["next"]


class Sender:
    """A service that signs as the published library does."""

    def __init__(self, admin: Admin, name: str, key: str, secret: str | None) -> None:
        self.board, self.http, self.name, self.secret = admin.board, admin.http, name, secret
        self.headers = {"authorization": f"Bearer {key}"}

    def post(self, body: object, **headers: str) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = {"content-type": "application/json", **self.headers, **headers}
        return self.http.post("/api/v1/events", content=raw, headers=told)

    def signed(
        self, body: object, *, secret: str | None = None, id: str = "", at: datetime | None = None
    ) -> httpx.Response:
        text, at, id = json.dumps(body), at or datetime.now(UTC), id or f"msg_{uuid.uuid4()}"
        signature = Webhook(secret or self.secret or "").sign(id, at, text)
        return self.post(text.encode(), **stamped(id, at, signature))

    def stored(self, what: str = "count(*)") -> list[Any]:
        path = self.board.data_dir / "breakerboard.sqlite3"
        sql = f"SELECT {what} FROM breakers_event e JOIN breakers_service s ON s.id = e.service_id WHERE s.name = ?"
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            return [row[0] for row in connection.execute(sql, [self.name])]


def stamped(id: str, at: datetime, signature: str) -> dict[str, str]:
    return {"webhook-id": id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def problem(answer: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["status"] == answer.status_code
    return told


@pytest.fixture(scope="module")
def admin() -> Iterator[Admin]:
    with (
        Board(REDACT_PATTERNS="secret-\\d{1,9}\nhidden") as board,
        httpx.Client(base_url=board.url, timeout=20) as http,
    ):
        yield Admin(board, http)


def test_signed_posts_are_taken_and_their_id_is_the_idempotency_key(admin: Admin) -> None:
    orders = admin.add("required")
    assert orders.signed([EVENT, EVENT], id="msg_1").json()["accepted"] == 2
    assert orders.signed([EVENT, EVENT], id="msg_1").json()["duplicates"] == 2
    again = problem(orders.signed([EVENT], id="msg_1"))
    assert (again["status"], again["detail"]) == (409, "the idempotency key 'msg_1' was used before with another body")
    assert orders.stored() == [2]


def test_a_compressed_body_is_signed_as_it_is_sent(admin: Admin) -> None:
    orders = admin.add("required")
    packed = gzip.compress(json.dumps(EVENT).encode())
    at = datetime.now(UTC)
    # The published library signs text: here the same HMAC over the bytes.
    content = f"msg_1.{int(at.timestamp())}.".encode() + packed
    digest = hmac.new(secret_bytes(orders.secret or ""), content, hashlib.sha256).digest()
    headers = stamped("msg_1", at, f"v1,{base64.b64encode(digest).decode()}")
    assert orders.post(packed, **headers, **{"content-encoding": "gzip"}).json()["accepted"] == 1
    refused = problem(orders.post(gzip.compress(b"[]"), **headers, **{"content-encoding": "gzip"}))
    assert (refused["status"], refused["code"]) == (403, "no_match")


def test_what_is_not_signed_as_it_should_be_is_refused_and_nothing_is_stored(admin: Admin) -> None:
    orders = admin.add("required")
    late = datetime.fromtimestamp(time.time() - 1_000, UTC)
    refused = [
        problem(answer)
        for answer in (
            orders.post(EVENT),
            orders.signed(EVENT, at=late),
            orders.signed(EVENT, secret=admin.add("required").secret),
            orders.signed(EVENT, id="a.b"),
        )
    ]
    assert [(each["status"], each["code"]) for each in refused] == [
        (403, "signature_missing"),
        (403, "too_old"),
        (403, "no_match"),
        (403, "bad_webhook_id"),
    ]
    assert -1_010 < refused[1]["clock_off_s"] <= -999
    assert orders.stored() == [0]
    assert orders.signed(EVENT).json()["accepted"] == 1, "each of them can be sent again, signed well"


def test_a_secret_is_rotated_without_a_gap(admin: Admin) -> None:
    orders = admin.add("required")
    old, new = orders.secret, admin.set(orders, rotate_secret=True)["signing_secret"]
    wait_for(lambda: orders.signed(EVENT, secret=new).status_code == 202, 10, "the new secret to be taken")
    assert orders.signed(EVENT, secret=old).status_code == 202
    at, id = datetime.now(UTC), "msg_both"
    both = " ".join(Webhook(secret).sign(id, at, json.dumps(EVENT)) for secret in (admin.add("optional").secret, new))
    assert orders.post(json.dumps(EVENT).encode(), **stamped(id, at, both)).status_code == 202


def test_signatures_may_be_optional(admin: Admin) -> None:
    orders = admin.add("optional")
    assert orders.post(EVENT).status_code == 202
    assert orders.signed(EVENT).status_code == 202
    assert problem(orders.signed(EVENT, secret=admin.add("optional").secret))["code"] == "no_match"


def test_too_many_events_a_second_wait_as_long_as_they_are_told(admin: Admin) -> None:
    orders = admin.add()
    admin.set(orders, limits={"events_per_s": 5, "events_burst": 10})
    assert orders.post([EVENT] * 10, **{"idempotency-key": "a"}).status_code == 202
    answer = orders.post([EVENT] * 5, **{"idempotency-key": "b"})
    told = problem(answer)
    assert (told["status"], told["title"], answer.headers["retry-after"]) == (429, "Too Many Requests", "1")
    assert told["detail"] == (
        "the service posts more than its 5 events a second (after calm, 10 at once); nothing of this was taken"
    )
    time.sleep(1)
    assert orders.post([EVENT] * 5, **{"idempotency-key": "b"}).json()["accepted"] == 5
    wait_for(lambda: admin.reached(orders) == [("events", 1)], 10, "the limit to be written down")


def test_too_many_requests_are_refused_before_they_are_read(admin: Admin) -> None:
    orders = admin.add()
    admin.set(orders, limits={"requests_per_s": 1, "requests_burst": 2})
    statuses = [orders.post(b"x" * 100_000).status_code for _ in range(4)]
    assert statuses == [400, 400, 429, 429]
    assert orders.http.get("/api/v1/commands?instance=a", headers=orders.headers).status_code == 200, (
        "polls are no posts"
    )


def test_a_breaker_for_each_order_is_refused_by_event(admin: Admin) -> None:
    orders = admin.add()
    admin.set(orders, limits={"breakers": 2})
    sent = [{**EVENT, "breaker": f"order-{number}"} for number in range(4)]
    told = orders.post(sent).json()
    assert (told["accepted"], [each["code"] for each in told["rejected"]]) == (2, ["too_many_breakers"] * 2)
    refused = problem(orders.post(sent[2:]))
    assert (refused["status"], [each["index"] for each in refused["rejected"]]) == (422, [0, 1])
    assert orders.post(sent[0]).status_code == 202
    assert admin.reached(orders) == [("breakers", 4)]


def test_messages_are_redacted_by_patterns_of_the_board_and_of_the_service(admin: Admin) -> None:
    orders = admin.add()
    admin.set(orders, redaction={"patterns": [r"kd-\d{1,8}"]})
    message = "customer kd-4711, secret-17, password=hunter22, ada@example.com"
    orders.post({**EVENT, "error": {"type": "kd-1", "message": message}, "note": {"hidden": "kd-5", "token": "abc"}})
    [kept] = orders.stored("error_type || '|' || error_message || '|' || extra")
    assert kept == (
        "[redacted]|customer [redacted], [redacted], password=[redacted], [e-mail]|"
        '{"attributes":{"note":{"[redacted]":"[redacted]","token":"[redacted]"}}}'
    )


def test_messages_may_be_left_out_altogether(admin: Admin) -> None:
    orders = admin.add()
    admin.set(orders, redaction={"keep_messages": False})
    opened = {
        "type": "state_change",
        "breaker": "b",
        "to_state": "open",
        "reason": {"metric": "manual", "text": "by Ada"},
    }
    assert orders.post([EVENT, opened]).json()["accepted"] == 2
    assert orders.stored("coalesce(error_type, '') || coalesce(error_message, '') || coalesce(extra, '')") == [
        "E",
        '{"reason":{"metric":"manual"}}',
    ]


def test_texts_and_depth_have_limits_of_their_own(admin: Admin) -> None:
    orders = admin.add()
    admin.set(orders, limits={"text_bytes": 16, "depth": 5})
    long = {**EVENT, "error": {"type": "E", "message": "ü" * 100}, "note": "x" * 100}
    assert orders.post(long).json()["accepted"] == 1
    assert orders.stored("error_message || '|' || extra") == [
        # No word in half: it may be a secret.
        "ü" * 8 + "|" + '{"attributes":{"note":"…cut, 100 bytes"},"cut":{"attributes":83}}'
    ]
    assert orders.post({**EVENT, "a": {"b": {"c": 1}}}).status_code == 202
    deep = problem(orders.post({**EVENT, "a": {"b": {"c": {"d": {}}}}}))
    assert (deep["status"], deep["detail"]) == (400, "the body is nested deeper than 5, the limit of this service")


def test_an_address_that_guesses_keys_is_slowed_and_known_keys_go_on(admin: Admin) -> None:
    orders = admin.add()
    assert orders.post(EVENT).status_code == 202
    tried = [orders.post(EVENT, authorization=f"Bearer bbk_{number}") for number in range(45)]
    assert [answer.status_code for answer in tried[:25]] == [401] * 25
    last = tried[-1]
    assert (last.status_code, last.headers["retry-after"]) == (429, "1")
    assert "unknown or revoked keys" in problem(last)["detail"]
    assert orders.post(EVENT).status_code == 202
