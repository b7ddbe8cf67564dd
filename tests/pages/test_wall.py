"""The wall: its three forms, its search, its saved views, and what a page of thousands costs."""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from breakers.models import Audit, Breaker
from dashboard.models import Preference, SavedView
from dashboard.pages.wall import form_of
from tests.pages.seeding import seed_wall

SignIn = Callable[[str], Client]


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return str(answer.content.decode())


def cards_on(page: str) -> list[str]:
    return re.findall(r'<breaker-card data-id="(\d+)"', page)


def query_on(page: str) -> str:
    found = re.search(r'name="query" value="([^"]*)" placeholder', page)
    assert found
    return html.unescape(found[1])


@pytest.mark.parametrize("path", ["/", "/?query=open>5m", "/?query=state:open+service:c*"])
def test_five_thousand_breakers_cost_no_more_statements_than_five(
    path: str, signed_in: SignIn, statements: Callable[[Client, str], list[str]]
) -> None:
    client = signed_in("viewer")
    seed_wall(5, datetime.now(UTC))
    Breaker.objects.update(since=datetime.now(UTC) - timedelta(minutes=9))
    few = len(statements(client, path))
    seed_wall(4_995, datetime.now(UTC), troubles=False, seed=8)
    assert Breaker.objects.count() == 5_000
    assert len(statements(client, path)) == few
    assert few < 20


@pytest.mark.parametrize(
    ("total", "wish", "form"),
    [
        (60, "", "cards"),
        (61, "", "rows"),
        (500, "", "rows"),
        (501, "", "strips"),
        (200, "cards", "cards"),
        (201, "cards", "rows"),
        (12, "rows", "rows"),
        (501, "rows", "strips"),
        (12, "strips", "strips"),
        (501, "cards", "strips"),
    ],
)
def test_the_form_follows_the_number_and_the_wish(total: int, wish: str, form: str) -> None:
    assert form_of(total, wish) == form


def test_a_chosen_form_stays_with_its_person(signed_in: SignIn, person: Callable[[str, str], User]) -> None:
    seed_wall(12, datetime.now(UTC))
    eve, other = signed_in("viewer"), Client()
    other.force_login(person("ada", "viewer"))
    answer = eve.post("/density/", {"density": "rows", "next": "/?query=state:open"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/?query=state:open")
    assert 'data-form="rows"' in text_of(eve, "/")
    assert 'data-form="cards"' in text_of(other, "/")
    eve.post("/density/", {"density": "", "next": "https://elsewhere.example/"})
    assert 'data-form="cards"' in text_of(eve, "/")
    assert Preference.objects.count() == 1


def test_strips_hold_a_cell_a_breaker_in_its_place(signed_in: SignIn) -> None:
    seed_wall(501, datetime.now(UTC))
    page = text_of(signed_in("viewer"), "/")
    rows = re.findall(r'data-group="([^"]+)"[^>]*>.*?<div class="cells">(.*?)</div>', page, re.DOTALL)
    assert [name for name, _ in rows] == sorted(name for name, _ in rows)
    cells = {name: [int(id) for id in re.findall(r'<i data-id="(\d+)"', inside)] for name, inside in rows}
    assert sum(map(len, cells.values())) == 501
    assert all(ids == sorted(ids) for ids in cells.values())
    troubled = [state for _, inside in rows for state in re.findall(r'data-state="(\w+)"', inside)]
    assert len(troubled) == 10
    assert "closed" not in troubled
    by_dependency = text_of(signed_in("operator"), "/?by=dependency")
    assert "All, by dependency" in by_dependency
    assert "payments-db" in re.findall(r'data-group="([^"]+)"', by_dependency)


def test_a_name_in_a_cell_stays_text(signed_in: SignIn) -> None:
    seed_wall(501, datetime.now(UTC))
    Breaker.objects.filter(name__endswith="-500").update(name='"><img src=x onerror=alert(1)>')
    page = text_of(signed_in("viewer"), "/")
    assert "<img" not in page
    assert 'title="&quot;&gt;&lt;img src=x onerror=alert(1)&gt;"' in page


@pytest.mark.parametrize(
    ("address", "query", "count"),
    [
        ("query=state:open", "state:open", 4),
        ("query=state:open,half_open+service:checkout", "state:open,half_open service:checkout", 1),
        ("query=forced:yes", "forced:yes", 3),
        ("query=open>1h", "open>1h", 0),
        ("query=label.team:ops", "label.team:ops", 0),
        ("state=open&state=half_open", "state:open,half_open", 5),
        ("service=checkout&q=card+x", 'service:checkout "card x"', 0),
        ("state=open&query=service:orders", "state:open service:orders", 1),
    ],
)
def test_a_search_stands_in_the_address(address: str, query: str, count: int, signed_in: SignIn) -> None:
    seed_wall(20, datetime.now(UTC))
    page = text_of(signed_in("viewer"), f"/?{address}")
    assert query_on(page) == query
    assert len(cards_on(page)) == count


def test_a_query_that_can_not_be_read_is_said_and_hides_nothing(signed_in: SignIn) -> None:
    seed_wall(20, datetime.now(UTC))
    page = text_of(signed_in("viewer"), "/?query=sevice:pay")
    assert "unknown field &#x27;sevice&#x27;; expected one of state, service" in page
    assert query_on(page) == "sevice:pay"
    assert len(cards_on(page)) == 20


def test_a_view_is_kept_renewed_and_forgotten(signed_in: SignIn, person: Callable[[str, str], User]) -> None:
    eve, ada = signed_in("viewer"), Client()
    ada.force_login(person("ada", "viewer"))
    for query in ("state:open", "state:open service:pay*"):
        eve.post("/views/", {"name": "payments", "query": query, "next": "/"})
    assert list(SavedView.objects.values_list("name", "query")) == [("payments", "state:open service:pay*")]
    assert 'href="/?query=state%3Aopen%20service%3Apay%2A">payments' in text_of(eve, "/")
    assert ">payments</a>" not in text_of(ada, "/")
    view = SavedView.objects.get()
    assert ada.post(f"/views/{view.pk}/delete/", {"next": "/"}).status_code == 404
    assert eve.post(f"/views/{view.pk}/delete/", {"next": "/"}).status_code == 302
    assert SavedView.objects.count() == 0
    assert [(row.verb, row.actor, row.target_name) for row in Audit.objects.order_by("id")] == [
        ("view.save", "eve", "payments"),
        ("view.save", "eve", "payments"),
        ("view.delete", "eve", "payments"),
    ]


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("", "state:open", "a view&#x27;s name has 1 to 60 printable characters"),
        ("x" * 61, "state:open", "a view&#x27;s name has 1 to 60 printable characters"),
        ("odd", "state:opne", "unknown state &#x27;opne&#x27;"),
    ],
)
def test_a_view_that_can_not_be_kept_says_why(name: str, query: str, sentence: str, signed_in: SignIn) -> None:
    eve = signed_in("viewer")
    page = eve.post("/views/", {"name": name, "query": query, "next": "/"}, follow=True).content.decode()
    assert sentence in page
    assert SavedView.objects.count() == 0


