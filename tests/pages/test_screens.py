"""Screens: a link opens the wall and nothing else, until it is revoked."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.test import Client

from breakers.models import Audit
from dashboard.models import ScreenLink
from tests.pages.seeding import seed_wall

SignIn = Callable[[str], Client]
LINK = re.compile(r'id="screen-link">https?://[^/]+(/screen/[^/]+/)<')


def link_for(client: Client, query: str = "") -> str:
    """Make a link, and find where it leads."""
    found = LINK.search(client.post("/screens/", {"name": "ops room", "query": query}).content.decode())
    assert found
    return found[1]


def test_a_link_opens_the_wall_and_nothing_else(signed_in: SignIn) -> None:
    seed_wall(12, datetime.now(UTC))
    path = link_for(signed_in("admin"), "state:open")
    screen = Client()
    assert screen.get("/screen/").status_code == 302
    answer = screen.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/screen/")
    page = screen.get("/screen/").content.decode()
    assert "4 open, of 4." in page
    assert len(re.findall(r'<breaker-card data-id="\d', page)) == 4
    assert "sign-out" not in page
    for other in ("/", "/alerts/", "/audit/", "/screens/", "/breakers/1/"):
        assert screen.get(other).headers["Location"].startswith("/sign-in/"), other
    assert screen.get("/api/v1/breakers").status_code == 401


def test_the_token_is_kept_as_its_hash_and_the_cookie_from_scripts(signed_in: SignIn) -> None:
    path = link_for(signed_in("admin"))
    screen = Client()
    screen.get(path)
    cookie = screen.cookies[settings.SCREEN_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert cookie.value == path.split("/")[2]
    assert cookie.value not in str(ScreenLink.objects.values().get())
    assert cookie.value not in str(list(Audit.objects.values()))


def test_a_revoked_link_shows_nothing_more(signed_in: SignIn) -> None:
    ada, screen = signed_in("admin"), Client()
    path = link_for(ada)
    screen.get(path)
    assert screen.get("/screen/").status_code == 200
    assert ada.post(f"/screens/{ScreenLink.objects.get().pk}/revoke/").status_code == 302
    answer = screen.get("/screen/")
    assert answer.status_code == 403
    assert "was revoked" in answer.content.decode()
    assert screen.cookies[settings.SCREEN_COOKIE_NAME].value == ""
    assert Client().get(path).status_code == 403
    assert [(row.verb, row.actor, row.target_name) for row in Audit.objects.order_by("id")] == [
        ("screen.add", "ada", "ops room"),
        ("screen.revoke", "ada", "ops room"),
    ]


def test_a_link_ends_by_itself(signed_in: SignIn) -> None:
    ada, screen = signed_in("admin"), Client()
    path = link_for(ada)
    row = ScreenLink.objects.get()
    assert row.expires_at - row.created_at == timedelta(days=90)
    screen.get(path)
    assert screen.get("/screen/").status_code == 200
    ScreenLink.objects.update(expires_at=datetime.now(UTC))
    assert (screen.get("/screen/").status_code, Client().get(path).status_code) == (403, 403)
    assert "ended <time" in ada.get("/screens/").content.decode()
    for days in ("0", "367", "-1", "x", "9" * 9):
        assert ada.post("/screens/", {"name": "n", "query": "", "days": days}).status_code == 422, days
    assert ScreenLink.objects.count() == 1


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_look_after_screens(role: str, signed_in: SignIn) -> None:
    someone = signed_in(role)
    assert someone.get("/screens/").status_code == 403
    assert someone.post("/screens/", {"name": "mine", "query": ""}).status_code == 403
    link_for(signed_in("admin"))
    assert someone.post(f"/screens/{ScreenLink.objects.get().pk}/revoke/").status_code == 403
    assert ScreenLink.objects.get().revoked_at is None


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("", "", "a name has 1 to 200 characters"),
        ("ops", "state:opne", "unknown state &#x27;opne&#x27;"),
    ],
)
def test_a_link_that_can_not_be_made_says_why(name: str, query: str, sentence: str, signed_in: SignIn) -> None:
    answer = signed_in("admin").post("/screens/", {"name": name, "query": query})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert ScreenLink.objects.count() == 0


@pytest.mark.parametrize("token", ["x", "x" * 43, "..%2f", "%00"])
def test_a_guessed_link_is_refused(token: str) -> None:
    assert Client().get(f"/screen/{token}/").status_code in (403, 404)


def test_who_is_signed_in_sees_the_search_of_the_address(signed_in: SignIn) -> None:
    seed_wall(70, datetime.now(UTC))
    eve = signed_in("viewer")
    page = eve.get("/screen/?query=state:open").content.decode()
    assert 'data-back="/?query=state%3Aopen"' in page
    assert len(re.findall(r'<breaker-card data-id="\d', page)) == 4
    # Too many for one screen: the troubled ones, and the others as a number.
    assert len(re.findall(r'<breaker-card data-id="\d', eve.get("/screen/").content.decode())) == 10
