"""The door: who comes in, where they land, and who is held up."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from breakers import access_trail
from breakers.models import Audit
from dashboard import tries
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


def elsewhere(address: str) -> Client:
    return Client(REMOTE_ADDR=address)


def test_the_fifth_failure_for_a_name_is_the_last_try_from_there(person: Person) -> None:
    person("ada", "admin")
    assert [post(Client(), "ada", "wrong") for _ in range(6)] == [401] * 5 + [429]
    # The right password does not help, in any spelling of the name; others may come in.
    assert post(Client(), "ADA", PASSWORD) == 429
    person("grace", "operator")
    assert post(Client(), "grace", PASSWORD) == 302
    # And Ada herself, from where nobody failed.
    assert post(elsewhere("192.0.2.9"), "ada", PASSWORD) == 302


def test_a_stranger_with_many_addresses_locks_nobody_out_where_they_are_known(person: Person) -> None:
    person("ada", "admin")
    assert post(elsewhere("192.0.2.9"), "ada", PASSWORD) == 302
    tries = [post(elsewhere(f"198.51.100.{number}"), "ada", "wrong") for number in range(52)]
    assert tries == [401] * 50 + [429] * 2
    # Guessing is over for an hour from everywhere but where she came from.
    assert post(elsewhere("203.0.113.1"), "ada", PASSWORD) == 429
    assert post(elsewhere("192.0.2.9"), "ada", PASSWORD) == 302


def test_the_command_line_lets_a_person_try_again(person: Person) -> None:
    person("ada", "admin")
    for _ in range(6):
        post(Client(), "ada", "wrong")
    assert post(Client(), "ada", PASSWORD) == 429
    out = StringIO()
    call_command("user", "unlock", "ada", stdout=out)
    assert out.getvalue() == "ada can sign in again.\n"
    assert post(Client(), "ada", PASSWORD) == 302
    with pytest.raises(CommandError, match="there is no person 'nobody'"):
        call_command("user", "unlock", "nobody")


def lines() -> list[tuple[str, str, str, str]]:
    return [(row.verb, row.actor, row.role, row.address) for row in Audit.objects.order_by("id")]


def test_coming_in_and_going_out_are_on_record_with_address_and_agent(person: Person) -> None:
    person("ada", "admin")
    client = Client(REMOTE_ADDR="192.0.2.9", headers={"User-Agent": "Browser\x00 7"})
    post(client, "ada", PASSWORD)
    client.post("/sign-out/")
    assert lines() == [("session.begin", "ada", "admin", "192.0.2.9"), ("session.end", "ada", "admin", "192.0.2.9")]
    assert [row.after for row in Audit.objects.all()] == [{"agent": "Browser  7"}] * 2


def test_what_repeats_is_counted_and_a_typed_secret_is_nowhere(person: Person) -> None:
    person("ada", "admin")
    for name in ("ada", PASSWORD, *["ada"] * 6):
        post(Client(REMOTE_ADDR="192.0.2.9"), name, "wrong")
    assert lines() == [
        ("session.refused", "ada", "none", "192.0.2.9"),
        ("session.refused", "nobody", "none", "192.0.2.9"),
        ("session.locked", "ada", "none", "192.0.2.9"),
    ]
    now = datetime.now(UTC)
    assert access_trail.sweep(now) == 0
    assert access_trail.sweep(now + timedelta(hours=1, seconds=1)) == 2
    told = [(row.verb, row.actor, (row.after or {}).get("times")) for row in Audit.objects.order_by("id")[3:]]
    assert told == [("session.refused", "ada", 4), ("session.locked", "ada", 1)]
    assert PASSWORD not in json.dumps(list(Audit.objects.values("actor", "reason", "before", "after", "target_name")))
    # The next one is news again.
    post(Client(REMOTE_ADDR="192.0.2.77"), "ada", "wrong")
    assert lines()[-1] == ("session.refused", "ada", "none", "192.0.2.77")


def test_strangers_can_not_make_the_trail_grow(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_trail, "MOST", 20)
    monkeypatch.setattr(tries, "PLACES_A_NAME", 10_000)
    person("ada", "admin")
    for number in range(60):
        post(elsewhere(f"198.51.100.{number}"), "ada", "wrong")
    assert Audit.objects.count() == 21
    assert lines()[-1] == ("session.refused", "others", "none", "")
    assert access_trail.sweep(datetime.now(UTC) + timedelta(hours=2)) == 1
    assert Audit.objects.order_by("-id")[0].after["times"] == 39


def test_a_role_that_is_refused_is_on_record_once(signed_in: Callable[[str], Client]) -> None:
    eve = signed_in("viewer")
    for _ in range(3):
        assert eve.post("/api/v1/services", {"name": "x"}, content_type="application/json").status_code == 403
    [row] = Audit.objects.all()
    assert (row.verb, row.actor, row.role) == ("role.refused", "eve", "viewer")
    assert row.after == {"method": "POST", "path": "/api/v1/services"}


def test_a_token_that_is_none_is_on_record_by_its_public_part(db: None) -> None:
    secret = "bbt_abcdefgh_" + "x" * 49
    for text in (f"Bearer {secret}", f"bearer {secret}", "Bearer something else", "Basic YWRhOnB3"):
        assert Client().get("/api/v1/breakers", headers={"Authorization": text}).status_code == 401
    assert [line[:2] for line in lines()] == [("token.refused", "token abcdefgh"), ("token.refused", "nobody")]
    assert "x" * 20 not in json.dumps(list(Audit.objects.values("actor", "reason", "after")))


@pytest.mark.parametrize(
    "password", ["aaaaaaaaaaaa", "Password2024!", "letmein12345!", "ada-ada-ada-ada", "123456789012"]
)
def test_a_password_that_is_easy_to_guess_is_refused_with_a_reason(password: str, db: None) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_password(password, User(username="ada"))
    assert "words that have nothing to do with each other" in str(refused.value)
    validate_password(PASSWORD, User(username="ada"))
    validate_password("kWq9-zzPm3-Lt", User(username="ada"))


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
