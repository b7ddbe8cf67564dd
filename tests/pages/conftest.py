"""People at their browsers, and boards to look at."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from breakers import bulk
from tests.pages.seeding import seed_story

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def plain_static(settings: Settings) -> None:
    """Pages name their static files without a manifest: nothing was collected here."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def fresh_limits(db: None) -> Iterator[None]:
    """Nobody has failed to sign in yet."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def person(db: None) -> Callable[[str, str], User]:
    """Make a person with a role; an empty one is none."""

    def make(name: str, role: str) -> User:
        user = User.objects.create_user(name, password=PASSWORD)
        if role:
            user.groups.add(Group.objects.get_or_create(name=role)[0])
        return user

    return make


@pytest.fixture
def signed_in(person: Callable[[str, str], User]) -> Callable[[str], Client]:
    """A browser in which someone of that role is signed in: Ada is admin, Grace operator, Eve viewer, Mallory nobody."""
    names = {"admin": "ada", "operator": "grace", "viewer": "eve", "": "mallory"}

    def sign(role: str) -> Client:
        client = Client()
        client.force_login(person(names[role], role))
        return client

    return sign


@pytest.fixture
def story(db: None) -> str:
    """The id of a breaker of three instances that is open."""
    return seed_story(datetime.now(UTC))


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Callable[[Client, str], list[str]]:
    """What a page asks of the database, statement by statement; those that go straight to the driver too."""
    asked: list[str] = []
    execute = bulk._execute
    monkeypatch.setattr(bulk, "_execute", lambda sql, params: asked.append(sql) or execute(sql, params))

    def ask(client: Client, path: str) -> list[str]:
        asked.clear()
        with CaptureQueriesContext(connection) as by_django:
            assert client.get(path).status_code == 200, path
        return [each["sql"] for each in by_django] + asked

    return ask
