"""Marks by hand: a form, a look at where it will stand, and then it stands; for those who may."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.test import Client

from breakers.models import Annotation, Audit, Breaker, Service
from tests.pages.seeding import seed_wall

SignIn = Callable[[str], Client]


def sent(**more: str) -> dict[str, str]:
    return {"kind": "deploy", "title": "orders 2.4.2", "at": "", "minutes": "", "scope": "service", "url": "", **more}


def test_a_mark_is_looked_at_before_it_is_set(signed_in: SignIn, story: str) -> None:
    seed_wall(3, datetime.now(UTC))
    Breaker.objects.exclude(pk=story).update(service=Service.objects.get(name="orders"))
    grace = signed_in("operator")
    before = Annotation.objects.count()
    looked = grace.post(f"/marks/?breaker={story}", sent())
    page = looked.content.decode()
    assert (looked.status_code, Annotation.objects.count()) == (200, before)
    assert "4 breakers" in page
    assert "Set this mark?" in page
    done = grace.post(f"/marks/?breaker={story}", sent(confirmed="yes"))
    assert (done.status_code, done["Location"]) == (302, f"/breakers/{story}/#timeline")
    mark = Annotation.objects.get(title="orders 2.4.2")
    assert (mark.service, mark.breaker, mark.dependency, mark.created_by) == ("orders", "", "", "grace")
    assert Audit.objects.filter(verb="mark.deploy", target_name="orders 2.4.2").count() == 1
    assert "orders 2.4.2" in grace.get(f"/breakers/{story}/").content.decode()


def test_each_place_marks_what_it_says(signed_in: SignIn, story: str) -> None:
    grace = signed_in("operator")
    for scope in ("breaker", "service", "dependency", "board"):
        grace.post(f"/marks/?breaker={story}", sent(scope=scope, title=scope, confirmed="yes", minutes="15"))
    rows = {row.title: row for row in Annotation.objects.all()}
    told = {name: (rows[name].service, rows[name].breaker, rows[name].dependency) for name in rows}
    assert (
        told
        | {
            "breaker": ("orders", "delivery-tracking", ""),
            "service": ("orders", "", ""),
            "dependency": ("", "", "tracking-api"),
            "board": ("", "", ""),
        }
        == told
    )
    assert rows["breaker"].until == rows["breaker"].at + timedelta(minutes=15)


def test_what_is_wrong_is_said_and_what_was_written_stays(signed_in: SignIn, story: str) -> None:
    grace = signed_in("operator")
    before = Annotation.objects.count()
    for wrong in (
        {"title": " "},
        {"at": "soon"},
        {"minutes": "7"},
        {"scope": "moon"},
        {"kind": "party"},
        {"url": "ftp://x"},
    ):
        answer = grace.post(f"/marks/?breaker={story}", sent(confirmed="yes", **wrong) | wrong)
        assert (answer.status_code, Annotation.objects.count()) == (422, before), wrong
        assert 'role="alert"' in answer.content.decode()
    assert 'value="orders 2.4.2"' in answer.content.decode()


def test_viewers_see_them_and_set_none(signed_in: SignIn, story: str) -> None:
    eve = signed_in("viewer")
    page = eve.get(f"/marks/?breaker={story}").content.decode()
    assert "orders 2.4.1" in page
    assert "mark-form" not in page
    before = Annotation.objects.count()
    assert eve.post(f"/marks/?breaker={story}", sent(confirmed="yes")).status_code == 403
    assert Annotation.objects.count() == before
    assert eve.get("/marks/?breaker=none").status_code == 404


def test_the_page_of_a_breaker_says_what_came_before(signed_in: SignIn, story: str) -> None:
    page = signed_in("viewer").get(f"/breakers/{story}/").content.decode()
    before = page[page.index('data-why="before"') :].split("</ul>")[0]
    assert "Deploy: orders 2.4.1 (orders)" in before
    assert "https://ci.example/41" in before
    assert "campaign begins" not in before
