"""Services and keys by the API, and the trail of it all."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from breakers import keys
from breakers.models import Audit, IngestKey, Service
from breakers.reaching import reach
from tests.api.conftest import Caller, problem

pytestmark = pytest.mark.storage


def owner(key: str) -> Any:
    """Whom a key speaks for."""
    return keys.check_key(key, datetime.now(UTC))


def test_a_service_and_its_key_shown_once(ada: Caller, eve: Caller, tracking: str) -> None:
    response = ada.post("/services", {"name": "search", "signatures": "off"})
    assert response.status_code == 201
    added = response.json()
    assert set(added) == {"name", "key", "signing_secret"}
    assert (added["name"], added["signing_secret"]) == ("search", None)
    assert owner(added["key"]).service_id == Service.objects.get(name="search").pk
    assert "search" in problem(ada.post("/services", {"name": "search"}), 409)["detail"]
    assert IngestKey.objects.count() == 1
    seen = ada.get("/services")
    assert [(service["name"], service["breakers"]) for service in seen["items"]] == [
        ("orders", {"open": 1}),
        ("search", {}),
    ]
    assert [key["id"] for key in seen["items"][1]["keys"]] == [added["key"].split("_")[1]]
    assert added["key"] not in str(seen)
    assert {service["keys"] for service in eve.get("/services")["items"]} == {None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x", "signatures": "yes"}, "signatures"),
        ({"name": "x", "limits": {}}, "limits"),
    ],
)
def test_a_service_that_cant_be(ada: Caller, body: Any, field: str) -> None:
    assert [error["field"] for error in problem(ada.post("/services", body), 422)["errors"]] == [field]
    assert Service.objects.count() == 0


def test_services_by_pages(ada: Caller) -> None:
    for number in range(5):
        ada.post("/services", {"name": f"s{number} ü/x"})
    first = ada.get("/services?limit=3")
    rest = ada.get(f"/services?limit=3&cursor={first['next']}")
    assert [service["name"] for service in first["items"] + rest["items"]] == [f"s{number} ü/x" for number in range(5)]
    assert rest["next"] is None
    for cursor in ("a", "%F0%9F%92%A9", "_w"):
        assert problem(ada.call("GET", f"/services?cursor={cursor}"), 422)["errors"][0]["field"] == "cursor"


def test_pausing_and_resuming(ada: Caller, tracking: str) -> None:
    assert ada.call("PATCH", "/services/orders", {"paused": True}).json()["paused"] is True
    assert Service.objects.get(name="orders").paused
    assert ada.call("PATCH", "/services/orders", {"paused": False}).json()["paused"] is False
    for body in ({}, {"paused": "yes"}, {"paused": 1}, {"paused": None}, {"paused": True, "signatures": None}):
        assert problem(ada.call("PATCH", "/services/orders", body), 422)["errors"]
    assert [line["verb"] for line in ada.get("/audit?verb=service.")["items"]] == ["service.resume", "service.pause"]


def test_signatures_and_their_secret_shown_once(ada: Caller, tracking: str) -> None:
    made = ada.post("/services", {"name": "search", "signatures": "required"}).json()["signing_secret"]
    assert re.fullmatch(r"whsec_[0-9A-Za-z+/]{43}=", made)
    asked = ada.call("PATCH", "/services/orders", {"signatures": "optional"}).json()
    first = asked["signing_secret"]
    assert (asked["signatures"], asked["earlier_secret_until"], first != made) == ("optional", None, True)
    # The same again makes none; rotated, the earlier one is taken for a day.
    again = ada.call("PATCH", "/services/orders", {"signatures": "optional", "paused": False}).json()
    assert again["signing_secret"] is None
    rotated = ada.call("PATCH", "/services/orders", {"rotate_secret": True}).json()
    assert rotated["signing_secret"] not in {None, first}
    until = datetime.fromisoformat(rotated["earlier_secret_until"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < until <= timedelta(hours=24)
    told = str([ada.get("/services"), ada.get("/audit"), list(Service.objects.values())])
    assert not [secret for secret in (made, first, rotated["signing_secret"]) if secret[6:] in told]
    assert [line["verb"] for line in ada.get("/audit?verb=service.")["items"]] == [
        "service.rotate_secret", "service.signatures", "service.signatures", "service.add",
    ]  # fmt: skip


def test_a_secret_that_is_not_there_is_not_rotated(ada: Caller, tracking: str) -> None:
    asked = problem(ada.call("PATCH", "/services/orders", {"rotate_secret": True, "paused": True}), 422)
    assert asked["errors"] == [
        {"field": "rotate_secret", "detail": "service 'orders' does not sign: there is no secret to rotate"}
    ]
    assert not Service.objects.get(name="orders").paused, "all or nothing"


def test_limits_are_set_and_shown(ada: Caller, eve: Caller, tracking: str) -> None:
    told = ada.call("PATCH", "/services/orders", {"limits": {"events_per_s": 50, "breakers": 7}}).json()["limits"]
    assert (told["events_per_s"], told["breakers"], told["events_burst"]) == (50, 7, 100_000)
    told = ada.call("PATCH", "/services/orders", {"limits": {"breakers": None}}).json()["limits"]
    assert (told["events_per_s"], told["breakers"]) == (50, 10_000)
    assert eve.get("/services")["items"][0]["limits"] == told
    asked = problem(ada.call("PATCH", "/services/orders", {"limits": {"events_per_s": 0, "depth": 33}}), 422)
    assert [each["field"] for each in asked["errors"]] == ["limits.events_per_s", "limits.depth"]
    assert problem(ada.call("PATCH", "/services/orders", {"limits": {"colour": 1}}), 422)["errors"]
    problem(eve.call("PATCH", "/services/orders", {"limits": {"breakers": 1}}), 403)
    lines = [(line["verb"], line["before"], line["after"]) for line in ada.get("/audit?verb=service.")["items"]]
    assert lines == [
        ("service.limits", {"limits": {"breakers": 7, "events_per_s": 50}}, {"limits": {"events_per_s": 50}}),
        ("service.limits", {"limits": {}}, {"limits": {"breakers": 7, "events_per_s": 50}}),
    ]


def test_a_limit_that_was_reached_is_shown(ada: Caller, tracking: str) -> None:
    at = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    reach(Service.objects.get(name="orders").pk, "events", 17, "too many", at)
    assert ada.get("/services")["items"][0]["limits_reached"] == [
        {"what": "events", "since": "2026-11-23T08:00:00.000Z", "last_at": "2026-11-23T08:00:00.000Z", "times": 17,
         "detail": "too many"}
    ]  # fmt: skip


def test_redaction_is_set_and_a_pattern_that_takes_long_is_not(ada: Caller, tracking: str) -> None:
    wanted = {"patterns": [r"cust-\d{1,12}"], "keep_messages": False}
    told = ada.call("PATCH", "/services/orders", {"redaction": wanted}).json()["redaction"]
    assert told == {"on": True, **wanted}
    asked = problem(ada.call("PATCH", "/services/orders", {"redaction": {"patterns": [r"(?<=x)y"]}}), 422)
    assert [each["field"] for each in asked["errors"]] == ["redaction.patterns"]
    assert "is no regular expression (RE2)" in asked["detail"]
    told = ada.call("PATCH", "/services/orders", {"redaction": {"keep_messages": True}}).json()["redaction"]
    assert told == {"on": True, "patterns": [r"cust-\d{1,12}"], "keep_messages": True}


def test_a_second_key_and_its_end(ada: Caller, tracking: str) -> None:
    added = ada.post("/services/orders/keys", {"label": "blue"}).json()
    assert (added["service"], added["label"]) == ("orders", "blue")
    assert owner(added["key"]) is not None
    assert ada.call("DELETE", f"/services/orders/keys/{added['id']}").status_code == 204
    assert owner(added["key"]) is None
    assert ada.call("DELETE", f"/services/orders/keys/{added['id']}").status_code == 204
    [key] = ada.get("/services")["items"][0]["keys"]
    assert key["revoked_at"] is not None
    problem(ada.call("DELETE", f"/services/checkout/keys/{added['id']}"), 404)


def test_ten_live_keys_and_no_more(ada: Caller, tracking: str) -> None:
    assert [ada.post("/services/orders/keys").status_code for _ in range(10)] == [201] * 10
    assert "revoke one first" in problem(ada.post("/services/orders/keys"), 409)["detail"]


def test_a_service_may_have_any_name(ada: Caller) -> None:
    ada.post("/services", {"name": "eu/orders?#%"})
    address = "/services/eu%2Forders%3F%23%25"
    key = ada.post(f"{address}/keys").json()
    assert ada.call("DELETE", f"{address}/keys/{key['id']}").status_code == 204
    assert ada.call("PATCH", address, {"paused": True}).json()["name"] == "eu/orders?#%"


@pytest.mark.parametrize("name", ["nobody", "Orders", "orders%20", "%00", "orders%2F"])
def test_a_service_that_is_not_there(ada: Caller, tracking: str, name: str) -> None:
    problem(ada.call("PATCH", f"/services/{name}", {"paused": True}), 404)
    problem(ada.post(f"/services/{name}/keys"), 404)


def test_the_trail_by_pages_and_filters(ada: Caller, eve: Caller) -> None:
    for number in range(4):
        ada.post("/services", {"name": f"s{number}"})
    mine = eve.get("/audit?actor=admin")["items"]
    assert len(mine) == 8
    assert mine[0].keys() == {"id", "at", "actor", "role", "address", "verb", "target", "reason", "before", "after"}
    assert [line["verb"] for line in mine[:2]] == ["key.add", "service.add"]
    first = eve.get("/audit?actor=admin&limit=5")
    assert first["items"] + eve.get(f"/audit?actor=admin&cursor={first['next']}")["items"] == mine
    assert eve.get("/audit?to=2026-01-01T00:00:00Z")["items"] == []
    assert len(eve.get("/audit?from=2026-01-01T00:00:00Z&actor=admin")["items"]) == 8
    problem(eve.call("GET", "/audit?cursor=1e3"), 422)
    assert not any("bbk_" in str(line.after) for line in Audit.objects.all())
