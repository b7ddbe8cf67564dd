"""Time travel on the pages: as it was, marked as past, and with nothing to press that does anything."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

SignIn = Callable[[str], Client]


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_wall_of_then_is_marked_and_has_no_socket(signed_in: SignIn, story: str) -> None:
    ada = signed_in("admin")
    page = ada.get(f"/?at={ago(20)}").content.decode()
    assert "The one breaker is closed." in page
    assert "<b>Past</b>" in page
    assert 'data-topics=""' in page
    assert 'id="filter"' not in page
    assert "1 open, of 1." in ada.get("/").content.decode()
    told = json.loads(ada.get(f"/past/wall.json?at={ago(30)}").content)
    assert [card["state"] for card in told["cards"]] == ["open"]


def test_a_breaker_of_then_can_not_be_ordered(signed_in: SignIn, story: str) -> None:
    ada = signed_in("admin")
    present = ada.get(f"/breakers/{story}/").content.decode()
    assert "data-order=" in present
    assert "<b>Past</b>" not in present
    page = ada.get(f"/breakers/{story}/?at={ago(20)}").content.decode()
    assert "<b>Past</b>" in page
    assert 'class="breaker-head" data-state="closed"' in page
    for control in ("data-order=", "order-dialog", "add-mark", "command-steps"):
        assert control not in page, control
    # It had opened once by then, and that was over.
    assert "Why it opened last" in page
    assert f"?at={ago(20)[:14]}" in page.replace("%3A", ":")
    # The bar counts the breakers of then, too.
    assert re.search(r'<li data-state="open" hidden>', page)
    assert re.search(r'<li data-state="open">', present)
    told = json.loads(ada.get(f"/breakers/{story}/past.json?at={ago(30)}").content)
    # What is played says of its moment all that the page says: why, trips, events and the bar.
    assert told["counts"] == {"open": 1}
    assert (told["news"]["why"]["ended_at"], told["news"]["trips"][0]["trips"]) == (None, 1)
    assert all(event["occurred_at"] <= told["details"]["card"]["last_event_at"] for event in told["news"]["events"])
    told = told["details"]
    assert (told["card"]["state"], [copy["state"] for copy in told["instances"]]) == (
        "open",
        ["open", "open", "closed"],
    )
    line = json.loads(ada.get(f"/breakers/{story}/timeline.json?at={ago(20)}&range=15m").content)
    ends = line["figure"]["layout"]["xaxis"]["range"][1] / 1000
    assert ends == pytest.approx(datetime.now(UTC).timestamp() - 20 * 60, abs=5)


def test_the_map_of_then(signed_in: SignIn, story: str) -> None:
    eve = signed_in("viewer")
    assert "1 of 1 way is cut, to tracking-api." in eve.get("/map/").content.decode()
    page = eve.get(f"/map/?at={ago(20)}").content.decode()
    assert "No way is cut, of 1 way." in page
    assert "data-past" in page
    assert "at=" in page.split('data-source="')[2]


@pytest.mark.parametrize("at", ["", "soon", "2999-01-01T00:00:00Z", "%00"])
def test_no_moment_of_the_past_is_the_present(at: str, signed_in: SignIn, story: str) -> None:
    eve = signed_in("viewer")
    assert "<b>Past</b>" in eve.get(f"/?at={ago(20)}").content.decode()
    for path in ("/", "/map/", f"/breakers/{story}/"):
        answer = eve.get(f"{path}?at={at}")
        assert answer.status_code == 200
        assert "<b>Past</b>" not in answer.content.decode()


def test_before_a_breaker_was_known_it_has_no_page(signed_in: SignIn, story: str) -> None:
    eve = signed_in("viewer")
    assert eve.get(f"/breakers/{story}/?at={ago(600)}").status_code == 404
    assert "No breaker was known then." in eve.get(f"/?at={ago(600)}").content.decode()
