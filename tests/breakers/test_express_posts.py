"""Posts that the webhook takes by express: only from those whom it knows, and with the answers of the long way."""

import time
from typing import Any

import msgspec
import pytest

from breakers import key_uses
from breakers.domain.keeping import EVERYTHING
from breakers.domain.limits import DEFAULTS, Limits
from breakers.domain.reports import Refusal
from breakers.errors import StoreUnavailable
from breakers.keys import KeyOwner
from breakers.signing import Signing
from breakers.submissions import Answer, Submission
from breakers.webhook import Webhook

BODY = b'{"type":"failure","breaker":"payments"}'
HEADERS = [(b"authorization", b"Bearer bbk_orders"), (b"content-type", b"application/json")]


class Desk:
    """A webhook that knows one key, before an intake that only notes."""

    def __init__(
        self, *, paused: bool = False, known_for: float = 5.0, signing: Signing | None = None, limits: Limits = DEFAULTS
    ) -> None:
        self.webhook = Webhook()
        key_uses._seen.add(("orders", "10.0.0.9"))
        owner = KeyOwner(7, "orders", paused, signing, limits, EVERYTHING)
        self.webhook._owners[b"bbk_orders"] = (owner, time.monotonic() + known_for)
        self.posted: list[tuple[Submission, Any]] = []
        self.webhook.intake.post = lambda submission, done: self.posted.append((submission, done))  # type: ignore[method-assign]
        self.told: list[tuple[int, bytes]] = []

    def takes(
        self, body: bytes = BODY, *more: tuple[bytes, bytes], headers: list[tuple[bytes, bytes]] = HEADERS
    ) -> bool:
        scope = {"headers": [*headers, *more], "path": "/api/v1/events", "client": ("10.0.0.9", 4711)}
        return self.webhook.express(scope, body, lambda status, rest: self.told.append((status, rest)))

    def hears(self, outcome: Answer | Exception) -> tuple[int, Any, bytes]:
        """Status, body and head of the answer."""
        self.posted.pop()[1](outcome)
        status, rest = self.told.pop()
        head, _, body = rest.partition(b"\r\n\r\n")
        assert b"content-length: %d\r\n" % len(body) in head
        return status, msgspec.json.decode(body), head


def test_a_known_sender_is_taken_at_once() -> None:
    desk = Desk()
    assert desk.takes()
    assert [(s.service_id, s.reports[0].breaker) for s, _ in desk.posted] == [(7, "payments")]
    status, body, head = desk.hears(Answer(1, 0, [], []))
    assert (status, body) == (202, {"accepted": 1, "duplicates": 0, "rejected": [], "commands": []})
    assert head.startswith(b"content-type: application/json\r\n")


def test_a_known_key_from_a_new_address_goes_the_long_way_where_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    monkeypatch.setattr(key_uses, "_seen", set())
    assert not desk.takes()
    monkeypatch.setattr(key_uses, "_seen", {("orders", "10.0.0.9")})
    assert desk.takes()


@pytest.mark.parametrize(
    ("desk", "body", "more", "headers"),
    [
        (Desk(paused=True), BODY, [], HEADERS),
        (Desk(signing=Signing(required=False, sealed=())), BODY, [], HEADERS),
        (Desk(), BODY, [(b"webhook-id", b"one")], HEADERS),
        (Desk(known_for=-1), BODY, [], HEADERS),
        (Desk(), BODY, [], [(b"authorization", b"Bearer bbk_eve"), HEADERS[1]]),
        (Desk(), BODY, [], HEADERS[1:]),
        (Desk(), BODY, [], HEADERS[:1]),
        (Desk(), BODY, [(b"idempotency-key", b"one")], HEADERS),
        (Desk(), BODY, [(b"content-encoding", b"gzip")], HEADERS),
        (Desk(), BODY, [(b"ce-id", b"one")], HEADERS),
        (Desk(), b"{", [], HEADERS),
        (Desk(), b'{"type":"fialure","breaker":"payments"}', [], HEADERS),
        (Desk(), b"[]", [], HEADERS),
    ],
    ids=[
        "paused",
        "signed",
        "webhook-id",
        "forgotten",
        "unknown",
        "no key",
        "no type",
        "idempotency",
        "gzip",
        "ce",
        "no json",
        "refused",
        "none",
    ],
)
def test_the_long_way_for_all_else(
    desk: Desk, body: bytes, more: list[tuple[bytes, bytes]], headers: list[tuple[bytes, bytes]]
) -> None:
    assert (desk.takes(body, *more, headers=headers), desk.posted) == (False, [])


def test_a_key_is_remembered_once_however_it_is_spelt() -> None:
    """Else whoever has one good key could fill the memory with it, by 60 KiB of blanks a time."""
    desk = Desk()
    for spelt in (b"bearer bbk_orders", b"BEARER  bbk_orders", b"Bearer bbk_orders" + b" " * 60_000):
        assert desk.takes(headers=[(b"authorization", spelt), HEADERS[1]])
    assert not desk.takes(headers=[(b"authorization", b"Basic bbk_orders"), HEADERS[1]])
    assert list(desk.webhook._owners) == [b"bbk_orders"]


def test_answers_that_say_more(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk()
    refusal = Refusal(0, "too_many_breakers", "one breaker too many")
    outcomes: list[Answer | Exception] = [
        Answer(0, 1, [], []),
        Answer(0, 0, [refusal], []),
        StoreUnavailable("the database can't be written", 3),
        RuntimeError("out of memory"),
    ]
    found = []
    for outcome in outcomes:
        assert desk.takes()
        status, body, head = desk.hears(outcome)
        found.append((status, body.get("detail", body.get("duplicates")), b"retry-after: 3" in head))
    assert desk.webhook.refusals.waiting.is_set()
    assert found == [
        (202, 1, False),
        (422, "event 0: one breaker too many", False),
        (503, "the database can't be written", True),
        (500, "the board failed to take this request; its log says why", False),
    ]


def test_who_is_too_fast_goes_the_long_way_and_is_told_there() -> None:
    desk = Desk(limits=Limits(events_per_s=1, events_burst=2))
    assert [desk.takes() for _ in range(4)] == [True, True, False, False]
    assert len(desk.posted) == 2
