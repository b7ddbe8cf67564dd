"""A board with two breakers, tokens for each role, and callers that speak JSON."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django.fixtures import Settings

from breakers import keys, nudging, recording
from breakers.access import BOARD, Role
from breakers.domain.checking import check
from breakers.models import Board, Breaker, Service
from breakers.models.fields import to_us
from breakers.submissions import Submission

ROLES = ("viewer", "operator", "admin")
Post = Callable[..., None]


class Caller:
    """A script with a token, or without one."""

    def __init__(self, token: str = "", client: Client | None = None) -> None:
        self.client = client or Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer to one request."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method,
            path if path.startswith("/metrics") else f"/api/v1{path}",
            data,
            content_type="application/json",
            headers={**self.headers, **headers},
        )

    def get(self, path: str) -> Any:
        """The JSON of a GET that succeeds."""
        response = self.call("GET", path)
        assert response.status_code == 200, response.content
        return response.json()

    def post(self, path: str, body: Any = None) -> Any:
        """The answer to a POST."""
        return self.call("POST", path, body)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """No broker, and static files by their plain names."""
    monkeypatch.setattr(nudging, "nudge", lambda task, *args: None)
    settings.WHITENOISE_AUTOREFRESH = True
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def post(db: None) -> Post:
    """Record events of a service as the webhook would, so many seconds ago."""
    Board.objects.get_or_create(pk=1)

    def post(*events: dict[str, Any], service: str = "orders", ago: float = 0) -> None:
        now = datetime.now(UTC) - timedelta(seconds=ago)
        row, _ = Service.objects.get_or_create(name=service, defaults={"created_at": now})
        batch = check(list(events), to_us(now))
        answers = recording.record([Submission(row.pk, batch.reports, batch.refusals)], now)
        assert [answer.rejected for answer in answers] == [[]]

    return post


@pytest.fixture
def tracking(post: Post) -> str:
    """The id of a breaker of two instances, one of which opened a moment ago."""
    common = {"breaker": "delivery-tracking", "dependency": "tracking-api", "labels": {"team": "logistics"}}
    for pod in ("a", "b"):
        post({"type": "heartbeat", "instance": pod, "state": "closed", "interval_s": 60, **common}, ago=30)
    post(
        {
            "type": "failure",
            "instance": "a",
            "count": 7,
            "error": {"type": "ConnectTimeout", "message": "no answer"},
            **common,
        },
        {"type": "state_change", "instance": "a", "to_state": "open", "reason": "7 failures in 10 s", **common},
        ago=20,
    )
    return breaker_id("delivery-tracking")


@pytest.fixture
def tax(post: Post) -> str:
    """The id of a calm breaker of another service."""
    post({"type": "heartbeat", "breaker": "tax-quote", "state": "closed", "interval_s": 60}, service="checkout", ago=10)
    return breaker_id("tax-quote")


@pytest.fixture
def tokens(db: None) -> dict[str, str]:
    """A token for each role."""
    now = datetime.now(UTC)
    return {role: keys.add_token(BOARD, role, Role.named(role), at=now).token or "" for role in ROLES}


@pytest.fixture
def eve(tokens: dict[str, str]) -> Caller:
    """She may look."""
    return Caller(tokens["viewer"])


@pytest.fixture
def grace(tokens: dict[str, str]) -> Caller:
    """She is on call."""
    return Caller(tokens["operator"])


@pytest.fixture
def ada(tokens: dict[str, str]) -> Caller:
    """She runs the board."""
    return Caller(tokens["admin"])


@pytest.fixture
def stranger(db: None) -> Caller:
    """Someone without a credential."""
    return Caller()


@pytest.fixture
def signed_in(db: None) -> Callable[[str], Client]:
    """A browser in which someone of this group is signed in; its CSRF check is on."""

    def signed_in(group: str) -> Client:
        user = User.objects.create_user(f"{group or 'nobody'}-in-a-browser")
        if group:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        client.force_login(user)
        return client

    return signed_in


def breaker_id(name: str) -> str:
    """The id of a breaker by its name."""
    return str(Breaker.objects.get(name=name).pk)


def problem(response: Any, status: int) -> Any:
    """The problem that an answer is."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert set(body) >= {"type", "title", "status", "detail"}
    return body
