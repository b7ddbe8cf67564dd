"""Breakers by the API: cards, one with everything, its timeline, its events, what an admin sets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from breakers.models import Audit, Breaker
from tests.api.conftest import Caller, Post, problem

pytestmark = pytest.mark.storage


def test_the_worst_comes_first_with_every_field_of_a_card(eve: Caller, tracking: str, tax: str) -> None:
    found = eve.get("/breakers")
    assert [(card["name"], card["state"]) for card in found["items"]] == [
        ("delivery-tracking", "open"),
        ("tax-quote", "closed"),
    ]
    assert found["next"] is None
    card = found["items"][0]
    assert card["id"] == tracking
    assert card["instances"] == {"open": 1, "closed": 1}
    assert (card["service"], card["dependency"], card["headline"]) == ("orders", "tracking-api", "any")
    assert (card["calls_1m"], card["failures_1m"], card["failure_rate_1m"]) == (7, 7, 100.0)
    assert card["last_error_type"] == "ConnectTimeout"
    assert card["labels"] == {"team": "logistics"}
    assert [span["state"] for span in card["strip_15m"]] == ["unknown", "closed", "open"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=open", ["delivery-tracking"]),
        ("state=open,closed", ["delivery-tracking", "tax-quote"]),
        ("state=open&state=closed", ["delivery-tracking", "tax-quote"]),
        ("service=checkout", ["tax-quote"]),
        ("dependency=tracking-api", ["delivery-tracking"]),
        ("label=team:logistics", ["delivery-tracking"]),
        ("label=team:other", []),
        ("q=TAX", ["tax-quote"]),
        ("state=half_open", []),
    ],
)
def test_filters(eve: Caller, tracking: str, tax: str, query: str, names: list[str]) -> None:
    assert [card["name"] for card in eve.get(f"/breakers?{query}")["items"]] == names


def test_pages_hold_every_breaker_once(eve: Caller, post: Post) -> None:
    post(*({"type": "heartbeat", "breaker": f"b{number}", "state": "closed"} for number in range(7)))
    seen: list[str] = []
    cursor = ""
    while True:
        page = eve.get(f"/breakers?limit=3&cursor={cursor}")
        seen += [card["name"] for card in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert sorted(seen) == [f"b{number}" for number in range(7)]


@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ("state=opne", "state", "unknown state 'opne'; expected one of open, "),
        ("label=team", "label", "the label 'team' has no colon; expected key:value"),
        ("limit=201", "limit", "'limit' is '201': input should be less than or equal to 200"),
        ("limit=0", "limit", "'limit' is '0'"),
        ("limit=many", "limit", "'limit' is 'many'"),
        ("cursor=W10", "cursor", "the cursor 'W10' is none of ours"),
        ("cursor=%F0%9F%92%A9", "cursor", "the cursor '💩' is none of ours"),
        ("cursor=" + "W1tb" * 900, "cursor", "the cursor 'W1tb"),
        ("q=a%00b", "q", "a text has no NUL"),
    ],
)
def test_a_parameter_that_cant_be_taken_is_named_with_its_value(eve: Caller, query: str, field: str, said: str) -> None:
    [error] = problem(eve.call("GET", f"/breakers?{query}"), 422)["errors"]
    assert error["field"] == field
    assert error["detail"].startswith(said)


def test_one_breaker_has_its_card_its_instances_its_transitions_and_its_open_alerts(eve: Caller, tracking: str) -> None:
    from alerts import evaluating

    evaluating.evaluate(datetime.now(UTC))
    [card] = eve.get("/breakers")["items"]
    found = eve.get(f"/breakers/{tracking}")
    assert {field: found[field] for field in card} == card
    assert [(copy["name"], copy["state"], copy["reported_state"]) for copy in found["each_instance"]] == [
        ("a", "open", "open"),
        ("b", "closed", "closed"),
    ]
    assert [(path["from_state"], path["to_state"], path["count"]) for path in found["transitions"]] == [
        ("closed", "open", 1),
        ("unknown", "closed", 1),
    ]
    assert found["why"]["text"] == "7 failures in 10 s"
    assert [(alert["rule"], alert["status"], alert["breaker"]["id"]) for alert in found["alerts"]] == [
        ("opened", "firing", tracking)
    ]


def test_a_timeline_covers_the_last_hour_or_what_was_asked_for(eve: Caller, tracking: str) -> None:
    line = eve.get(f"/breakers/{tracking}/timeline?instances=1")
    start, end = (datetime.fromisoformat(line[end]) for end in ("from", "to"))
    assert end - start == timedelta(hours=1)
    assert [span["state"] for span in line["spans"]][-2:] == ["closed", "open"]
    assert sum(bucket["failure"] for bucket in line["buckets"]) == 7
    assert [lane["instance"] for lane in line["lanes"]] == ["a", "b"]
    asked = eve.get(f"/breakers/{tracking}/timeline?from=2026-01-01T00:00:00+02:00&to=2026-06-01T00:00:00Z&points=10")
    assert (asked["from"], asked["to"]) == ("2025-12-31T22:00:00.000Z", "2026-06-01T00:00:00.000Z")
    assert len(asked["buckets"]) <= 10
    assert asked["lanes"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("points=1001", "points"),
        ("points=0", "points"),
        ("from=yesterday", "from"),
        ("from=2026-11-23T08:00:00", "from"),
        ("from=1763884800", "from"),
        ("from=0001-01-01T00:00:00Z&points=1", "from"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"),
        ("instances=perhaps", "instances"),
    ],
)
def test_a_range_that_is_none(eve: Caller, tracking: str, query: str, field: str) -> None:
    [error] = problem(eve.call("GET", f"/breakers/{tracking}/timeline?{query}"), 422)["errors"]
    assert error["field"] == field


def test_events_newest_first_by_pages_and_types(eve: Caller, tracking: str) -> None:
    found = eve.get(f"/breakers/{tracking}/events")
    assert [(event["type"], event["instance"]) for event in found["items"]] == [
        ("state_change", "a"),
        ("failure", "a"),
        ("heartbeat", "b"),
        ("heartbeat", "a"),
    ]
    first = eve.get(f"/breakers/{tracking}/events?limit=3")
    rest = eve.get(f"/breakers/{tracking}/events?limit=3&cursor={first['next']}")
    assert first["items"] + rest["items"] == found["items"]
    assert [event["type"] for event in eve.get(f"/breakers/{tracking}/events?type=failure,timeout")["items"]] == [
        "failure"
    ]
    assert problem(eve.call("GET", f"/breakers/{tracking}/events?type=explosion"), 422)["errors"][0]["field"] == "type"
    for cursor in ("x", "1", "9" * 30 + ".1", "1." + "9" * 19):
        [error] = problem(eve.call("GET", f"/breakers/{tracking}/events?cursor={cursor}"), 422)["errors"]
        assert error["field"] == "cursor"


def test_a_rule_judges_from_now_on(ada: Caller, eve: Caller, tracking: str) -> None:
    before = eve.get(f"/breakers/{tracking}")
    assert (before["headline"], before["state"]) == ("any", "open")
    found = ada.call("PATCH", f"/breakers/{tracking}", {"headline": "all"}).json()
    assert (found["headline"], found["state"]) == ("all", "closed")
    assert found["version"] > before["version"]
    assert [span["state"] for span in found["strip_15m"]] == ["unknown", "closed", "open", "closed"]
    assert found["instances"] == {"open": 1, "closed": 1}
    [line] = eve.get("/audit?verb=breaker.")["items"]
    assert (line["actor"], line["verb"], line["before"], line["after"]) == (
        "admin", "breaker.headline", {"headline": "any"}, {"headline": "all"},
    )  # fmt: skip
    assert line["target"] == {"kind": "breaker", "id": tracking, "name": "orders/delivery-tracking"}
    again = ada.call("PATCH", f"/breakers/{tracking}", {"headline": "all"}).json()
    assert again["version"] == found["version"]
    assert Audit.objects.filter(verb="breaker.headline").count() == 1


@pytest.mark.parametrize(
    "body", [{"headline": "most"}, {"headline": None}, {}, {"headline": "any", "name": "x"}, [], None]
)
def test_a_rule_that_is_none(ada: Caller, tracking: str, body: Any) -> None:
    assert problem(ada.call("PATCH", f"/breakers/{tracking}", body), 422)["errors"]
    assert Breaker.objects.get(pk=tracking).headline == "any"


def test_an_instance_that_is_gone_for_good_leaves_the_counts_until_it_is_heard(
    ada: Caller, eve: Caller, tracking: str, post: Post
) -> None:
    assert ada.call("DELETE", f"/breakers/{tracking}/instances/a").status_code == 204
    found = eve.get(f"/breakers/{tracking}")
    assert (found["state"], found["instances"]) == ("closed", {"closed": 1})
    assert [copy["left_at"] is not None for copy in found["each_instance"]] == [True, False]
    assert ada.call("DELETE", f"/breakers/{tracking}/instances/a").status_code == 204
    assert [line["verb"] for line in eve.get("/audit")["items"] if line["target"]["kind"] == "breaker"] == [
        "instance.remove"
    ]
    post({"type": "heartbeat", "breaker": "delivery-tracking", "instance": "a", "state": "open"})
    assert eve.get(f"/breakers/{tracking}")["instances"] == {"open": 1, "closed": 1}


def test_an_instance_may_have_any_name(ada: Caller, post: Post, tracking: str) -> None:
    post({"type": "heartbeat", "breaker": "delivery-tracking", "instance": "eu/pod 1?#", "state": "closed"})
    assert ada.call("DELETE", f"/breakers/{tracking}/instances/eu%2Fpod%201%3F%23").status_code == 204
    assert problem(ada.call("DELETE", f"/breakers/{tracking}/instances/c"), 404)


@pytest.mark.parametrize(
    "spelling",
    [
        "999999",
        "0",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e0",
        " 1",
        "1%20",
        "%D9%A1",
        "x",
        "%00",
        "1%00",
        "9" * 30,
        "0x1",
        "null",
        "1/",
        "1%2F",
    ],
)
@pytest.mark.parametrize("rest", ["", "/timeline", "/events"])
def test_a_breaker_that_is_not_there_in_any_spelling(eve: Caller, tracking: str, spelling: str, rest: str) -> None:
    spelling = spelling.replace("1", tracking) if tracking == "1" else spelling
    problem(eve.call("GET", f"/breakers/{spelling}{rest}"), 404)


def test_a_list_takes_as_many_queries_for_many_breakers_as_for_one(eve: Caller, post: Post) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            eve.get("/breakers")
        return len(captured)

    post({"type": "heartbeat", "breaker": "b", "state": "closed"})
    eve.get("/breakers")
    one = queries()
    post(*({"type": "heartbeat", "breaker": f"b{number}", "state": "open"} for number in range(3)))
    assert queries() == one
