"""What was refused is remembered: counted by code, the last few with a sample, without secrets, and within bounds."""

import asyncio
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakers import bulk, keys
from breakers.access import BOARD
from breakers.bodies import Message
from breakers.domain.keeping import EVERYTHING, Keeping, keeping_of
from breakers.domain.limits import DEFAULTS
from breakers.domain.samples import LENGTH, sample
from breakers.errors import StoreUnavailable
from breakers.keys import KeyOwner
from breakers.models import Refusal, RefusalCount
from breakers.models.source import NOBODY
from breakers.problems import problem_json
from breakers.refusing import KEPT, MOST_AT_ONCE, Refusals, Witness
from breakers.webhook import Webhook

pytestmark = pytest.mark.storage
MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ORDERS = 7


def refuse(
    refusals: Refusals,
    status: int,
    body: bytes = b"{}",
    *,
    service: int = ORDERS,
    answer: bytes = b"",
    keeping: Keeping = EVERYTHING,
    **headers: str,
) -> list[Message]:
    """One request that is answered so, past a witness; what went out."""
    answer = answer or problem_json(status, f"no: {status}")
    owner = KeyOwner(service, "12345678", False, None, DEFAULTS, keeping) if service != NOBODY else None
    sent: list[Message] = []

    async def run() -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope: dict[str, Any] = {"path": "/api/v1/events", "headers": told, "client": ("10.1.2.3", 4711)}
        witness = Witness(refusals, scope, receive, send, lambda scope: owner)
        await witness.receive()
        await witness.send({"type": "http.response.start", "status": status, "headers": []})
        await witness.send({"type": "http.response.body", "body": answer})

    asyncio.run(run())
    return sent


@pytest.fixture
def refusals(db: None) -> Refusals:
    return Refusals(lambda: MORNING)


def counts() -> dict[tuple[int, str], int]:
    return {(row.service_id, row.code): row.count for row in RefusalCount.objects.order_by("service_id", "code")}


def accepted_with(*rejected: dict[str, Any]) -> bytes:
    return json.dumps(
        {"accepted": 1, "duplicates": 0, "rejected": list(rejected), "commands": []}, separators=(",", ":")
    ).encode()


def test_a_refused_request(refusals: Refusals) -> None:
    [start, end] = refuse(refusals, 400, b'{"type": ')
    assert (start["status"], end["body"]) == (400, problem_json(400, "no: 400"))
    refusals.write()
    row = Refusal.objects.get()
    assert (row.service_id, row.at, row.status, row.code, row.detail) == (ORDERS, MORNING, 400, "400", "no: 400")
    assert (row.sample, row.path, row.address) == ('{"type": ', "/api/v1/events", "10.1.2.3")
    assert counts() == {(ORDERS, "400"): 1}


def test_a_refused_event_among_good_ones(refusals: Refusals) -> None:
    body = json.dumps({"events": [{"type": "success", "breaker": "p"}, {"type": "opne", "breaker": "p"}]}).encode()
    answer = accepted_with({"index": 1, "code": "unknown_type", "detail": "unknown type 'opne'"})
    refuse(refusals, 202, body, answer=answer)
    refusals.write()
    row = Refusal.objects.get()
    assert (row.status, row.code, row.detail) == (202, "unknown_type", "unknown type 'opne'")
    assert row.sample == '{"type":"opne","breaker":"p"}'


def test_what_was_taken_whole_leaves_nothing(refusals: Refusals) -> None:
    refuse(refusals, 202, answer=accepted_with())
    assert not refusals.waiting.is_set()
    refusals.write()
    assert (Refusal.objects.count(), counts()) == (0, {})


def test_every_refused_event_is_counted(refusals: Refusals) -> None:
    rejected = [{"index": n, "code": "bad_value", "detail": "no"} for n in range(300)]
    rejected += [{"index": 300 + n, "code": "too_old", "detail": "no"} for n in range(40)]
    refuse(refusals, 422, answer=problem_json(422, "no", rejected=rejected))
    refusals.write()
    refuse(refusals, 422, answer=problem_json(422, "no", rejected=rejected[-2:]))
    refusals.write()
    assert counts() == {(ORDERS, "bad_value"): 300, (ORDERS, "too_old"): 42}


def test_of_a_stranger_nothing_is_kept_but_that_it_was_there(refusals: Refusals) -> None:
    refuse(refusals, 401, b'{"secret": 1}', service=NOBODY, authorization="Bearer bbk_nonsense")
    refusals.write()
    row = Refusal.objects.get()
    assert (row.service_id, row.code, row.sample) == (NOBODY, "401", "")
    assert counts() == {(NOBODY, "401"): 1}


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("Basic dXNlcjpwYXNz", "no: 401; the header has no scheme 'Bearer' before the key"),
        ("Bearer bbt_12345678_" + "s" * 49, "no: 401; this is a token of the operators' API, an ingest key begins with bbk_"),
        ("bbk_12345678_" + "s" * 49, "no: 401; the header has no scheme 'Bearer' before the key"),
        ("Bearer hunter2", "no: 401; an ingest key begins with bbk_, this one does not"),
        ("Bearer bbk_12345678_" + "s" * 49, "no: 401; it has 62 characters"),
    ],
)  # fmt: skip
def test_a_key_that_is_not_good_is_described_and_not_told(refusals: Refusals, sent: str, said: str) -> None:
    refuse(refusals, 401, service=NOBODY, authorization=sent)
    refusals.write()
    assert Refusal.objects.get().detail == said


