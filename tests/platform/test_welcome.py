"""The first sign-in: one link, once, for 24 hours; nobody has a password that they did not choose."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from breakers.access import Actor, Role
from breakers.errors import Conflict, Invalid, NotAllowed
from breakers.models import Audit
from dashboard import inviting
from dashboard.models import Invitation

pytestmark = [pytest.mark.django_db, pytest.mark.storage]
PASSWORD = "correct horse battery"


def path(link: str | None) -> str:
    assert link is not None
    assert link.startswith(f"{settings.SITE_URL}/welcome/")
    return link.removeprefix(settings.SITE_URL)


def now() -> datetime:
    return datetime.now(UTC)


def use(client: Client, link: str | None, **fields: str) -> Any:
    return client.post(path(link), {"username": "ada", "password": PASSWORD, "again": PASSWORD, **fields})


def test_the_groups_are_there() -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= {"viewer", "operator", "admin"}
    assert not User.objects.exists()


def test_the_first_link_makes_the_first_admin_once(client: Client) -> None:
    link = inviting.first_link(now())
    for _ in range(2):
        page = client.get(path(link))
        assert page.status_code == 200
        assert page["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert not User.objects.exists()

    answer = use(client, link)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    ada = User.objects.get()
    assert ada.check_password(PASSWORD)
    assert [group.name for group in ada.groups.all()] == ["admin"]
    assert client.session["_auth_user_id"] == str(ada.pk)
    assert [(row.verb, row.actor, row.role, row.address) for row in Audit.objects.all()] == [
        ("user.welcome", "ada", "admin", "127.0.0.1")
    ]

    assert client.get(path(link)).status_code == 410
    assert use(Client(), link, username="eve").status_code == 410
    assert User.objects.count() == 1
    assert inviting.first_link(now()) is None


def test_an_unused_link_is_replaced_by_the_next_start(client: Client) -> None:
    old = inviting.first_link(now())
    new = inviting.first_link(now())
    assert client.get(path(old)).status_code == 410
    assert client.get(path(new)).status_code == 200


def test_the_first_link_is_worth_nothing_once_there_is_an_admin(client: Client, ada: Actor) -> None:
    first = inviting.first_link(now())
    _, own = inviting.add_user(ada, "grace", Role.ADMIN, at=now())
    assert use(client, first, username="eve").status_code == 410
    assert use(client, own).status_code == 302


def test_a_link_lasts_24_hours(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    link = inviting.first_link(now() - timedelta(hours=24))
    assert client.get(path(link)).status_code == 410
    link = inviting.first_link(now() - timedelta(hours=23, minutes=59))
    assert client.get(path(link)).status_code == 200


def test_the_link_itself_is_nowhere_in_the_database() -> None:
    link = inviting.first_link(now())
    assert link is not None
    token = link.split("/")[-2]
    assert token not in str(list(Invitation.objects.values()))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"password": "short", "again": "short"}, "too short"),
        ({"again": "something else!"}, "The two passwords differ"),
        ({"username": ""}, "This field cannot be blank"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"username": "ada-of-the-board", "password": "ada-of-the-board", "again": "ada-of-the-board"}, "too similar"),
    ],
)
def test_what_can_not_be_taken_is_said_and_the_link_still_works(
    client: Client, fields: dict[str, str], sentence: str
) -> None:
    link = inviting.first_link(now())
    answer = use(client, link, **fields)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not User.objects.exists()
    assert use(client, link).status_code == 302


def test_an_unknown_link_is_over(client: Client) -> None:
    assert client.get("/welcome/nothing/").status_code == 410
    assert client.get("/welcome/%00/").status_code == 410


def test_the_page_wants_its_csrf_token() -> None:
    link = inviting.first_link(now())
    assert use(Client(enforce_csrf_checks=True), link).status_code == 403


def test_a_hostile_name_is_escaped(client: Client) -> None:
    answer = use(client, inviting.first_link(now()), username="<script>alert(1)</script>")
    assert answer.status_code == 422
    assert b"<script>alert" not in answer.content


def test_an_invited_person_chooses_a_password_and_keeps_name_and_role(client: Client, ada: Actor) -> None:
    user, link = inviting.add_user(ada, "grace", Role.OPERATOR, at=now())
    assert not user.has_usable_password()
    assert "Welcome, grace" in client.get(path(link)).content.decode()
    assert use(client, link, username="someone-else").status_code == 302
    user.refresh_from_db()
    assert (user.username, user.check_password(PASSWORD)) == ("grace", True)
    assert [group.name for group in user.groups.all()] == ["operator"]


def test_a_new_link_sets_a_new_password_and_ends_the_old_link(client: Client, ada: Actor) -> None:
    _, old = inviting.add_user(ada, "grace", Role.OPERATOR, at=now())
    _, new = inviting.add_user(ada, "grace", Role.OPERATOR, at=now(), new_link=True)
    assert use(client, old).status_code == 410
    assert use(client, new).status_code == 302
    assert inviting.add_user(ada, "grace", Role.OPERATOR, at=now()).link is None


def test_who_may_not_sign_in_any_more_can_not_by_a_link(client: Client, ada: Actor) -> None:
    user, link = inviting.add_user(ada, "grace", Role.OPERATOR, at=now())
    user.is_active = False
    user.save()
    assert use(client, link).status_code == 410


def test_who_lost_the_role_meanwhile_comes_in_and_sees_nothing(client: Client, ada: Actor) -> None:
    invited = inviting.add_user(ada, "grace", Role.OPERATOR, at=now())
    invited.user.groups.clear()
    assert use(client, invited.link).status_code == 302
    assert Audit.objects.get(verb="user.welcome").role == "none"
    assert client.get("/").status_code == 403


def test_adding_people(ada: Actor, grace: Actor) -> None:
    with pytest.raises(NotAllowed):
        inviting.add_user(grace, "eve", Role.VIEWER, at=now())
    with pytest.raises(Invalid):
        inviting.add_user(ada, "a b", Role.VIEWER, at=now())
    inviting.add_user(ada, "eve", Role.VIEWER, at=now())
    with pytest.raises(Conflict, match="'eve' is viewer, not admin"):
        inviting.add_user(ada, "eve", Role.ADMIN, at=now())


def test_the_command_can_be_repeated() -> None:
    def run(*more: str) -> dict[str, Any]:
        out = StringIO()
        call_command("user", "add", "grace", "--role", "operator", "--json", *more, stdout=out)
        told: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
        return told

    first = run()
    assert (first["user"], first["role"]) == ("grace", "operator")
    assert path(first["link"])
    assert run() == {"user": "grace", "role": "operator", "link": None}
    assert run("--new-link")["link"] != first["link"]
    with pytest.raises(CommandError, match="'grace' is operator, not admin"):
        call_command("user", "add", "grace", "--role", "admin")