@pytest.mark.parametrize(
    ("asked", "values"),
    [
        ("field=service&prefix=CHE", ["checkout"]),
        ("field=dependency&prefix=pay", ["payments-db"]),
        ("field=name&prefix=nothing", []),
        ("field=label&prefix=t", ["team", "tier"]),
        ("field=label.team&prefix=", ["ops"]),
        ("field=colour&prefix=", []),
    ],
)
def test_completions(asked: str, values: list[str], signed_in: SignIn) -> None:
    seed_wall(20, datetime.now(UTC))
    Breaker.objects.filter(state="open").update(labels={"team": "ops", "tier": "1"})
    answer = signed_in("viewer").get(f"/completions.json?{asked}")
    assert json.loads(answer.content) == {"values": values}


def test_nobody_is_sent_to_sign_in() -> None:
    for path in ("/density/", "/views/", "/views/1/delete/", "/completions.json"):
        assert Client().post(path).headers["Location"].startswith("/sign-in/"), path


@pytest.mark.parametrize(
    "bad", ["%00", "a%00b", "9" * 30, "%ff%fe", "%F0%9F%98%80", "state:", "label.%00:x", "%22", "-", "*"]
)
def test_no_spelling_breaks_the_wall(bad: str, signed_in: SignIn) -> None:
    seed_wall(3, datetime.now(UTC))
    eve = signed_in("viewer")
    for path in (f"/?query={bad}&by={bad}&all={bad}", f"/screen/?query={bad}", f"/?label={bad}:{bad}&state={bad}"):
        assert eve.get(path).status_code == 200, path
    assert eve.get(f"/completions.json?field={bad}&prefix={bad}").status_code == 200
    assert eve.get(f"/completions.json?field=label.{bad}&prefix={bad}").status_code == 200
    assert eve.post("/views/" + "9" * 30 + "/delete/").status_code == 404
    assert eve.get(f"/?cursor={bad}").status_code == 200
