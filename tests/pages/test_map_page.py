"""The map and the page of a dependency, as drawn by the server: the list is the whole truth."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from breakers.models import Breaker
from breakers.queries.map import Edge, added_up
from dashboard.pages.map import cut_off_sentence, row, sentence
from tests.pages.seeding import seed_wall

SignIn = Callable[[str], Client]


def edge(state: str, dependency: str = "db", service: str = "orders", **counts: int) -> Edge:
    return Edge(service, dependency, state, "2026-11-23T08:00:00.000Z", counts or {state: 1}, 10, 5, 3, "7")


def test_the_sentence_says_which_ways_are_cut() -> None:
    assert sentence([]) == "Nothing is drawn yet."
    assert sentence([edge("closed")]) == "No way is cut, of 1 way."
    assert sentence([edge("open"), edge("closed", "cdn")]) == "1 of 2 ways is cut, to db."
    # One of its two breakers lets calls through.
    half = added_up([edge("open"), edge("closed")])
    assert sentence(half) == "1 of 1 way is cut in part, to db."
    assert sentence([*half, edge("open", "cdn")]) == "2 of 2 ways are cut (1 of them in part), to cdn and db."
    assert sentence([edge("open"), edge("forced_open", "cdn")]) == "2 of 2 ways are cut, to cdn and db."
    assert sentence([edge("open", name) for name in "abcd"]) == "4 of 4 ways are cut, to a, b and 2 more."


def test_an_edge_in_words() -> None:
    one = row(edge("open"))
    assert (one.word, one.said, one.failing, one.href) == ("Open", "", "50.0 %", "/breakers/7/")
    several = row(edge("open", open=1, closed=3))
    assert (several.said, several.href) == ("1 open, 3 closed", "/?service=orders&dependency=db")


def test_the_list_has_every_way_worst_first(signed_in: SignIn, db: None) -> None:
    seed_wall(40, datetime.now(UTC))
    eve = signed_in("viewer")
    page = eve.get("/map/").content.decode()
    told = json.loads(eve.get("/map.json").content)
    pairs = {(each["service"], each["dependency"]) for each in told["edges"]}
    assert pairs == set(Breaker.objects.values_list("service__name", "dependency"))
    assert page.count("<tr>") == len(pairs) + 1
    assert told["sentence"] in page
    states = [part.split('"')[0] for part in page.split('state-cell" data-state="')[1:]]
    assert states[0] == "open"
    assert states[-1] == "closed"
    only = json.loads(eve.get("/map.json?only=troubled").content)["edges"]
    assert {each["state"] for each in only}.isdisjoint({"closed"})
    assert 0 < len(only) < len(pairs)
    found = json.loads(eve.get("/map.json?q=PAYMENTS-DB").content)["edges"]
    assert {each["dependency"] for each in found} == {"payments-db"}
    assert "No way matches." in eve.get("/map/?q=nowhere").content.decode()


def test_an_empty_map_says_how_to_begin(signed_in: SignIn, db: None) -> None:
    assert 'href="/connect/"' in signed_in("viewer").get("/map/").content.decode()


@pytest.mark.parametrize("count", [5, 500])
def test_a_map_costs_the_same_for_few_and_for_many(count: int, signed_in: SignIn, db: None) -> None:
    seed_wall(count, datetime.now(UTC))
    eve = signed_in("viewer")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert eve.get("/map/").status_code == 200
    assert len(captured) < 20


def test_a_dependency_says_who_is_cut_off_and_since_when(signed_in: SignIn, story: str) -> None:
    eve = signed_in("viewer")
    page = eve.get("/dependency/?name=tracking-api").content.decode()
    assert "1 of 1 service is cut off from it: orders." in page
    assert f"/breakers/{story}/" in page
    assert "Chaos: tracking-api slowed down" in page
    assert "orders 2.4.1" not in page
    assert eve.get("/dependency/?name=nobody").status_code == 404
    assert eve.get("/dependency/").status_code == 404
    told = json.loads(eve.get("/dependency.json?name=tracking-api").content)
    assert (told["sentence"] in page, [card["id"] for card in told["cards"]]) == (True, [story])


def test_a_name_with_anything_in_it_has_its_page(signed_in: SignIn, story: str) -> None:
    name = "a/b ?&#<script>\u202e"
    Breaker.objects.filter(pk=story).update(dependency=name, state="closed")
    page = signed_in("viewer").get(f"/dependency/?name={quote(name, safe='')}").content.decode()
    assert "Nobody is cut off from it." in page
    assert "<script>\u202e" not in page


def test_services_are_counted_once() -> None:
    assert cut_off_sentence([]) == "No breaker guards calls to it."
