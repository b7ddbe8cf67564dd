"""Every address of the board, taken from its own list of them: who may look, who may write, and that looking changes nothing.

A new address that nobody thought about in doors.py fails the first test.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from breakers.models import Audit
from dashboard.api.documentation import document
from tests.security.doors import DOORS, NOBODY, VIEWER, Door, all_doors, routes
from tests.security.world import EVERYONE, OUTSIDE, ROLES, World

API = "api/v1/"
NAMED = r"<(\w+:)?(\w+)>"
OPEN_IN_THE_API = {"openapi.json", "docs"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def test_every_address_is_thought_about() -> None:
    found = list(routes())
    pages = {route for route in found if not route.startswith(API)} - {"api/v1"}
    assert pages == set(DOORS)
    of_the_api = {"/" + re.sub(NAMED, r"{\2}", route) for route in found if route.startswith(API)}
    assert of_the_api == {*document()["paths"], *(f"/{API}{each}" for each in (*OPEN_IN_THE_API, "^.*$"))}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_look_is_for_whom_it_is_meant_and_changes_nothing(world: World) -> None:
    for door in all_doors():
        for who in EVERYONE:
            for method in ("GET", "HEAD"):
                answer, written = world.ask(who, method, door.path)
                assert written == [], (who, method, door.path)
                assert _kind(answer) in _expected(who, door), (who, method, door.path, answer.status_code)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_form_is_for_whom_it_is_meant_and_leaves_a_line(world: World) -> None:
    for door in all_doors():
        if door.writes is None:
            continue
        least = next((who for who, role in ROLES.items() if role >= door.writes), "stranger")
        for who in EVERYONE:
            may = door.writes <= ROLES.get(who, NOBODY)
            with _undone():
                line = Audit.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
                answer, written = world.ask(who, "POST", door.path, door.form)
                done = Audit.objects.filter(pk__gt=line).exclude(verb="role.refused")
                verbs = list(done.values_list("verb", flat=True))
            if not may:
                assert _kind(answer) == ("the door" if who in OUTSIDE else "refused"), (who, door.path)
                assert (verbs, written) == ([], []), (who, door.path)
            elif who == "admin" or (who == least and "{view}" not in door.path):
                assert answer.status_code < 400, (who, door.path, door.form, answer.content[-3000:])
                assert (door.told in verbs) == bool(door.told), (who, door.path, door.form, verbs)


def test_the_role_is_looked_at_before_the_form(world: World) -> None:
    """So nobody learns from a refusal what they may not see, and a form that is wrong is no way around it."""
    for door in all_doors():
        for who, role in ROLES.items():
            if door.writes is not None and role < door.writes:
                answer, written = world.ask(who, "POST", door.path, {"name": "\0", "kind": "?", "for_s": "x"})
                assert (answer.status_code, written) == (403, []), (who, door.path)


def test_nothing_takes_another_method(world: World) -> None:
    for door in all_doors():
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", *(("POST",) if door.writes is None else ())):
            answer, written = world.ask("admin", method, door.path)
            assert (answer.status_code, written) == (405, []), (method, door.path)


def test_no_form_is_taken_from_another_site(world: World) -> None:
    """Each of them, from whoever may fill it in, without the token that only our own page has."""
    for door in all_doors():
        if door.writes is not None:
            browser = Client(enforce_csrf_checks=True)
            browser.cookies = world.people["admin"].cookies.copy()
            answer = browser.post(world.filled(door.path), door.form, headers={"Origin": "https://evil.example"})
            assert answer.status_code == 403, door.path
            assert b"This form was too old" in answer.content, door.path


def test_the_api_is_shut_to_who_has_no_role_in_it(world: World) -> None:
    for route in {route for route in routes() if route.startswith(API)}:
        path = "/" + re.sub(NAMED, "1", route).replace("^.*$", "nothing")
        for who in (*OUTSIDE - {"token"}, "nobody"):
            for method in METHODS:
                answer, written = world.ask(who, method, path)
                assert written == [], (who, method, path)
                if route.removeprefix(API) not in OPEN_IN_THE_API:
                    assert answer.status_code in {401, 403, 404, 405}, (who, method, path)
                    assert (answer.status_code == 404) == route.endswith("$"), (who, method, path)
                    assert answer["Content-Type"] == "application/problem+json", (who, method, path)


def _expected(who: str, door: Door) -> set[str]:
    """What somebody may be told who looks at this address."""
    if door.reads is None:
        return {"no look"} if door.writes == NOBODY or who in ROLES else {"the door"} if who in OUTSIDE else {"refused"}
    if door.reads == NOBODY:
        return {"here", "elsewhere"}
    role = ROLES.get(who, NOBODY)
    if (who, door.path) in {("screen", "/screen/"), ("screen", "/screen/cause.json"), ("token", "/metrics")}:
        role = VIEWER
    if role >= door.reads:
        return {"here"}
    if door.refuses:
        return {"refused"}
    if who not in OUTSIDE:
        return {"the door"} if door.path == "/screen/" else {"refused"}
    return {"the door"}


def _kind(answer: HttpResponse) -> str:
    """An answer in a word."""
    if answer.status_code == 302:
        return "the door" if answer["Location"].startswith("/sign-in/") else "elsewhere"
    kinds = {200: "here", 401: "the door", 403: "refused", 405: "no look"}
    return kinds.get(answer.status_code, str(answer.status_code))


@contextmanager
def _undone() -> Iterator[None]:
    """What is done inside is not done."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
