"""Problems: every error is one, whoever raised it."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from breakers import queries
from breakers.errors import StoreUnavailable
from breakers.models import Command
from tests.api.conftest import Caller, problem


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/nothing",
        "/breakers/",
        "/silences/",
        "/rules/",
        "/incidents/",
        "/annotations/",
        "/openapi.json/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "HEAD"])
def test_what_is_not_there(ada: Caller, stranger: Caller, method: str, path: str) -> None:
    for caller in (ada, stranger):
        response = caller.call(method, path, {} if method in ("POST", "PATCH") else None)
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/breakers", {"GET"}),
        ("PUT", "/breakers/1", {"GET", "PATCH"}),
        ("GET", "/alerts/1/acknowledge", {"POST"}),
        ("OPTIONS", "/audit", {"GET"}),
        ("PATCH", "/services", {"GET", "POST"}),
    ],
)
def test_a_wrong_method_names_the_right_ones(ada: Caller, method: str, path: str, allowed: set[str]) -> None:
    response = ada.call(method, path)
    assert f"{method} is not taken here" in problem(response, 405)["detail"]
    assert set(response["Allow"].split(", ")) == allowed


def test_head_is_a_get_without_its_body(eve: Caller, tracking: str) -> None:
    response = eve.call("HEAD", f"/breakers/{tracking}")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b'{"reason": "\\ud800", "action": "reset"}', "the body is not JSON"),
        (b'{"reason": NaN}', "the body is not JSON"),
        (b"[" * 100_000, "nested too deep"),
    ],
)
def test_a_body_that_is_no_json(grace: Caller, tracking: str, body: bytes, said: str) -> None:
    assert said in problem(grace.call("POST", f"/breakers/{tracking}/commands", body), 400)["detail"]


def test_a_body_that_is_too_large(grace: Caller, tracking: str, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    body = {"action": "reset", "reason": "x" * 2_000}
    assert "too large" in problem(grace.call("POST", f"/breakers/{tracking}/commands", body), 413)["detail"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (None, ["body"]),
        ([], ["body"]),
        ("reset", ["body"]),
        ({}, ["action", "reason"]),
        ({"action": "reset"}, ["reason"]),
        ({"action": "reset", "reason": "  "}, ["reason"]),
        ({"action": "reset", "reason": "x" * 2_001}, ["reason"]),
        ({"action": "reset", "reason": "a\0b"}, ["reason"]),
        ({"action": "reset", "reason": 7}, ["reason"]),
        ({"action": "explode", "reason": "x"}, ["action"]),
        ({"action": "reset", "reason": "x", "instance": "a"}, ["instance"]),
        ({"action": "reset", "reason": "x", "instances": []}, ["instances"]),
        ({"action": "reset", "reason": "x", "instances": "a"}, ["instances"]),
        ({"action": "reset", "reason": "x", "instances": [1]}, ["instances.0"]),
        ({"action": "reset", "reason": "x", "until": "2099-01-01T00:00:00Z"}, ["until"]),
        ({"action": "force_open", "reason": "x", "until": "2020-01-01T00:00:00Z"}, ["until"]),
        ({"action": "force_open", "reason": "x", "until": "2099-01-01T00:00:00"}, ["until"]),
        ({"action": "force_open", "reason": "x", "until": "9999-12-31T23:59:59Z"}, ["until"]),
        ({"action": "force_open", "reason": "x", "until": "9999-12-31T23:59:59-14:00"}, ["until"]),
        ({"action": "force_open", "reason": "x", "until": 4_000_000_000}, ["until"]),
    ],
)
def test_an_order_that_cant_be_taken_names_each_field(
    grace: Caller, tracking: str, body: Any, fields: list[str]
) -> None:
    told = problem(grace.post(f"/breakers/{tracking}/commands", body), 422)
    assert [error["field"] for error in told["errors"]] == fields
    assert all(error["detail"] for error in told["errors"])
    assert Command.objects.count() == 0


def test_a_sentence_holds_the_value(grace: Caller, tracking: str) -> None:
    [error] = problem(grace.post(f"/breakers/{tracking}/commands", {"action": "explode", "reason": "x"}), 422)["errors"]
    assert error["detail"].startswith("'action' is 'explode': input should be 'probe', 'reset', ")


def test_a_database_that_does_not_answer_is_503_with_a_time(eve: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    for error, said in (
        (OperationalError("could not connect to host secret.example"), "the database does not answer"),
        (StoreUnavailable("the database can't be written: locked", 7), "the database can't be written: locked"),
    ):

        def fail(*args: object, error: Exception = error, **kwargs: object) -> None:
            raise error

        monkeypatch.setattr(queries, "for_wall", fail)
        response = eve.call("GET", "/breakers")
        assert problem(response, 503)["detail"] == said
        assert int(response["Retry-After"]) > 0


def test_a_fault_of_ours_is_a_problem_without_its_story(eve: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "for_wall", lambda *args, **kwargs: 1 // 0)
    assert "division" not in problem(eve.call("GET", "/breakers"), 500)["detail"]


def test_nothing_is_kept_by_caches_or_sets_cookies(eve: Caller, tracking: str) -> None:
    response = eve.call("GET", "/breakers")
    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"
    assert not response.cookies