def test_what_a_service_wants_redacted_is_redacted_in_a_sample_too(refusals: Refusals) -> None:
    own = keeping_of({"patterns": [r"order-\d+"]}, {})
    refuse(
        refusals,
        422,
        b'{"type":"opne","breaker":"order-4711"}',
        keeping=own,
        answer=problem_json(422, "no 'order-4711'"),
    )
    silent = keeping_of({"no_messages": True}, {})
    refuse(refusals, 400, b"anything at all", service=8, keeping=silent)
    refusals.write()
    assert [(row.detail, row.sample) for row in Refusal.objects.order_by("service_id")] == [
        ("no '[redacted]'", '{"type":"opne","breaker":"[redacted]"}'),
        ("no: 400", ""),
    ]


def test_a_refusal_may_name_its_own_code(refusals: Refusals) -> None:
    refuse(refusals, 403, answer=problem_json(403, "the signature is wrong", code="bad_signature"))
    refusals.write()
    assert counts() == {(ORDERS, "bad_signature"): 1}


def test_a_flood_stays_within_its_ring(refusals: Refusals) -> None:
    for second in range(10):
        for number in range(2_000):
            refuse_quickly(refusals, f"no: {second}/{number}")
        refusals.write()
    assert Refusal.objects.filter(service_id=ORDERS).count() == KEPT
    assert Refusal.objects.order_by("-id")[0].detail == f"no: 9/{MOST_AT_ONCE - 1}"
    assert counts() == {(ORDERS, "400"): 20_000}


def refuse_quickly(refusals: Refusals, detail: str) -> None:
    scope = {"path": "/api/v1/events", "headers": [], "client": None}
    refusals.note(ORDERS, 400, problem_json(400, detail), scope, b"x")


def test_what_can_not_be_written_now_is_written_later(refusals: Refusals, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(refusals, 400)
    with monkeypatch.context() as patched:

        def gone() -> None:
            raise StoreUnavailable("the database is away")

        patched.setattr(bulk, "writing", gone)
        with pytest.raises(StoreUnavailable):
            refusals.write()
    assert refusals.waiting.is_set()
    refuse(refusals, 400)
    refusals.write()
    assert (counts(), Refusal.objects.count()) == ({(ORDERS, "400"): 2}, 2)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"type": "failure", "password": "hunter2"}', '{"type":"failure","password":"[redacted]"}'),
        (b'{"error": {"message": "Bearer abcdefghijklmnop"}', '{"error": {"message": "Bearer [redacted]"}'),
        (b"\xff\xfe\x00", "\ufffd\ufffd\ufffd"),
        (b"<script>\x1b[31m", "<script>\ufffd[31m"),
        (b"x" * 5_000, "x" * LENGTH),
    ],
)
def test_a_sample_is_redacted_plain_and_short(body: bytes, shown: str) -> None:
    assert sample(body, index=0) == shown


def test_a_sample_of_a_packed_body_and_of_a_line() -> None:
    events = b'{"type":"success","breaker":"p"}\n{"type":"opne"}\n'
    assert sample(events, index=1) == '{"type":"opne"}'
    assert sample(gzip.compress(events), "gzip", 1) == '{"type":"opne"}'
    assert events.decode().startswith(sample(gzip.compress(events)[:20], "gzip"))
    assert sample(b"no gzip", "gzip") == "no gzip"


@given(st.binary(max_size=300), st.sampled_from(["", "gzip", "br"]), st.none() | st.integers(0, 5))
def test_whatever_was_sent_has_a_sample(body: bytes, encoding: str, index: int | None) -> None:
    shown = sample(body, encoding, index)
    assert len(shown) <= LENGTH
    assert "\x00" not in shown


def test_the_edge_tells_all_that_it_refuses_whoever_refused_it(transactional_db: None) -> None:
    """Through the webhook itself: from its door to the rows, and what it takes leaves none."""
    added = keys.add_service(BOARD, "checkout", at=datetime.now(UTC))
    good = {"authorization": f"Bearer {added.key}", "content-type": "application/json"}
    event = b'{"type":"success","breaker":"p"}'
    tries: list[tuple[dict[str, str], bytes, int]] = [
        (good, event, 202),
        (good, b"{oops", 400),
        (good, b'[{"type":"success","breaker":"p"},{"type":"opne","breaker":"p"}]', 202),
        (good, b'{"type":"opne","breaker":"p"}', 422),
        ({**good, "content-type": "text/xml"}, event, 415),
        ({**good, "content-encoding": "br"}, event, 415),
        (good, b" " * (1 << 20) + event, 413),
        ({**good, "authorization": "Bearer bbt_x"}, event, 401),
        ({"content-type": "application/json"}, event, 401),
    ]

    async def post(webhook: Webhook, headers: dict[str, str], body: bytes) -> int:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        told = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope: dict[str, Any] = {"type": "http", "path": "/api/v1/events", "method": "POST", "query_string": b"", "headers": told, "client": ("10.1.2.3", 1)}  # fmt: skip
        await webhook(scope, receive, send)
        return int(sent[0]["status"])

    async def run() -> None:
        webhook = Webhook()
        await webhook.start()
        try:
            assert [await post(webhook, headers, body) for headers, body, _ in tries] == [
                status for *_, status in tries
            ]
        finally:
            # What waits is written before it ends.
            await webhook.stop()

    asyncio.run(run())
    checkout = added.service.pk
    assert counts() == {
        (NOBODY, "401"): 2,
        (checkout, "400"): 1,
        (checkout, "413"): 1,
        (checkout, "415"): 2,
        (checkout, "unknown_type"): 2,
    }
    assert [(row.status, row.code) for row in Refusal.objects.order_by("id")] == [
        (400, "400"),
        (202, "unknown_type"),
        (422, "unknown_type"),
        (415, "415"),
        (415, "415"),
        (413, "413"),
        (401, "401"),
        (401, "401"),
    ]
