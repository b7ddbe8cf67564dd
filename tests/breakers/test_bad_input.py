"""Whatever is posted, in whatever format: never a failure of ours, never a row by half, always a body that says what was wrong."""

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from breakers import keys
from breakers.access import BOARD
from breakers.models import Breaker, Event, Instance, Service, Transition
from breakers.webhook import Webhook
from tests.breakers.formats.test_anything import JSON, KNOWN, paths, replaced
from tests.breakers.formats.test_cloudevents import ENVELOPE

pytestmark = [pytest.mark.storage, pytest.mark.timeout(240)]
# The day of all the examples.
DATED = "2026-11-23"
OURS = [
    {"type": "failure", "breaker": "p", "instance": "a", "count": 3, "duration_ms": 5.5, "durations": [1] * 16,
     "error": {"type": "E", "message": "m"}, "id": "1", "sequence": 4, "labels": {"team": "x"}, "attributes": {"k": [1]}},
    {"type": "state_change", "breaker": "p", "from_state": "closed", "to_state": "open", "scope": "shared",
     "occurred_at": "2026-11-23T08:00:00Z", "next_probe_at": "2026-11-23T08:01:00Z",
     "reason": {"metric": "failure_rate", "value": 60, "threshold": 50, "window_ms": 1000, "min_calls": 5, "text": "t"}},
    {"type": "heartbeat", "breaker": "p", "state": "closed", "interval_s": 5, "commands": ["reset"], "library": "l",
     "library_version": "1", "config": {"failure_threshold": 5}, "dependency": "d"},
]  # fmt: skip
BODIES: dict[str, list[Any]] = {"": OURS, **{f"/{name}": found for name, found in KNOWN.items()}}
KINDS = ["application/json", "application/x-ndjson", "text/event-stream", "application/cloudevents+json",
         "application/cloudevents-batch+json", "text/plain", ""]  # fmt: skip
