"""The webhook over real HTTP: every body that is taken, every answer that is an error."""

import concurrent.futures
import gzip
import json
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.board import Board

pytestmark = pytest.mark.timeout(120)
EVENT = {"type": "failure", "breaker": "payments"}


class Poster:
    """Posts to one board with one key."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.key = board.service("checkout")
        self.client = httpx.Client(base_url=board.url, timeout=40, headers={"Authorization": f"Bearer {self.key}"})

    def __call__(self, body: object, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            "/api/v1/events", content=content, headers={"content-type": "application/json", **headers}
        )

    def count(self, sql: str) -> int:
        with closing(sqlite3.connect(self.board.data_dir / "breakerboard.sqlite3", timeout=10)) as connection:
            return int(connection.execute(sql).fetchone()[0])


@pytest.fixture(scope="module")
def post() -> Iterator[Poster]:
    with Board() as board:
        poster = Poster(board)
        with poster.client:
            yield poster


def taken(response: httpx.Response) -> tuple[int, int, int, int]:
    told = response.json()
    return response.status_code, told["accepted"], told["duplicates"], len(told["rejected"])


def problem(response: httpx.Response) -> tuple[int, str]:
    told = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (told["status"], set(told) >= {"type", "title", "status", "detail"}) == (response.status_code, True)
    return response.status_code, told["detail"]


def told(value: object) -> str | None:
    """A name for what is packed: each packing holds its own time, and several workers must find the same tests."""
    return "packed" if isinstance(value, bytes) and value.startswith(b"\x1f\x8b") else None


@pytest.mark.parametrize(
    ("body", "headers", "accepted"),
    [
        (EVENT, {}, 1),
        ({"events": [EVENT, EVENT]}, {}, 2),
        ([EVENT, EVENT, EVENT], {"content-type": "application/json; charset=utf-8"}, 3),
        ([], {}, 0),
        ({"events": []}, {}, 0),
        (b'{"type":"failure","breaker":"p"}\n\n{"type":"success","breaker":"p"}\r\n', {"content-type": "application/x-ndjson"}, 2),
        (gzip.compress(json.dumps([EVENT] * 4).encode()), {"content-encoding": "gzip"}, 4),
        (gzip.compress(b'{"type":"failure",') + gzip.compress(b'"breaker":"p"}'), {"content-encoding": "gzip"}, 1),
    ],
    ids=told,
)  # fmt: skip
def test_bodies_that_are_taken(post: Poster, body: object, headers: dict[str, str], accepted: int) -> None:
    assert taken(post(body, **headers)) == (202, accepted, 0, 0)


@pytest.mark.parametrize(
    ("body", "headers", "status", "detail"),
    [
        (b"{", {}, 400, "the body is not JSON"),
        (b"\xff\xfe", {}, 400, "the body is not"),
        (rb'{"type":"failure","breaker":"\ud800"}', {}, 400, "the body is not JSON"),
        (b"[" * 40 + b"]" * 40, {}, 400, "expected an object"),
        (b'{"type":"failure","breaker":"p","x":' + b"[" * 40 + b"]" * 40 + b"}", {}, 400, "nested deeper than 32"),
        (b"[" * 100_000, {}, 400, "nested deeper than 32"),
        (b'"text"', {}, 400, "the body is 'text'; expected an object or an array of objects"),
        (b"[1]", {}, 400, "event 0 is 1; expected an object"),
        (b"", {}, 400, "the body is not JSON"),
        (b'{"type":"failure","breaker":"p","count":NaN}', {}, 400, "the body is not JSON"),
        (b"no gzip", {"content-encoding": "gzip"}, 400, "the body is no gzip"),
        (gzip.compress(b"{}" * 99)[:-9], {"content-encoding": "gzip"}, 400, "the body is cut off"),
        (b" " * (1 << 20) + b"{}", {}, 413, "1,048,578 bytes; at most 1,048,576"),
        (gzip.compress(b" " * (9 << 20)), {"content-encoding": "gzip"}, 413, "8,388,608 bytes unpacked"),
        ([EVENT] * 1_001, {}, 413, "1001 events; at most 1000"),
        (b"{}", {"content-type": "text/plain"}, 415, "the content type 'text/plain' is not taken"),
        (b"{}", {"content-encoding": "br"}, 415, "the content encoding 'br' is not taken"),
        ({}, {}, 422, "'type' is missing"),
        ({"type": "failure"}, {}, 422, "'breaker' is missing"),
        ({"type": [], "breaker": "p"}, {}, 422, "unknown type an array; expected one of state_change"),
        ({"type": "fialure", "breaker": "p"}, {}, 422, "unknown type 'fialure'; expected one of state_change, failure"),
        ({**EVENT, "count": 0}, {}, 422, "'count': 0 is out of range; expected 1 to 1,000,000"),
        ({**EVENT, "breaker": "x" * 201}, {}, 422, "has 201 characters; at most 200"),
        ({**EVENT, "breaker": "a\0b"}, {}, 422, "holds a NUL"),
        ({**EVENT, "occurred_at": "yesterday"}, {}, 422, "'yesterday' is no RFC 3339 time"),
        # Years that are none in UTC: kept, they could not be read again, and with them the wall.
        ({**EVENT, "occurred_at": "9999-12-31T23:59:59-14:00"}, {}, 422, "is no RFC 3339 time"),
        ({**EVENT, "occurred_at": "0001-01-01T00:00:00+14:00"}, {}, 422, "is no RFC 3339 time"),
        ({"type": "state_change", "to_state": "open", "breaker": "p", "next_probe_at": "9999-12-31T23:59:59-14:00"}, {}, 422,
         "is no RFC 3339 time"),
        ({**EVENT, "occurred_at": "2020-01-01T00:00:00Z"}, {}, 422, "older than the 30 days"),
        ({**EVENT, "labels": {str(n): "x" for n in range(33)}}, {}, 422, "33 labels; at most 32"),
        ({"type": "state_change", "breaker": "p"}, {}, 422, "'to_state' is missing"),
        ({"type": "heartbeat", "breaker": "p", "state": "stale"}, {}, 422, "unknown state 'stale'"),
    ],
    ids=told,
)  # fmt: skip
def test_bodies_that_are_not(post: Poster, body: object, headers: dict[str, str], status: int, detail: str) -> None:
    got = problem(post(body, **headers))
    assert (got[0], detail in got[1]) == (status, True), got


def test_a_part_is_taken_and_the_rest_named_by_index(post: Poster) -> None:
    answer = post([EVENT, {"type": "nope", "breaker": "p"}, EVENT, {"breaker": "p"}])
    assert taken(answer) == (202, 2, 0, 2)
    assert [(each["index"], each["code"]) for each in answer.json()["rejected"]] == [
        (1, "unknown_type"),
        (3, "missing_field"),
    ]


def test_a_bad_line_of_ndjson_is_refused_by_its_index(post: Poster) -> None:
    body = b'{"type":"failure","breaker":"p"}\nnot json\n[1]\n{"type":"failure","breaker":"p"}'
    answer = post(body, **{"content-type": "application/x-ndjson"})
    assert taken(answer) == (202, 2, 0, 2)
    assert [each["index"] for each in answer.json()["rejected"]] == [1, 2]


def test_repeats_are_duplicates(post: Poster) -> None:
    event = {**EVENT, "id": str(uuid.uuid4())}
    assert taken(post(event)) == (202, 1, 0, 0)
    assert taken(post([event, {**event, "id": str(uuid.uuid4())}])) == (202, 1, 1, 0)


def test_idempotency_keys(post: Poster) -> None:
    key = {"idempotency-key": str(uuid.uuid4())}
    assert problem(post({"type": "nope", "breaker": "p"}, **key))[0] == 422
    assert taken(post([EVENT, EVENT], **key)) == (202, 2, 0, 0)
    assert taken(post([EVENT, EVENT], **key)) == (202, 0, 2, 0)
    packed = gzip.compress(json.dumps([EVENT, EVENT]).encode())
    assert taken(post(packed, **key, **{"content-encoding": "gzip"})) == (202, 0, 2, 0)
    assert problem(post([EVENT], **key))[0] == 409
    assert problem(post([], **key))[0] == 409
    nothing = {"idempotency-key": str(uuid.uuid4())}
    assert [post([], **nothing).status_code, post([], **nothing).status_code] == [202, 202]
    assert problem(post([EVENT], **nothing))[0] == 409


def nested(levels: int) -> object:
    """So many objects, one in the other."""
    return {"a": nested(levels - 1)} if levels > 1 else {"a": 1}


def test_a_body_is_as_deep_as_32_and_no_deeper(post: Poster) -> None:
    assert taken(post({**EVENT, "attributes": nested(31)})) == (202, 1, 0, 0)
    for field in ("attributes", "config", "id", "labels", "count", "durations", "type", "of_no_name"):
        got = problem(post({**EVENT, field: nested(32)}))
        assert got == (400, "the body is nested deeper than 32"), field


def test_another_method_is_told_the_right_one(post: Poster) -> None:
    for method, path, right in (
        ("GET", "/api/v1/events", "POST"),
        ("POST", "/api/v1/commands", "GET"),
        ("GET", "/api/v1/commands/x/result", "POST"),
    ):
        answer = post.client.request(method, path)
        assert (problem(answer)[0], answer.headers["allow"]) == (405, right)


def test_who_may_post(post: Poster) -> None:
    for headers in ({}, {"authorization": ""}, {"authorization": "Basic x"}, {"authorization": "Bearer bbk_x"},
                    {"authorization": f"Bearer {post.key[:-1]}{'0' if post.key[-1] != '0' else '1'}"}):  # fmt: skip
        answer = httpx.post(f"{post.board.url}/api/v1/events", json=EVENT, headers=headers)
        assert problem(answer)[0] == 401
    assert problem(post.client.get("/api/v1/events"))[0] == 405


def test_a_future_time_is_taken_as_now_and_kept_aside(post: Poster) -> None:
    assert taken(post({**EVENT, "breaker": "future", "occurred_at": "2099-01-01T00:00:00Z"})) == (202, 1, 0, 0)
    kept = post.count(
        "SELECT count(*) FROM breakers_event WHERE json_extract(extra, '$.attributes.occurred_at') = '2099-01-01T00:00:00Z'"
    )
    assert kept == 1


def test_a_large_body_is_answered_and_not_reset(post: Poster) -> None:
    got = problem(post(b"x" * (12 << 20)))
    assert got == (413, "the body has 12,582,912 bytes; at most 1,048,576 are taken")


def test_half_a_request_stores_nothing_and_hinders_no_one(post: Poster) -> None:
    before = post.count("SELECT count(*) FROM breakers_event")
    head = (
        f"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {post.key}\r\nContent-Length: 500\r\n\r\n{{"
    )
    slow = [socket.create_connection(("127.0.0.1", post.board.port)) for _ in range(50)]
    for one in slow:
        one.sendall(head.encode())
    assert taken(post(EVENT)) == (202, 1, 0, 0)
    for one in slow:
        one.close()
    assert taken(post(EVENT)) == (202, 1, 0, 0)
    assert post.count("SELECT count(*) FROM breakers_event") == before + 2


def test_who_leaves_before_the_answer_may_post_again(post: Poster) -> None:
    """Sixty requests are whole, and nobody is there to hear the answer: each is stored once, or can be repeated."""
    before = post.count("SELECT count(*) FROM breakers_event")
    bodies = [json.dumps([{**EVENT, "id": f"left-{n}-{place}"} for place in range(3)]).encode() for n in range(60)]
    for body in bodies:
        with socket.create_connection(("127.0.0.1", post.board.port)) as line:
            head = f"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {post.key}\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body)
    assert taken(post(EVENT)) == (202, 1, 0, 0)
    again = [post(body) for body in bodies]
    assert {(answer.status_code, answer.json()["accepted"] + answer.json()["duplicates"]) for answer in again} == {
        (202, 3)
    }
    assert {answer.json()["accepted"] for answer in again} <= {0, 3}, "never a request by half"
    assert post.count("SELECT count(*) FROM breakers_event") == before + 1 + 180


def test_a_long_poll_waits_and_ends_empty(post: Poster) -> None:
    begun = time.monotonic()
    answer = post.client.get("/api/v1/commands", params={"instance": "nobody", "wait": 1})
    assert (answer.status_code, answer.json()) == (200, {"commands": []})
    assert 0.9 < time.monotonic() - begun < 5
    assert problem(post.client.get("/api/v1/commands"))[0] == 422
    assert problem(post.client.get("/api/v1/commands?instance=a&wait=-1"))[0] == 422
    unknown = post.client.post(f"/api/v1/commands/{uuid.uuid4()}/result", json={"instance": "a", "status": "applied"})
    assert problem(unknown)[0] == 404


def test_a_result_that_is_none(post: Poster) -> None:
    address = f"/api/v1/commands/{uuid.uuid4()}/result"
    assert problem(post.client.post(address, content=b"{"))[0] == 400
    # A mark before it says nothing: there is no such command.
    marked = post.client.post(address, content=b'\xef\xbb\xbf{"instance": "a", "status": "applied"}')
    assert problem(marked)[0] == 404
    for body in ({}, {"instance": "a"}, {"instance": "a", "status": 5}, {"instance": "a", "status": "well"}, []):
        answer = post.client.post(address, json=body)
        assert (problem(answer)[0], bool(answer.json()["errors"])) == (422, True), body


def test_many_at_once_are_all_stored(post: Poster) -> None:
    before = post.count("SELECT count(*) FROM breakers_event")

    def some(_: int) -> list[Any]:
        with httpx.Client(headers=post.client.headers, base_url=post.board.url, timeout=40) as client:
            return [client.post("/api/v1/events", json=EVENT).status_code for _ in range(25)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = [status for many in pool.map(some, range(8)) for status in many]
    assert statuses == [202] * 200
    assert post.count("SELECT count(*) FROM breakers_event") == before + 200


def test_what_the_edge_answers_is_what_the_document_says(post: Poster) -> None:
    document = post.client.get("/api/v1/openapi.json").json()

    def check(method: str, path: str, answer: httpx.Response) -> None:
        described = document["paths"][path][method]["responses"][str(answer.status_code)]
        [(kind, how)] = described["content"].items()
        assert answer.headers["content-type"] == kind
        schema = {**how["schema"], "components": document["components"]}
        assert [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())] == []

    events = "/api/v1/events"
    check("post", events, post([EVENT, {"type": "nope", "breaker": "p"}]))
    check("post", events, post({}))
    check("post", events, post(b"{"))
    check("post", f"{events}/{{format}}", post.client.post(f"{events}/nosuch", json={}))
    check("get", "/api/v1/commands", post.client.get("/api/v1/commands?instance=nobody"))
    check("get", "/api/v1/commands", post.client.get("/api/v1/commands"))
    told = {"instance": "a", "status": "applied"}
    unknown = post.client.post(f"/api/v1/commands/{uuid.uuid4()}/result", json=told)
    check("post", "/api/v1/commands/{command_id}/result", unknown)
