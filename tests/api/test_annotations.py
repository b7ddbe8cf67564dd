"""Marks by the API: by operators, by the services themselves, and where they then stand."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from breakers import annotating, keys
from breakers.access import BOARD
from breakers.configuring import configure
from breakers.models import Annotation, Audit, Breaker
from breakers.models import Board as BoardRow
from tests.api.conftest import Caller, problem

pytestmark = pytest.mark.storage


@pytest.fixture
def orders_key(tracking: str) -> str:
    """An ingest key of the service whose breaker is tracked."""
    return str(keys.add_key(BOARD, "orders", at=datetime.now(UTC)).key)


def test_a_deploy_is_marked_and_found(grace: Caller, eve: Caller, tracking: str) -> None:
    body = {"kind": "deploy", "title": "orders 2.4.1", "at": "2026-11-23T08:00:00Z", "service": "orders"}
    response = grace.post("/annotations", body | {"url": "https://ci.example/41"})
    assert response.status_code == 201
    mark = response.json()
    assert set(mark) == {
        *("id", "kind", "title", "at", "until", "service", "breaker", "dependency", "url", "created_by", "created_at")
    }
    assert (mark["at"], mark["until"], mark["service"], mark["breaker"]) == (
        "2026-11-23T08:00:00.000Z", None, "orders", None,
    )  # fmt: skip
    hour = "?from=2026-11-23T08:00:00Z&to=2026-11-23T09:00:00Z"
    assert eve.get(f"/annotations{hour}")["items"] == [mark]
    assert eve.get("/annotations?from=2026-11-23T08:00:01Z")["items"] == []
    assert eve.get("/annotations?to=2026-11-23T08:00:00Z")["items"] == []
    assert eve.get("/annotations?service=checkout")["items"] == []
    assert eve.get("/annotations?kind=chaos,note")["items"] == []
    line = Audit.objects.get(verb="mark.deploy")
    assert (line.actor, line.role, line.target_kind, line.target_name) == (
        "operator",
        "operator",
        "mark",
        "orders 2.4.1",
    )


def test_a_byte_order_mark_before_a_body_says_nothing(grace: Caller) -> None:
    body = b"\xef\xbb\xbf" + json.dumps({"kind": "note", "title": "from PowerShell"}).encode()
    assert grace.post("/annotations", body).json()["title"] == "from PowerShell"


def test_a_mark_without_a_scope_holds_for_all(grace: Caller, eve: Caller) -> None:
    everywhere = grace.post("/annotations", {"kind": "maintenance", "title": "network work"}).json()
    on_cdn = grace.post("/annotations", {"kind": "chaos", "title": "cdn off", "dependency": "cdn"}).json()
    assert [each["id"] for each in eve.get("/annotations?service=orders&dependency=tracking-api")["items"]] == [
        everywhere["id"]
    ]
    assert [each["id"] for each in eve.get("/annotations?dependency=cdn")["items"]] == [on_cdn["id"], everywhere["id"]]


def test_a_stretch_reaches_into_the_range(grace: Caller, eve: Caller) -> None:
    grace.post(
        "/annotations",
        {"kind": "chaos", "title": "drill", "at": "2026-11-23T07:00:00Z", "until": "2026-11-23T08:30:00Z"},
    )
    assert len(eve.get("/annotations?from=2026-11-23T08:00:00Z")["items"]) == 1
    assert eve.get("/annotations?from=2026-11-23T08:30:00Z")["items"] == []


def test_a_service_marks_its_own_timelines_with_its_key(orders_key: str, eve: Caller) -> None:
    service = Caller(orders_key)
    response = service.post("/annotations", {"kind": "deploy", "title": "2.4.1", "breaker": "delivery-tracking"})
    assert response.status_code == 201
    assert (response.json()["service"], response.json()["created_by"]) == ("orders", "orders")
    assert service.post("/annotations", {"kind": "note", "title": "n", "service": "orders"}).status_code == 201
    refused = problem(service.post("/annotations", {"kind": "note", "title": "n", "service": "checkout"}), 403)
    assert "speaks for orders" in refused["detail"]
    # The key opens this one door and no other.
    problem(service.call("GET", "/annotations"), 401)
    assert Annotation.objects.count() == 2


def test_a_key_that_is_not_good_sets_none(orders_key: str) -> None:
    body = {"kind": "note", "title": "n"}
    problem(Caller(orders_key[:-1] + ("a" if orders_key[-1] != "a" else "b")).post("/annotations", body), 401)
    configure(BOARD, "orders", {"paused": True}, at=datetime.now(UTC))
    assert "paused" in problem(Caller(orders_key).post("/annotations", body), 403)["detail"]
    configure(BOARD, "orders", {"paused": False}, at=datetime.now(UTC))
    assert Caller(orders_key).post("/annotations", body).status_code == 201


def test_where_posts_are_signed_a_leaked_key_alone_sets_no_mark(orders_key: str) -> None:
    now = datetime.now(UTC)
    secret = configure(BOARD, "orders", {"signatures": "required"}, at=now).signing_secret
    assert secret is not None
    body = {"kind": "note", "title": "n"}
    assert problem(Caller(orders_key).post("/annotations", body), 403)["code"] == "signature_missing"

    def signed(said: dict[str, str]) -> Any:
        signature = Webhook(secret).sign("msg_1", now, json.dumps(said))
        stamps = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
        return Caller(orders_key).call("POST", "/annotations", json.dumps(body).encode(), **stamps)

    assert problem(signed({**body, "title": "another"}), 403)["code"] == "no_match"
    assert signed(body).status_code == 201
    assert Annotation.objects.count() == 1


def test_a_key_fills_no_audit_trail(orders_key: str, grace: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotating, "MOST_OWN", 3)
    body = {"kind": "note", "title": "n", "service": "orders"}
    assert [Caller(orders_key).post("/annotations", body).status_code for _ in range(4)] == [201, 201, 201, 429]
    refused = Caller(orders_key).post("/annotations", body)
    assert "orders set 3 marks within an hour" in problem(refused, 429)["detail"]
    assert 3_590 <= int(refused["Retry-After"]) <= 3_600
    assert Audit.objects.filter(verb="mark.note").count() == 3
    assert grace.post("/annotations", body).status_code == 201
    Annotation.objects.update(created_at=datetime.now(UTC) - timedelta(minutes=61))
    assert Caller(orders_key).post("/annotations", body).status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": "x"}, "kind"),
        ({"kind": "party", "title": "x"}, "kind"),
        ({"kind": "note"}, "title"),
        ({"kind": "note", "title": "  "}, "title"),
        ({"kind": "note", "title": "x" * 201}, "title"),
        ({"kind": "note", "title": "a\0b"}, "title"),
        ({"kind": "note", "title": "x", "at": "yesterday"}, "at"),
        ({"kind": "note", "title": "x", "at": "2026-11-23T08:00:00Z", "until": "2026-11-23T08:00:00Z"}, "until"),
        ({"kind": "note", "title": "x", "service": "s" * 201}, "service"),
        ({"kind": "note", "title": "x", "url": "javascript:alert(1)"}, "url"),
        ({"kind": "note", "title": "x", "colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named_by_field(grace: Caller, body: Any, field: str) -> None:
    told = problem(grace.post("/annotations", body), 422)
    assert field in [each["field"] for each in told["errors"]]
    assert Annotation.objects.count() == 0
    assert Audit.objects.filter(verb__startswith="mark.").count() == 0


def test_the_list_is_paged(grace: Caller, eve: Caller) -> None:
    for minute in (3, 1, 2):
        grace.post("/annotations", {"kind": "note", "title": f"at {minute}", "at": f"2026-11-23T08:0{minute}:00Z"})
    first = eve.get("/annotations?limit=2")
    second = eve.get(f"/annotations?limit=2&cursor={first['next']}")
    assert [each["title"] for each in first["items"] + second["items"]] == ["at 3", "at 2", "at 1"]
    assert second["next"] is None
    problem(eve.call("GET", "/annotations?cursor=1.x"), 422)


def test_whoever_looks_at_a_marked_breaker_is_told(grace: Caller, tracking: str, tax: str) -> None:
    before = BoardRow.objects.get().version
    grace.post("/annotations", {"kind": "config", "title": "timeouts up", "service": "orders"})
    versions = dict(Breaker.objects.values_list("name", "version"))
    assert versions["delivery-tracking"] == BoardRow.objects.get().version == before + 1
    assert versions["tax-quote"] <= before
