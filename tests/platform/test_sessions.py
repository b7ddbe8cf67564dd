"""Sessions: what the database keeps of one signs nobody in."""

from importlib import import_module

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore as DjangosStore
from django.contrib.sessions.models import Session
from django.db import connections
from django.test import Client

from dashboard.sessions import SessionStore, kept_key

pytestmark = pytest.mark.storage
PASSWORD = "a long enough phrase"


@pytest.fixture
def ada() -> User:
    user = User.objects.create_user("ada", password=PASSWORD)
    user.groups.add(Group.objects.get(name="viewer"))
    return user


def status_with(key: str) -> int:
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    return client.get("/audit/").status_code


@pytest.mark.django_db
def test_a_copy_of_the_database_signs_nobody_in(ada: User) -> None:
    client = Client()
    assert client.post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 302
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    [row] = Session.objects.all()
    assert row.session_key == kept_key(key)
    assert key not in row.session_key + row.session_data
    # The key of the cookie opens the door; what the database holds does not.
    assert (status_with(key), status_with(row.session_key)) == (200, 302)


@pytest.mark.django_db
def test_signing_out_takes_the_row_away(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    assert Session.objects.count() == 1
    client.post("/sign-out/")
    assert not Session.objects.exists()


@pytest.mark.django_db
def test_a_session_is_found_changed_and_gone() -> None:
    store = SessionStore()
    store["seen"] = 1
    store.save()
    key = store.session_key
    assert key is not None
    again = SessionStore(key)
    assert (again["seen"], again.exists(key), SessionStore().exists(kept_key(key))) == (1, True, False)
    again["seen"] = 2
    again.save()
    assert SessionStore(key)["seen"] == 2
    again.cycle_key()
    assert again.session_key != key
    assert dict(SessionStore(key).items()) == {}
    SessionStore(again.session_key).delete()
    assert not Session.objects.exists()


async def test_it_is_the_same_without_blocking(transactional_db: None) -> None:
    store = SessionStore()
    await store.aset("seen", 1)
    await store.asave()
    key = store.session_key
    assert key is not None
    again = SessionStore(key)
    assert (await again.aget("seen"), await again.aexists(key)) == (1, True)
    await again.adelete()
    assert await SessionStore(key).aload() == {}
    assert not await Session.objects.aexists()
    # The thread that asked the database for us keeps its connection else.
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db
def test_who_was_signed_in_before_the_upgrade_stays_so(ada: User) -> None:
    old = DjangosStore()
    old[SESSION_KEY] = str(ada.pk)
    old[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    old[HASH_SESSION_KEY] = ada.get_session_auth_hash()
    # Signed and packed as it was then: the salt is that of the engine's class.
    row = old.create_model_instance(old._session)  # type: ignore[attr-defined]
    row.save()
    assert old.session_key is not None
    import_module("dashboard.migrations.0003_hashed_sessions").hash_keys(apps, None)
    assert list(Session.objects.values_list("session_key", flat=True)) == [kept_key(old.session_key)]
    assert status_with(old.session_key) == 200
