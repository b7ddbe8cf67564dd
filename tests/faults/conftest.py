"""What the faults share: a board on either database, and a receiver of its alerts."""

from collections.abc import Iterator

import pytest

from tests.alerts.conftest import SECRET
from tests.alerts.receiver import Receiver, receiver
from tests.board import Board
from tests.postgres import PostgresServer, postgres_server


@pytest.fixture(scope="module")
def told() -> Iterator[Receiver]:
    """A receiver that the environment names."""
    with receiver() as one:
        yield one


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for this module."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, told: Receiver) -> Iterator[Board]:
    """A running board on SQLite, then one on PostgreSQL."""
    environ = {"ALERT_URLS": told.url, "ALERT_WEBHOOK_SECRET": SECRET}
    if request.param == "postgresql":
        environ["DATABASE_URL"] = request.getfixturevalue("postgres").url
    with Board(**environ) as board:
        yield board
