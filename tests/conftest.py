"""What all tests share: the database, a Valkey of their own, and people."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from breakers.access import Actor, Role
from breakers.models import Board

BUILT_IN = (
    import_module("alerts.migrations.0004_rules_incidents_silences").make_rules,
    import_module("alerts.migrations.0005_silenced_alerts_weekly_digest").make_rule,
    import_module("alerts.migrations.0007_truth").make_rule,
)


# How long an example takes says more of the machine's other work than of ours.
hypothesis_settings.register_profile("unhurried", deadline=None)
hypothesis_settings.load_profile("unhurried")


class Herald:
    """Names each test that fails as it does."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self._reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A part of a test has ended."""
        if report.failed:
            self._reporter.write_line("")
            self._reporter.write_line(f"{report.nodeid} failed at its {report.when} after {report.duration:.0f} s")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--clock`: see tests/clocks.py."""
    parser.addoption(
        "--clock", help='Python\'s clocks begin at this moment of this zone: "2027-01-01T00:00:30 Asia/Kolkata"'
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """What fails is named at once: the end of the run is minutes away."""
    if clock := config.getoption("--clock"):
        from tests.clocks import move

        move(clock)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Herald(reporter))


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


@pytest.fixture
def transactional_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A database that threads share, empty but for what the migrations wrote.

    In the place of pytest-django's, whose flush fails at the audit trail (that only grows) and takes the built-in rows.
    What comes after finds it as it was, so that the order of tests is nobody's concern.
    """
    with django_db_blocker.unblock():
        _empty()
        yield
        _empty()
        connections.close_all()


def _empty() -> None:
    kept = {"django_migrations", "django_content_type", "auth_permission", "auth_group"}
    tables = [connection.ops.quote_name(name) for name in connection.introspection.table_names() if name not in kept]
    # In one transaction: keys from row to row are looked at when it ends.
    with connection.cursor() as cursor, connection.constraint_checks_disabled(), transaction.atomic():
        guards = _guards_of_audit(cursor) if connection.vendor == "sqlite" else []
        for name, _ in guards:
            cursor.execute(f"DROP TRIGGER {name}")
        if connection.vendor == "postgresql":
            # Of the others few hold any rows, and to truncate them all takes longer.
            cursor.execute("ALTER TABLE breakers_audit DISABLE TRIGGER USER")
            cursor.execute("TRUNCATE breakers_audit")
            cursor.execute("ALTER TABLE breakers_audit ENABLE TRIGGER USER")
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in tables if table != '"breakers_audit"'))
        else:
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")
        for _, sql in guards:
            cursor.execute(sql)
    Board.objects.create(id=1)
    for make in BUILT_IN:
        make(apps, None)


def _guards_of_audit(cursor: CursorWrapper) -> list[tuple[str, str]]:
    """The triggers that stand before rows of the audit trail, by name and SQL; none where there are no rows."""
    cursor.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'breakers_audit'"
        " AND EXISTS (SELECT 1 FROM breakers_audit)"
    )
    return cursor.fetchall()