# 202, or one of the contract's errors.
EXPECTED = {202, 400, 404, 408, 409, 413, 415, 422}
SETTINGS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Edge:
    """The webhook of one web process, with its intake and its threads, without a server in front of it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.webhook = Webhook()
        self.key = keys.add_service(BOARD, "checkout", at=datetime.now(UTC)).key
        self._wait(self.webhook.start())

    def stop(self) -> None:
        both = threading.Barrier(2)

        def close() -> None:
            both.wait(10)
            connection.close()

        async def close_both() -> None:
            await asyncio.gather(self.webhook._threads.run(close), self.webhook._threads.run(close))

        self._wait(close_both())
        self._wait(self.webhook.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        """What is answered; everything about it that must hold is looked at here."""
        before = Event.objects.count()
        status, kind, raw = self._wait(self._answer(path, body, headers))
        told = json.loads(raw)
        stored = Event.objects.count() - before
        assert status in EXPECTED, (status, told)
        if status == 202:
            assert set(told) == {"accepted", "duplicates", "rejected", "commands"}
            assert stored <= told["accepted"], "what a format does not need is accepted, and not kept"
            assert [set(each) for each in told["rejected"]] == [{"index", "code", "detail"}] * len(told["rejected"])
        else:
            assert kind == b"application/problem+json"
            assert set(told) >= {"type", "title", "status", "detail"}
            assert (told["status"], stored) == (status, 0)
        return status, told

    async def _answer(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, bytes]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        told = {"authorization": f"Bearer {self.key}", **headers}
        scope = {
            "type": "http", "method": "POST", "path": f"/api/v1/events{path}", "query_string": b"instance=a",
            "headers": [(name.encode(), value.encode()) for name, value in told.items()], "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await self.webhook(scope, receive, send)
        return sent[0]["status"], dict(sent[0]["headers"])[b"content-type"], sent[1]["body"]

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@pytest.fixture
def edge(transactional_db: None) -> Iterator[Edge]:
    one = Edge()
    yield one
    one.stop()
    assert not Breaker.objects.filter(service=None).exists()
    # Whole rows: an event has its instance, a breaker that is there was told of.
    assert Instance.objects.count() >= Breaker.objects.count()
    assert set(Event.objects.values_list("breaker_id", flat=True)) <= set(Breaker.objects.values_list("id", flat=True))
    assert set(Transition.objects.values_list("breaker_id", flat=True)) <= set(
        Event.objects.values_list("breaker_id", flat=True)
    )


def test_what_is_whole_is_taken(edge: Edge) -> None:
    # What lies a month back is refused, whole as it may be.
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    for path, documents in BODIES.items():
        for document in documents:
            text = json.dumps({**document, "occurred_at": None} if path == "" else document)
            body = text.replace(DATED, yesterday).encode()
            kind = "application/x-ndjson" if path in {"/hystrix", "/envoy"} else "application/json"
            assert edge.post(path, body, **{"content-type": kind})[0] in {202, 422}, (path, document)
    assert Event.objects.count() > len(BODIES)


@SETTINGS
@given(data=st.data())
def test_an_odd_value_anywhere(edge: Edge, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(BODIES)))
    documents = [data.draw(st.sampled_from(BODIES[path])) for _ in range(data.draw(st.integers(1, 3)))]
    odd = [replaced(each, data.draw(st.sampled_from(paths(each))), data.draw(JSON)) for each in documents]
    edge.post(path, json.dumps(odd).encode(), **{"content-type": "application/json"})
    lines = "\n".join(map(json.dumps, odd)).encode()
    edge.post(path, lines, **{"content-type": "application/x-ndjson"})


@SETTINGS
@given(data=st.data())
def test_a_body_that_is_cut_anywhere(edge: Edge, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(BODIES)))
    whole = json.dumps(data.draw(st.sampled_from(BODIES[path]))).encode()
    body = whole[: data.draw(st.integers(0, len(whole)))]
    if data.draw(st.booleans()):
        packed = gzip.compress(body)
        edge.post(path, packed[: data.draw(st.integers(0, len(packed)))], **{"content-encoding": "gzip"})
    edge.post(path, body, **{"content-type": data.draw(st.sampled_from(KINDS))})


@SETTINGS
@given(
    path=st.sampled_from([*sorted(BODIES), "/nobody", "/", "/a/b"]),
    kind=st.sampled_from(KINDS),
    body=st.binary(max_size=80),
)
@example(path="", kind="application/json", body=b"[" * 100_000)
@example(path="", kind="application/json", body=b'{"type":"failure","type":"success","breaker":"p","breaker":"q"}')
@example(path="", kind="application/json", body=b'{"type":"failure","breaker":"' + b"x" * 900_000 + b'"}')
@example(path="", kind="application/json", body=b'{"type":"failure","breaker":"p","count":' + b"9" * 5_000 + b"}")
@example(path="", kind="application/json", body=b'{"type":"failure","breaker":"p","duration_ms":1e999}')
@example(path="", kind="application/json", body=b'{"type":"failure","breaker":"p","count":-0.0,"durations":[1e300]}')
@example(path="", kind="application/json", body='{"type":"failure","breaker":"p"}'.encode("utf-16"))
@example(path="", kind="application/json", body='{"type":"failure","breaker":"ü"}'.encode("latin-1"))
@example(path="", kind="application/json", body=b"\xef\xbb\xbf" + b'{"type":"failure","breaker":"p"}')
@example(path="", kind="application/json", body=rb'{"type":"failure","breaker":"p","id":"\ud800"}')
@example(path="", kind="application/json", body=b'{"events":{"type":"failure","breaker":"p"}}')
@example(path="", kind="application/json", body=b'[[{"type":"failure","breaker":"p"}]]')
@example(path="", kind="application/json", body=b"[" + b"{}," * 1_000 + b"{}]")
@example(path="", kind="application/x-ndjson", body=b"\n" * 5_000)
@example(path="", kind="application/x-ndjson", body=b'{"type":"failure","breaker":"p"}\n\x00\n[]\nnull')
@example(path="/hystrix", kind="text/event-stream", body=b"data: " + b"[" * 50_000)
def test_any_bytes(edge: Edge, path: str, kind: str, body: bytes) -> None:
    edge.post(path, body, **{"content-type": kind})


@SETTINGS
@given(data=st.data())
def test_a_cloudevent_with_odd_headers(edge: Edge, data: st.DataObject) -> None:
    odd = replaced(ENVELOPE, data.draw(st.sampled_from(paths(ENVELOPE))), data.draw(JSON))
    edge.post("", json.dumps(odd).encode(), **{"content-type": "application/cloudevents+json"})
    text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
    headers = {f"ce-{name}": data.draw(text) for name in ("specversion", "id", "source", "type", "time")}
    edge.post("", json.dumps(OURS[0]).encode(), **{"content-type": "application/json", **headers})


@SETTINGS
@given(
    key=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40),
    body=st.sampled_from([b"[]", json.dumps(OURS[0]).encode(), b"{", b'{"type":"nope","breaker":"p"}']),
)
def test_any_idempotency_key(edge: Edge, key: str, body: bytes) -> None:
    edge.post("", body, **{"idempotency-key": key, "webhook-id": key[::-1]})


def test_a_batch_that_was_cut_off_is_posted_again_whole(edge: Edge) -> None:
    batch = json.dumps([{"type": "failure", "breaker": "p", "instance": str(n)} for n in range(50)]).encode()
    kind = {"content-type": "application/json", "idempotency-key": "minute-1"}
    assert edge.post("", batch[:900], **kind)[0] == 400
    assert edge.post("", batch, **kind)[1]["accepted"] == 50
    assert edge.post("", batch, **kind)[1]["duplicates"] == 50
    assert Service.objects.get().pk == Breaker.objects.get().service_id
    assert Event.objects.count() == 50
