"""Who may do what: every route by every role, with tokens and in browsers; and what is looked at first."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from breakers import keys
from breakers.access import BOARD, Role
from breakers.models import Audit, Command
from dashboard.api.documentation import document
from tests.api.conftest import ROLES, Caller, problem

NOTHING = "00000000-0000-4000-8000-000000000000"
# Every route, the least role, a body that is taken, and the status that follows. `{breaker}` is a breaker's id; ids that
# name nothing are 404 for those who may ask.
ROUTES: list[tuple[str, str, str, Any, int]] = [
    ("GET", "/breakers", "viewer", None, 200),
    ("GET", "/breakers/{breaker}", "viewer", None, 200),
    ("PATCH", "/breakers/{breaker}", "admin", {"headline": "all"}, 200),
    ("DELETE", "/breakers/{breaker}/instances/a", "admin", None, 204),
    ("GET", "/breakers/{breaker}/timeline", "viewer", None, 200),
    ("GET", "/breakers/{breaker}/events", "viewer", None, 200),
    ("POST", "/breakers/{breaker}/commands", "operator", {"action": "reset", "reason": "it is back"}, 201),
    ("GET", f"/commands/{uuid4()}", "viewer", None, 404),
    ("GET", "/alerts", "viewer", None, 200),
    ("GET", "/alerts/999", "viewer", None, 404),
    ("POST", "/alerts/999/acknowledge", "operator", {"comment": "mine"}, 404),
    ("POST", "/alerts/999/unacknowledge", "operator", None, 404),
    ("POST", "/notifications/999/resend", "operator", None, 404),
    ("GET", "/incidents", "viewer", None, 200),
    ("GET", "/incidents/999", "viewer", None, 404),
    ("POST", "/incidents/999/acknowledge", "operator", {"comment": "mine"}, 404),
    ("POST", "/incidents/999/split", "operator", {"alerts": ["1"]}, 404),
    ("POST", "/incidents/999/merge", "operator", {"incidents": ["1"]}, 404),
    ("POST", "/incidents/999/not-this", "operator", None, 404),
    ("GET", "/silences", "viewer", None, 200),
    ("POST", "/silences", "operator", {"matchers": {}, "to": "2090-01-01T00:00:00Z", "comment": "x"}, 422),
    ("DELETE", "/silences/999", "operator", None, 404),
    ("GET", "/rules", "viewer", None, 200),
    ("GET", "/rules/999", "viewer", None, 404),
    ("POST", "/rules", "admin", {"name": "mine", "kind": "opened"}, 201),
    ("PATCH", "/rules/999", "admin", {"enabled": False}, 404),
    ("DELETE", "/rules/999", "admin", None, 404),
    ("POST", "/rule-preview", "viewer", {"kind": "opened"}, 200),
    ("GET", "/destinations", "admin", None, 200),
    (
        "POST",
        "/destinations",
        "admin",
        {"name": "ops", "kind": "webhook", "config": {"url": "https://192.0.32.7/x"}},
        201,
    ),
    ("GET", f"/destinations/{NOTHING}", "admin", None, 404),
    ("PATCH", f"/destinations/{NOTHING}", "admin", {"name": "night"}, 404),
    ("DELETE", f"/destinations/{NOTHING}", "admin", None, 404),
    ("POST", f"/destinations/{NOTHING}/test", "admin", None, 404),
    ("GET", "/routes", "admin", None, 200),
    ("POST", "/routes", "admin", {"name": "all", "destinations": []}, 422),
    ("GET", f"/routes/{NOTHING}", "admin", None, 404),
    ("PATCH", f"/routes/{NOTHING}", "admin", {"name": "night"}, 404),
    ("DELETE", f"/routes/{NOTHING}", "admin", None, 404),
    ("GET", "/rotas", "viewer", None, 200),
    ("POST", "/rotas", "admin", {"name": "nights", "fallback": []}, 422),
    ("GET", f"/rotas/{NOTHING}", "viewer", None, 404),
    ("PATCH", f"/rotas/{NOTHING}", "admin", {"name": "days"}, 404),
    ("DELETE", f"/rotas/{NOTHING}", "admin", None, 404),
    ("GET", f"/rotas/{NOTHING}/duties", "viewer", None, 404),
    ("POST", f"/rotas/{NOTHING}/overrides", "operator", {"person": "ada", "to": "2090-01-01T00:00:00Z"}, 404),
    ("DELETE", f"/rotas/{NOTHING}/overrides/1", "operator", None, 404),
    ("GET", "/people", "viewer", None, 200),
    ("PATCH", "/people/nobody", "admin", {"destinations": []}, 404),
    ("GET", "/services", "viewer", None, 200),
    ("POST", "/services", "admin", {"name": "search"}, 201),
    ("PATCH", "/services/orders", "admin", {"paused": True}, 200),
    ("POST", "/services/orders/keys", "admin", {"label": "second"}, 201),
    ("DELETE", "/services/orders/keys/00000000", "admin", None, 404),
    ("GET", "/sources", "viewer", None, 200),
    ("GET", "/annotations", "viewer", None, 200),
    ("POST", "/annotations", "operator", {"kind": "deploy", "title": "orders 2.4.1"}, 201),
    ("GET", "/audit", "viewer", None, 200),
]
IDS = [
    f"{method} {path.replace(str(path.rsplit('/', 1)[-1]), '…') if 'commands/' in path else path}"
    for method, path, *_ in ROUTES
]
WRITES = [route for route in ROUTES if route[0] != "GET"]


def test_the_table_names_every_route() -> None:
    """Held against the document: a new route needs a row here."""
    told = {
        (method.upper(), len(address.split("/")) - 3, call["x-role"])
        for address, calls in document()["paths"].items()
        for method, call in calls.items()
    }
    assert {(method, path.count("/"), role) for method, path, role, *_ in ROUTES} == told
    assert len(ROUTES) == sum(len(calls) for calls in document()["paths"].values())


@pytest.mark.parametrize(("method", "path", "least", "body", "status"), ROUTES, ids=IDS)
@pytest.mark.parametrize("role", ROLES)
def test_by_token(
    tokens: dict[str, str], tracking: str, method: str, path: str, least: str, body: Any, status: int, role: str
) -> None:
    done = Audit.objects.exclude(verb="role.refused")
    lines = done.count()
    response = Caller(tokens[role]).call(method, path.format(breaker=tracking), body)
    changed = method != "GET" and response.status_code < 300 and path != "/rule-preview"
    assert (done.count() > lines) == changed
    assert Audit.objects.filter(verb="role.refused").exists() == (response.status_code == 403)
    if ROLES.index(role) >= ROLES.index(least):
        assert response.status_code == status, response.content
        if status == 404:
            problem(response, 404)
    else:
        assert f"needs the role {least}; {role} is {role}" in problem(response, 403)["detail"]


@pytest.mark.parametrize(("method", "path", "least", "body", "status"), WRITES, ids=[f"{m} {p}" for m, p, *_ in WRITES])
def test_the_role_is_looked_at_before_the_body(
    tokens: dict[str, str], tracking: str, method: str, path: str, least: str, body: Any, status: int
) -> None:
    for role in ROLES[: ROLES.index(least)]:
        for given in (b"no json", {"surprise": 1}):
            answer = Caller(tokens[role]).call(method, path.format(breaker=tracking), given)
            assert f"needs the role {least}" in problem(answer, 403)["detail"]


@pytest.mark.parametrize(("method", "path", "least", "body", "status"), ROUTES, ids=IDS)
def test_strangers_are_401_before_anything_else_is_looked_at(
    stranger: Caller, tracking: str, method: str, path: str, least: str, body: Any, status: int
) -> None:
    for given in (body, b"no json", {"surprise": 1}):
        response = stranger.call(method, path.format(breaker=tracking), given)
        assert "Authorization: Bearer bbt_" in problem(response, 401)["detail"]
        assert response["WWW-Authenticate"] == "Bearer"
    browser = Caller(client=Client(enforce_csrf_checks=True))
    problem(browser.call(method, path.format(breaker=tracking), body), 401)


def test_a_credential_that_is_not_good(
    tokens: dict[str, str], tracking: str, signed_in: Callable[[str], Client]
) -> None:
    good = tokens["admin"]
    from django.utils import timezone

    ingest_key = keys.add_service(BOARD, "search", at=timezone.now()).key
    for text in (
        good[:-1],
        good[:-1] + ("a" if good[-1] != "a" else "b"),
        good.lower(),
        "bbt_",
        "x",
        ingest_key,
        good + "\n",
    ):
        assert Caller(text or "").call("GET", "/breakers").status_code == (200 if text == good + "\n" else 401)
    # A token that is sent decides alone: it never falls back on the session.
    assert Caller(good[:-1], signed_in("admin")).call("GET", "/breakers").status_code == 401
    keys.revoke_token(BOARD, "admin", at=timezone.now())
    assert "unknown or revoked" in problem(Caller(good).call("GET", "/breakers"), 401)["detail"]


@pytest.mark.parametrize(("method", "path", "least", "body", "status"), WRITES, ids=[f"{m} {p}" for m, p, *_ in WRITES])
def test_a_sessions_write_needs_its_csrf_token(
    signed_in: Callable[[str], Client], tracking: str, method: str, path: str, least: str, body: Any, status: int
) -> None:
    client = signed_in("admin")
    browser = Caller(client=client)
    path = path.format(breaker=tracking)
    for wrong in ({}, {"X-CSRFToken": "x" * 32}):
        assert "X-CSRFToken" in problem(browser.call(method, path, body, **wrong), 403)["detail"]
    assert Command.objects.count() == 0
    assert browser.call(method, path, body, **{"X-CSRFToken": csrf_token(client)}).status_code == status


def test_a_session_reads_and_its_role_counts(signed_in: Callable[[str], Client], tracking: str) -> None:
    eve = signed_in("viewer")
    assert Caller(client=eve).call("GET", "/breakers").status_code == 200
    order = {"action": "reset", "reason": "it is back"}
    refused = Caller(client=eve).call(
        "POST", f"/breakers/{tracking}/commands", order, **{"X-CSRFToken": csrf_token(eve)}
    )
    assert "needs the role operator" in problem(refused, 403)["detail"]
    grace = signed_in("operator")
    given = Caller(client=grace).call(
        "POST", f"/breakers/{tracking}/commands", order, **{"X-CSRFToken": csrf_token(grace)}
    )
    assert (given.status_code, given.json()["requested_by"]) == (201, "operator-in-a-browser")


def test_a_form_from_elsewhere_changes_nothing(signed_in: Callable[[str], Client], tracking: str) -> None:
    client = signed_in("admin")
    address = f"/api/v1/breakers/{tracking}/commands"
    problem(client.post(address, {"action": "reset", "reason": "x"}), 403)
    token = {"HTTP_X_CSRFTOKEN": csrf_token(client)}
    assert "not JSON" in problem(client.post(address, {"action": "reset", "reason": "x"}, **token), 400)["detail"]
    elsewhere = Caller(client=client).call(
        "POST", f"/breakers/{tracking}/commands", {"action": "reset", "reason": "x"},
        **{"X-CSRFToken": token["HTTP_X_CSRFTOKEN"], "Origin": "https://evil.example"},
    )  # fmt: skip
    problem(elsewhere, 403)
    assert Command.objects.count() == 0


def test_someone_without_a_role_may_nothing(signed_in: Callable[[str], Client]) -> None:
    assert "needs the role viewer" in problem(Caller(client=signed_in("")).call("GET", "/breakers"), 403)["detail"]


def test_who_asked_and_from_where_stands_in_the_trail(grace: Caller, eve: Caller, tracking: str) -> None:
    grace.post(f"/breakers/{tracking}/commands", {"action": "reset", "reason": "it is back"})
    line = eve.get("/audit?verb=command.")["items"][0]
    assert (line["actor"], line["role"], line["address"], line["reason"]) == (
        "operator", Role.OPERATOR.name.lower(), "127.0.0.1", "it is back",
    )  # fmt: skip


def csrf_token(client: Client) -> str:
    """What a page of the site would carry."""
    from django.conf import settings
    from django.middleware.csrf import _get_new_csrf_string, _mask_cipher_secret

    secret = _get_new_csrf_string()
    client.cookies[settings.CSRF_COOKIE_NAME] = secret
    return _mask_cipher_secret(secret)
