"""Who may open a socket, from where, and how it ends when the credential does."""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import sync_to_async as threaded
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, logout
from django.contrib.auth.models import Group
from django.http import HttpRequest

from breakers import keys
from breakers.access import BOARD, Role
from breakers.signals import access_changed
from dashboard.live.hub import hub
from tests.live.clients import Closed, Refused

OURS = "http://127.0.0.1:8000"


def signs_in(name: str = "ada", group: str | None = "operator", **more: Any) -> Any:
    """A signed-in browser: its user and session."""
    user = get_user_model().objects.create_user(name, password="a long enough phrase", **more)
    if group:
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return user, session


@pytest.mark.parametrize("group", ["viewer", "operator", "admin"])
async def test_every_role_may_look(connect: Any, group: str) -> None:
    _, session = await threaded(signs_in)(group=group)
    ada = await connect(token=None, session=session.session_key, origin=OURS)
    assert (await ada.subscribe("wall"))["op"] == "snapshot"


async def test_a_superuser_may_look(connect: Any) -> None:
    _, session = await threaded(signs_in)(group=None, is_superuser=True)
    ada = await connect(token=None, session=session.session_key, origin=OURS)
    assert (await ada.subscribe("wall"))["op"] == "snapshot"


async def test_a_user_without_a_role_may_not(connect: Any) -> None:
    _, session = await threaded(signs_in)(group=None)
    eve = await connect(token=None, session=session.session_key, origin=OURS)
    assert await eve.closes() == 4403


@pytest.mark.parametrize("credential", [{"token": "bbt_wrong"}, {"token": None}, {"token": None, "session": "x" * 32}])
async def test_nobody_in_particular_is_signed_out(connect: Any, credential: Any) -> None:
    eve = await connect(origin=OURS, **credential)
    assert await eve.closes() == 4401
    assert not hub.sockets


async def test_an_inactive_user_is_signed_out(connect: Any) -> None:
    _, session = await threaded(signs_in)(is_active=False)
    eve = await connect(token=None, session=session.session_key, origin=OURS)
    assert await eve.closes() == 4401


@pytest.mark.parametrize(
    ("origin", "by_session", "by_token"),
    [
        ("http://127.0.0.1:8000", True, True),
        ("http://board.example:8000", True, True),  # the request's own
        ("http://BOARD.example:8000", True, True),
        (None, False, True),
        ("http://board.example", False, False),
        ("http://board.example:8001", False, False),
        ("https://board.example:8000", False, False),
        ("http://evil.example", False, False),
        ("http://board.example:8000.evil.example", False, False),
        ("http://board.example:8000@evil.example", False, False),
        ("http://board.example:8000/path", False, False),
        ("null", False, False),
        ("", False, False),
        ("http://[", False, False),
    ],
)
async def test_the_origin_must_be_ours(
    connect: Any, token: str, origin: str | None, by_session: bool, by_token: bool
) -> None:
    _, session = await threaded(signs_in)()
    for credential, allowed in (({"session": session.session_key}, by_session), ({"token": token}, by_token)):
        try:
            await connect(**({"token": None} | credential), origin=origin, host="board.example:8000")
        except Refused:
            assert not allowed
        else:
            assert allowed


async def test_the_default_ports_need_not_be_said(connect: Any) -> None:
    await connect(origin="http://board.example", host="board.example:80")
    await connect(origin="https://board.example:443", host="board.example", scheme="wss")
    with pytest.raises(Refused):
        await connect(origin="https://board.example", host="board.example", scheme="ws")


async def test_the_site_is_ours_behind_any_proxy(connect: Any, settings: Any) -> None:
    settings.SITE_URL = "https://board.example"
    await connect(origin="https://board.example", host="10.0.0.7:8000")


async def test_another_path_is_refused(connect: Any) -> None:
    with pytest.raises(Refused):
        await connect(path="/ws/other/")


async def test_signing_out_closes_its_sockets_and_no_others(connect: Any) -> None:
    user, session = await threaded(signs_in)()
    _, other = await threaded(signs_in)("grace")
    ada = await connect(token=None, session=session.session_key, origin=OURS)
    grace = await connect(token=None, session=other.session_key, origin=OURS)

    def sign_out() -> None:
        request = HttpRequest()
        request.session, request.user = session, user
        logout(request)

    await threaded(sign_out)()
    assert await ada.closes() == 4401
    assert (await grace.subscribe("wall"))["op"] == "snapshot"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda user: user.groups.clear(), 4403),
        (lambda user: get_user_model().objects.filter(pk=user.pk).update(is_active=False), 4401),
        (lambda user: (user.set_password("another long phrase"), user.save()), 4401),
        (lambda user: user.delete(), 4401),
    ],
)
async def test_a_user_who_changes_is_looked_at_again(connect: Any, change: Any, code: int) -> None:
    user, session = await threaded(signs_in)()
    ada = await connect(token=None, session=session.session_key, origin=OURS)
    await ada.subscribe("wall")
    id = user.pk
    await threaded(change)(user)
    await threaded(access_changed.send_robust)(sender=None, user_id=id, reason="changed")
    assert await ada.closes() == code


async def test_a_lower_role_still_looks(connect: Any) -> None:
    user, session = await threaded(signs_in)()
    ada = await connect(token=None, session=session.session_key, origin=OURS)
    await threaded(lambda: user.groups.set([Group.objects.get_or_create(name="viewer")[0]]))()
    await threaded(access_changed.send_robust)(sender=None, user_id=user.pk, reason="role")
    assert (await ada.subscribe("wall"))["op"] == "snapshot"


async def test_a_revoked_token_closes_its_sockets(connect: Any) -> None:
    ada = await connect()
    await ada.subscribe("wall")
    await threaded(keys.revoke_token)(BOARD, "wall", at=datetime.now(UTC))
    assert await ada.closes() == 4401


async def test_a_replaced_token_closes_its_sockets(connect: Any) -> None:
    ada = await connect()
    await ada.subscribe("wall")
    new = await threaded(keys.add_token)(BOARD, "wall", Role.VIEWER, at=datetime.now(UTC), replace=True)
    assert await ada.closes() == 4401
    grace = await connect(token=new.token)
    assert (await grace.subscribe("wall"))["op"] == "snapshot"


async def test_the_sweep_finds_what_nobody_told(connect: Any) -> None:
    _, session = await threaded(signs_in)()
    ada = await connect(token=None, session=session.session_key, origin=OURS)
    grace = await connect()
    await threaded(session.delete)()
    await hub.upkeep.check(list(hub.sockets))
    with pytest.raises(Closed, match="4401"):
        await ada.hear()
    assert (await grace.subscribe("wall"))["op"] == "snapshot"
