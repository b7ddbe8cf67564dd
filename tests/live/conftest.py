"""A board with breakers, the hub, and clients of the live socket."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import connections

from breakers import keys, recording
from breakers.access import BOARD, Role
from breakers.domain.checking import check
from breakers.models import Board, Breaker, Service
from breakers.models.fields import to_us
from breakers.submissions import Submission
from dashboard.live.hub import hub
from tests.live.clients import Client

Post = Callable[..., None]


@pytest.fixture
def board(transactional_db: None) -> Board:
    """An empty board."""
    return Board.objects.get()


@pytest.fixture
def post(board: Board) -> Post:
    """Record events of the service `orders` as the webhook would, now."""

    def post(*events: dict[str, Any], service: str = "orders") -> None:
        now = datetime.now(UTC)
        row, _ = Service.objects.get_or_create(name=service, defaults={"created_at": now})
        batch = check(list(events), to_us(now))
        answers = recording.record([Submission(row.pk, batch.reports, batch.refusals)], now)
        assert [answer.rejected for answer in answers] == [[]]

    return post


@pytest.fixture
def opens(post: Post) -> Callable[..., None]:
    """A breaker says that it changed."""
    return lambda name, state="open", **more: post({"type": "state_change", "breaker": name, "to_state": state, **more})


@pytest.fixture
def token(board: Board) -> str:
    """A viewer's token."""
    added = keys.add_token(BOARD, "wall", Role.VIEWER, at=datetime.now(UTC)).token
    assert added
    return added


@pytest.fixture
async def live(board: Board) -> AsyncIterator[None]:
    """The hub of this process, started and stopped as the server does it."""
    await hub.start()
    yield
    await hub.stop()
    await database_sync_to_async(connections.close_all)()


@pytest.fixture
async def connect(live: None, token: str) -> AsyncIterator[Callable[..., Any]]:
    """Open a socket, with the viewer's token unless told otherwise."""
    clients: list[Client] = []

    async def connect(**how: Any) -> Client:
        client = Client(**({"token": token} | how))
        clients.append(client)
        await client.connect()
        return client

    yield connect
    for client in clients:
        await client.close()


def breaker_id(name: str) -> str:
    """The id of a breaker by its name."""
    return str(Breaker.objects.get(name=name).pk)
