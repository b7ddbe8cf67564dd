"""Foreign formats over real HTTP: once each, the limits that they share, and what the board shows of it."""

import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.board import Board
from tests.breakers.formats.reading import lines
from tests.breakers.formats.test_alertmanager import FIRING, notification
from tests.breakers.formats.test_cloudevents import BATCHED, BINARY, DATA, ENVELOPE, STRUCTURED
from tests.breakers.formats.test_envoy import EJECT, UNEJECT
from tests.breakers.formats.test_hystrix import POOL, SAMPLE

pytestmark = pytest.mark.timeout(120)
JSON, NDJSON, SSE = "application/json", "application/x-ndjson", "text/event-stream"


class Poster:
    """Posts to one board with one key."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.token = board.token("viewer")
        self.client = httpx.Client(
            base_url=board.url, timeout=40, headers={"Authorization": f"Bearer {board.service('shop')}"}
        )

    def __call__(self, path: str, body: object, kind: str = JSON, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body)
        return self.client.post(f"/api/v1/events{path}", content=content, headers={"content-type": kind, **headers})

    def states(self) -> dict[str, str]:
        """The state of every breaker, as the operators' API tells it."""
        answer = self.client.get("/api/v1/breakers", headers={"Authorization": f"Bearer {self.token}"})
        return {each["name"]: each["state"] for each in answer.json()["items"]}


@pytest.fixture(scope="module")
def post() -> Iterator[Poster]:
    with Board() as board:
        poster = Poster(board)
        with poster.client:
            yield poster


def counts(response: httpx.Response) -> tuple[int, int, int, int]:
    told = response.json()
    assert response.status_code == 202, told
    return response.status_code, told["accepted"], told["duplicates"], len(told["rejected"])


def moment(seconds_ago: float = 30) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat(timespec="milliseconds")


def test_envoy(post: Poster) -> None:
    log = lines(
        {**EJECT, "timestamp": moment(40)}, {**UNEJECT, "timestamp": moment(20)}, {**EJECT, "timestamp": moment(10)}
    )
    assert counts(post("/envoy?instance=gateway-1", log, NDJSON)) == (202, 3, 0, 0)
    assert counts(post("/envoy?instance=gateway-1", log, NDJSON)) == (202, 0, 3, 0)
    assert counts(post("/envoy?instance=gateway-2", log, NDJSON)) == (202, 3, 0, 0)
    assert post.states()[EJECT["cluster_name"]] == "open"


