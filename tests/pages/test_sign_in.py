"""The door: who comes in, where they land, and who is held up."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from breakers.models import Audit
from tests.pages.conftest import PASSWORD

PAGES = (
    "/",
    "/alerts/",
    "/audit/",
    "/alerts/1/",
    "/breakers/1/",
    "/breakers/1/order/",
    "/breakers/1/timeline.json",
    "/breakers/1/timeline.html",
    "/breakers/1/news.json",
)

Person = Callable[[str, str], User]


def post(client: Client, name: str, password: str, **more: str) -> int:
    return client.post("/sign-in/", {"username": name, "password": password, **more}).status_code


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_the_sign_in_and_back(path: str, db: None) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer.url) == (302, f"/sign-in/?next={path}")


@pytest.mark.parametrize("path", PAGES)
def test_people_without_a_role_read_one_sentence(path: str, signed_in: Callable[[str], Client], story: str) -> None:
    answer = signed_in("").get(path)
    assert answer.status_code == 403
    assert b"have no role on this board" in answer.content
    assert b"delivery-tracking" not in answer.content
    assert b"tally" not in answer.content


def test_ada_signs_in_and_lands_where_she_was_going(person: Person) -> None:
    person("ada", "admin")
    answer = Client().post("/sign-in/", {"username": "ada", "password": PASSWORD, "next": "/audit/"})
    assert (answer.status_code, answer.url) == (302, "/audit/")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_nobody_is_sent_to_another_site(target: str, person: Person) -> None:
    person("ada", "admin")
    answer = Client().post("/sign-in/", {"username": "ada", "password": PASSWORD, "next": target})
    assert (answer.status_code, answer.url) == (302, "/")


def test_the_fifth_failure_for_a_name_is_the_last_try(person: Person) -> None:
    person("ada", "admin")
    assert [post(Client(), "ada", "wrong") for _ in range(6)] == [401] * 5 + [429]
    # The right password does not help, in any spelling of the name; others may come in.
    assert post(Client(), "ADA", PASSWORD) == 429
    person("grace", "operator")
    assert post(Client(), "grace", PASSWORD) == 302


def test_the_tenth_failure_from_an_address_is_the_last_try(person: Person) -> None:
    person("ada", "admin")
    assert [post(Client(), f"guess-{number}", "wrong") for number in range(11)] == [401] * 10 + [429]
    assert post(Client(), "ada", PASSWORD) == 429
    assert (
        Client(REMOTE_ADDR="192.0.2.9").post("/sign-in/", {"username": "ada", "password": PASSWORD}).status_code == 302
    )


def test_a_failure_is_a_line_in_the_log_and_no_typed_secret(person: Person, caplog: pytest.LogCaptureFixture) -> None:
    person("ada", "admin")
    for name in ("ada", PASSWORD, *["ada"] * 5):
        post(Client(REMOTE_ADDR="192.0.2.9"), name, "wrong")
    said = [record.msg for record in caplog.records if record.name == "dashboard.pages.sign_in"]
    assert [(line["event"], line["name"], line["address"]) for line in said] == [  # type: ignore[index]
        ("a sign-in failed", "ada", "192.0.2.9"),
        ("a sign-in failed", "nobody of ours", "192.0.2.9"),
        *[("a sign-in failed", "ada", "192.0.2.9")] * 4,
        ("a sign-in was not looked at: too many failed", "ada", "192.0.2.9"),
    ]
    assert not Audit.objects.exists()


def test_the_addresses_of_one_network_are_one(person: Person) -> None:
    person("ada", "admin")
    tries = [post(Client(REMOTE_ADDR=f"2001:db8::{number:x}"), f"guess-{number}", "wrong") for number in range(11)]
    assert tries == [401] * 10 + [429]
    assert post(Client(REMOTE_ADDR="2001:db8:0:1::1"), "ada", PASSWORD) == 302


def test_signing_in_well_takes_no_place(person: Person) -> None:
    person("ada", "admin")
    assert [post(Client(), "ada", PASSWORD) for _ in range(12)] == [302] * 12


def test_a_name_that_no_database_takes_is_wrong_and_not_an_error(db: None) -> None:
    assert post(Client(), "a\x00da", "x") == 401


def test_signing_out_needs_a_post(signed_in: Callable[[str], Client]) -> None:
    client = signed_in("viewer")
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").url == "/sign-in/"
    assert client.get("/").status_code == 302


def test_forms_without_a_token_are_refused_in_words(person: Person) -> None:
    person("ada", "admin")
    answer = Client(enforce_csrf_checks=True).post("/sign-in/", {"username": "ada", "password": PASSWORD})
    assert answer.status_code == 403
    assert b"This form was too old" in answer.content
