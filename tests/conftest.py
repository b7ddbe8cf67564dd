"""What all tests share: the database, a Valkey of their own, and people."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from breakers.access import Actor, Role


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite as it runs: a file with a write-ahead log, seen by every thread and process."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Valkey server for this session."""
    from tests.servers import valkey_server

    with valkey_server(Path(tmp_path_factory.mktemp("valkey"))) as server:
        yield server.url


@pytest.fixture
def ada() -> Actor:
    """Ada is on call, and runs the board."""
    return Actor("ada", Role.ADMIN, "127.0.0.1")


@pytest.fixture
def grace() -> Actor:
    """Grace is in Ada's team."""
    return Actor("grace", Role.OPERATOR, "127.0.0.1")


@pytest.fixture
def eve() -> Actor:
    """Eve may look, and nothing else."""
    return Actor("eve", Role.VIEWER, "127.0.0.1")