def test_hystrix(post: Poster) -> None:
    sample = {**SAMPLE, "currentTime": time.time_ns() // 1_000_000}
    body = "".join(f"data: {json.dumps(each)}\n\n" for each in (POOL, sample, POOL))
    assert counts(post("/hystrix?instance=shop-1", body, SSE)) == (202, 3, 0, 0)
    # What is not needed is accepted each time: only what is stored can be a duplicate.
    assert counts(post("/hystrix?instance=shop-1", body, SSE)) == (202, 2, 1, 0)
    assert counts(post("/hystrix?instance=shop-1", lines(POOL, POOL), NDJSON)) == (202, 2, 0, 0)
    assert counts(post("/hystrix?instance=shop-1", lines(POOL, {"type": "x"}), NDJSON)) == (202, 1, 0, 1)
    assert post.states()["GetStock"] == "open"


def test_opossum(post: Poster, opossum: dict[str, Any]) -> None:
    said = opossum["said"]
    assert counts(post("/opossum?instance=web-1", [said["closed"], said["open"]])) == (202, 2, 0, 0)
    assert post.states()["stock"] == "open"
    assert counts(post("/opossum?instance=web-1", said["closed_again"])) == (202, 1, 0, 0)
    assert post.states()["stock"] == "closed"
    again = {"idempotency-key": "beat-1"}
    assert counts(post("/opossum?instance=web-1", said["half_open"], **again)) == (202, 1, 0, 0)
    assert counts(post("/opossum?instance=web-1", said["half_open"], **again)) == (202, 0, 1, 0)


def test_alertmanager(post: Poster) -> None:
    alert = {**FIRING, "labels": {**FIRING["labels"], "breaker": "refund"}, "startsAt": moment(60 * 86_400)}  # type: ignore[dict-item]
    resolved = {**alert, "status": "resolved", "endsAt": moment(5)}
    other = {**alert, "labels": {**alert["labels"], "alertname": "TooSlow"}}  # type: ignore[dict-item]
    assert counts(post("/alertmanager", notification(alert))) == (202, 1, 0, 0)
    assert counts(post("/alertmanager", notification(alert))) == (202, 0, 1, 0)
    assert post.states()["refund"] == "open"
    assert counts(post("/alertmanager", notification(resolved))) == (202, 1, 0, 0)
    assert post.states()["refund"] == "closed"
    assert counts(post("/alertmanager", notification(alert, other))) == (202, 2, 0, 0)
    assert counts(post("/alertmanager", notification(resolved, other))) == (202, 1, 1, 0)
    assert post.states()["refund"] == "open"
    assert counts(post("/alertmanager", notification({**other, "status": "resolved"}))) == (202, 1, 0, 0)
    assert post.states()["refund"] == "closed"


def test_resilience4j(post: Poster) -> None:
    event = {"circuitBreakerName": "quote", "type": "STATE_TRANSITION", "creationTime": f"{moment()}[Etc/UTC]",
             "errorMessage": None, "durationInMs": None, "stateTransition": "CLOSED_TO_OPEN"}  # fmt: skip
    exceeded = {**event, "type": "FAILURE_RATE_EXCEEDED", "stateTransition": None}
    body = gzip.compress(json.dumps({"circuitBreakerEvents": [exceeded, event]}).encode())
    packed = {"content-encoding": "gzip"}
    assert counts(post("/resilience4j?instance=shop-1", body, **packed)) == (202, 2, 0, 0)
    assert counts(post("/resilience4j?instance=shop-1", body, **packed)) == (202, 1, 1, 0)
    assert post.states()["quote"] == "open"


def test_cloudevents(post: Poster) -> None:
    envelope, data = {**ENVELOPE, "time": moment()}, {**DATA, "breaker": "label"}
    assert counts(post("", {**envelope, "data": data}, STRUCTURED["content-type"])) == (202, 1, 0, 0)
    assert counts(post("", [{**envelope, "data": data}], BATCHED["content-type"])) == (202, 0, 1, 0)
    headers = {name: value for name, value in BINARY.items() if name != "content-type"}
    assert counts(post("", data, BINARY["content-type"], **headers)) == (202, 0, 1, 0)
    assert counts(post("", data, BINARY["content-type"], **{**headers, "ce-id": "B"})) == (202, 1, 0, 0)
    assert post.states()["label"] == "open"


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "detail"),
    [
        ("/polly", {}, JSON, 404, "unknown format 'polly'; expected one of alertmanager, envoy, hystrix, opossum, resilience4j"),
        ("/", {}, JSON, 404, "unknown format ''; expected one of alertmanager,"),
        ("/envoy/x", {}, JSON, 404, "unknown format 'envoy/x'; expected one of"),
        ("/alertmanager", "{}", NDJSON, 415, "the content type 'application/x-ndjson' is not taken; expected application/json"),
        ("/hystrix", "", "text/plain", 415, "'text/plain' is not taken; expected text/event-stream or application/x-ndjson or"),
        ("/envoy", b"{", JSON, 400, "the body is not JSON"),
        ("/envoy", "7", JSON, 400, "the body is 7; expected an object or an array of objects"),
        ("/hystrix", b"\xff", SSE, 400, "the body is not UTF-8"),
        ("/opossum", b"[" * 40 + b"]" * 40, JSON, 400, "the body is nested deeper than 32"),
        ("/envoy", lines(*[EJECT] * 1_001), NDJSON, 413, "1001 events; at most 1000"),
        ("/resilience4j", {"circuitBreakerEvents": [{}] * 1_001}, JSON, 413, "1001 events; at most 1000"),
        ("/envoy?instance=" + "x" * 199, EJECT, JSON, 422, "has 214 characters; at most 200"),
        ("/alertmanager", {}, JSON, 422, "event 0: 'version' is missing; expected '4'"),
    ],
)  # fmt: skip
def test_what_is_refused_whole(post: Poster, path: str, body: object, kind: str, status: int, detail: str) -> None:
    answer = post(path, body, kind)
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, detail in told["detail"]) == (status, True), told


def test_the_same_key_is_asked_for_and_only_posts_are_taken(post: Poster) -> None:
    assert httpx.post(f"{post.board.url}/api/v1/events/envoy", json=EJECT).status_code == 401
    assert post.client.get("/api/v1/events/envoy").status_code == 405
    assert post.client.post("/api/v1/events/hystrix", content=b"", headers={"content-type": SSE}).status_code == 202
