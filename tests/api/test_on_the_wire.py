"""The API of a running board, over real HTTP: beside the hot edge, in browsers' and scripts' ways, with a store that is held."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from tests.board import Board

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    """A board."""
    with Board() as running:
        yield running


@pytest.fixture(scope="module")
def api(board: Board) -> Iterator[httpx.Client]:
    """An admin's script."""
    headers = {"Authorization": f"Bearer {board.token('admin', 'ada')}"}
    with httpx.Client(base_url=f"{board.url}/api/v1", headers=headers, timeout=30) as client:
        yield client


def test_from_a_service_added_to_an_order_that_reaches_it(board: Board, api: httpx.Client) -> None:
    added = api.post("/services", json={"name": "eu/orders"}).json()
    service = {"Authorization": f"Bearer {added['key']}"}
    event = {"type": "heartbeat", "breaker": "stock", "instance": "pod/1", "state": "open", "interval_s": 60}
    posted = httpx.post(f"{board.url}/api/v1/events", headers=service, json=event)
    assert (posted.status_code, posted.json()["accepted"]) == (202, 1)
    [card] = api.get("/breakers?state=open").json()["items"]
    assert (card["service"], card["name"], card["instances"]) == ("eu/orders", "stock", {"open": 1})

    ordered = api.post(f"/breakers/{card['id']}/commands", json={"action": "reset", "reason": "restocked"})
    assert ordered.status_code == 201
    polled = httpx.get(f"{board.url}/api/v1/commands?instance=pod/1", headers=service).json()["commands"]
    assert [command["id"] for command in polled] == [ordered.json()["id"]]
    followed = httpx.get(f"{board.url}{ordered.headers['location']}", headers=api.headers).json()
    assert [delivery["status"] for delivery in followed["deliveries"]] == ["delivered"]

    assert api.delete(f"/breakers/{card['id']}/instances/pod%2F1").status_code == 204
    assert api.get(f"/breakers/{card['id']}").json()["instances"] == {}
    paused = api.patch("/services/eu%2Forders", json={"paused": True})
    assert (paused.status_code, paused.json()["paused"]) == (200, True)


def test_heads_and_errors_look_the_same_beside_the_hot_edge(board: Board, api: httpx.Client) -> None:
    head, get = api.head("/breakers"), api.get("/breakers")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", get.headers["content-type"])
    found = [
        httpx.get(f"{board.url}/api/v1/breakers"),
        httpx.get(f"{board.url}/api/v1/commands?instance=a"),
        api.get("/breakers/%00"),
        api.get("/breakers/1%2F2"),
        api.put("/breakers"),
        api.delete("/events"),
        httpx.get(f"{board.url}/metrics"),
    ]
    assert [response.status_code for response in found] == [401, 401, 404, 404, 405, 405, 401]
    assert {response.headers["content-type"] for response in found} == {"application/problem+json"}
    assert [response.json()["status"] for response in found] == [401, 401, 404, 404, 405, 405, 401]
    assert api.get("/openapi.json").json()["servers"] == [{"url": board.url}]


def test_a_browser_that_is_signed_in(board: Board) -> None:
    with httpx.Client(base_url=board.url, follow_redirects=True, timeout=30) as browser:
        link = board.person("grace", "operator")
        page = browser.get(link).text
        form = {"csrfmiddlewaretoken": page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]}
        password = {"password": "correct horse battery", "again": "correct horse battery"}
        browser.post(link, data={**form, **password}, headers={"Referer": link})
        assert browser.get("/api/v1/breakers").status_code == 200
        refused = browser.post("/api/v1/alerts/1/acknowledge", json={})
        assert (refused.status_code, refused.headers["content-type"]) == (403, "application/problem+json")
        shown = browser.get("/api/v1/docs")
        assert (shown.status_code, "The operators&#x27; API" in shown.text or "The operators' API" in shown.text) == (
            200,
            True,
        )


def test_a_database_that_another_holds_is_503_and_reads_go_on(board: Board, api: httpx.Client) -> None:
    api.get("/breakers")
    with closing(sqlite3.connect(board.data_dir / "breakerboard.sqlite3", timeout=10)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert api.get("/breakers").status_code == 200
        refused = api.post("/services", json={"name": "late"})
        other.rollback()
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
    assert int(refused.headers["retry-after"]) > 0
    assert api.post("/services", json={"name": "late"}).status_code == 201
