"""Rules, silences and incidents by the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import evaluating, ruling
from alerts.models import Alert
from tests.api.conftest import Caller, Post, breaker_id, problem

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("tracking")]


@pytest.fixture(autouse=True)
def _fresh_rules() -> None:
    ruling.forget()


def soon(**ahead: float) -> str:
    """A moment ahead of now."""
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


def test_the_built_in_ones_in_words(eve: Caller) -> None:
    rules = eve.get("/rules?limit=5")
    first = rules["items"][0]
    assert first["sentence"] == "When any breaker is open: critical; resolved when that has not been so for 1 min."
    assert (first["name"], first["builtin"], first["enabled"], first["parameters"]) == ("opened", True, True, {})
    names = [each["name"] for each in rules["items"] + eve.get(f"/rules?limit=50&cursor={rules['next']}")["items"]]
    assert len(names) == len(set(names)) == 20
    assert eve.get(f"/rules/{first['id']}") == first


def test_a_rule_of_ones_own(ada: Caller, eve: Caller) -> None:
    body = {
        "name": "checkout fails",
        "kind": "failure rate",
        "matchers": {"service": "check*"},
        "parameters": {"percent": 20},
    }
    made = ada.post("/rules", body)
    assert made.status_code == 201
    rule = made.json()
    assert (rule["matchers"], rule["parameters"]) == ({"service": "check*"}, {"percent": 20, "calls": 20})
    assert rule["sentence"].startswith("When any breaker of service check* fails 20 % or more of its calls")
    assert "there is a rule 'checkout fails' already" in problem(ada.post("/rules", body), 409)["detail"]
    changed = ada.call("PATCH", f"/rules/{rule['id']}", {"for_s": 0, "severity": "critical"}).json()
    assert (changed["for_s"], changed["severity"], changed["parameters"]) == (0, "critical", rule["parameters"])
    assert ada.call("DELETE", f"/rules/{rule['id']}").status_code == 204
    problem(eve.call("GET", f"/rules/{rule['id']}"), 404)
    assert ada.post("/rules", body).status_code == 201, "its name is free again"
    verbs = [line["verb"] for line in eve.get("/audit?target_kind=rule")["items"]]
    assert verbs == ["rule.add", "rule.remove", "rule.change", "rule.add"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "kind": "opne"}, "kind"),
        ({"name": " ", "kind": "opened"}, "name"),
        ({"name": "x", "kind": "opened", "severity": "fatal"}, "severity"),
        ({"name": "x", "kind": "opened", "for_s": -1}, "for_s"),
        ({"name": "x", "kind": "opened", "parameters": {"percent": 1}}, "parameters.percent"),
        ({"name": "x", "kind": "failure rate", "parameters": {"percent": 101}}, "parameters.percent"),
        ({"name": "x", "kind": "failure rate", "parameters": {"percent": "1"}}, "parameters.percent.int"),
        ({"name": "x", "kind": "opened", "matchers": {"servise": "x"}}, "matchers.servise"),
        ({"name": "x", "kind": "opened", "matchers": {"labels": {"a": 1}}}, "matchers.labels.a"),
    ],
)
def test_a_rule_that_is_none(ada: Caller, body: Any, field: str) -> None:
    errors = problem(ada.post("/rules", body), 422)["errors"]
    assert errors[0]["field"].endswith(field)


def test_a_built_in_rule_is_tuned_but_stays(ada: Caller, eve: Caller) -> None:
    [flapping] = [each for each in eve.get("/rules?limit=50")["items"] if each["name"] == "flapping"]
    path = f"/rules/{flapping['id']}"
    assert ada.call("PATCH", path, {"parameters": {"times": 6}, "enabled": False}).json()["parameters"]["times"] == 6
    assert "built in" in problem(ada.call("PATCH", path, {"name": "other"}), 422)["detail"]
    assert "switch it off" in problem(ada.call("DELETE", path), 409)["detail"]


def test_what_a_rule_would_have_done(eve: Caller, post: Post, tracking: str) -> None:
    for name, ago in (("one", 600), ("two", 300)):
        post({"type": "state_change", "breaker": name, "to_state": "open"}, ago=ago)
        post({"type": "state_change", "breaker": name, "to_state": "closed"}, ago=ago - 90)
    found = eve.post("/rule-preview", {"kind": "opened"}).json()
    assert (found["count"], found["said"]) == (3, "would have fired 3 times in the last 7 days")
    assert [each["breaker"]["name"] for each in found["items"]] == ["delivery-tracking", "two", "one"]
    assert [each["to"] is None for each in found["items"]] == [True, False, False]
    assert found["sentence"].startswith("When any breaker is open")
    assert eve.post("/rule-preview", {"kind": "opened", "for_s": 60}).json()["count"] == 2
    assert eve.post("/rule-preview", {"kind": "opened", "matchers": {"breaker": "on*"}}).json()["count"] == 1
    assert (
        eve.post("/rule-preview", {"kind": "opened", "for_s": 120}).json()["said"]
        == "would have fired never in the last 7 days"
    )
    unknown = eve.post("/rule-preview", {"kind": "we are late"}).json()
    assert (unknown["count"], unknown["said"]) == (None, "what is stored does not tell when it would have fired")
    assert len(eve.get("/rules?limit=50")["items"]) == 20, "nothing was saved"


def test_a_silence_exactly_as_the_contract_says(grace: Caller, eve: Caller, tracking: str) -> None:
    body = {
        "matchers": {"service": "ord*", "labels": {"team": "logistics"}},
        "to": soon(hours=1),
        "comment": "the move",
    }
    made = grace.post("/silences", body)
    assert made.status_code == 201
    silence = made.json()
    assert (silence["status"], silence["created_by"], silence["comment"]) == ("active", "operator", "the move")
    assert silence["hides"] == {"breakers": 1, "alerts": 0}
    assert eve.get("/silences")["items"] == [silence]
    assert eve.get(f"/breakers/{tracking}")["silenced_until"][:19] == silence["to"][:19]
    evaluating.evaluate(datetime.now(UTC))
    [alert] = eve.get("/alerts")["items"]
    assert alert["silenced"] == {"id": silence["id"], "by": "operator", "until": silence["to"]}
    assert grace.call("DELETE", f"/silences/{silence['id']}").status_code == 204
    assert eve.get("/silences?status=over")["items"][0]["ended_by"] == "operator"
    assert eve.get("/silences?status=active,coming")["items"] == []
    assert eve.get("/alerts")["items"][0]["silenced"] is None
    problem(grace.call("DELETE", f"/silences/{silence['id']}"), 409)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"to": None}, "to"), ({"comment": None}, "comment"), ({"comment": " "}, "comment"), ({"to": "yesterday"}, "to"),
     ({"to": "2020-01-01T00:00:00Z"}, "to"), ({"from": "x"}, "from"), ({"every_days": 0}, "every_days")],
)  # fmt: skip
def test_a_silence_without_an_end_or_a_reason(grace: Caller, change: dict[str, Any], field: str) -> None:
    body = {"matchers": {"service": "*"}, "to": soon(hours=1), "comment": "x", **change}
    errors = problem(grace.post("/silences", {key: value for key, value in body.items() if value is not None}), 422)[
        "errors"
    ]
    assert errors[0]["field"] == field


def test_an_incident_and_its_members(eve: Caller, grace: Caller, post: Post, tracking: str) -> None:
    post(
        {"type": "state_change", "breaker": "quote", "dependency": "tracking-api", "to_state": "open"},
        service="checkout",
        ago=5,
    )
    evaluating.evaluate(datetime.now(UTC))
    [incident] = eve.get("/incidents")["items"]
    assert incident == eve.get(f"/incidents/{incident['id']}")
    assert incident["title"] == "tracking-api: 2 breakers in 2 services"
    assert incident["suspect"] == {
        "dependency": "tracking-api",
        "confidence": "medium",
        "reasons": incident["suspect"]["reasons"],
    }
    assert incident["suspect"]["reasons"][0] == "2 of 2 services with calls to tracking-api opened"
    assert [each["breaker"]["name"] for each in incident["members"]] == ["delivery-tracking", "quote"]
    assert incident["services"] == ["checkout", "orders"]
    assert eve.get(f"/breakers/{tracking}")["incident"] == incident["id"]
    assert {each["incident"] for each in eve.get("/alerts")["items"]} == {incident["id"]}
    taken = grace.post(f"/incidents/{incident['id']}/acknowledge", {"comment": "on it"}).json()
    assert (taken["status"], taken["acknowledged_by"]) == ("acknowledged", "operator")
    quote = str(Alert.objects.get(breaker_name="quote").pk)
    new = grace.post(f"/incidents/{incident['id']}/split", {"alerts": [quote]}).json()
    assert [each["alert"] for each in new["members"]] == [quote]
    merged = grace.post(f"/incidents/{incident['id']}/merge", {"incidents": [new["id"]]}).json()
    assert len(merged["members"]) == 2
    cleared = grace.post(f"/incidents/{incident['id']}/not-this").json()
    assert (cleared["suspect"]["dependency"], cleared["refuted"]) == (None, ["tracking-api"])
    assert "nobody is suspected" in problem(grace.post(f"/incidents/{incident['id']}/not-this"), 409)["detail"]
    assert eve.get("/incidents?status=resolved")["items"] == []
    assert breaker_id("quote")


@pytest.mark.parametrize("spelling", ["999", "0", "-1", "01", "x", "%D9%A1", "9" * 30])
def test_what_is_not_there_in_any_spelling(eve: Caller, grace: Caller, ada: Caller, spelling: str) -> None:
    problem(eve.call("GET", f"/rules/{spelling}"), 404)
    problem(eve.call("GET", f"/incidents/{spelling}"), 404)
    problem(grace.call("DELETE", f"/silences/{spelling}"), 404)
    problem(ada.call("PATCH", f"/rules/{spelling}", {"enabled": False}), 404)
    problem(grace.post(f"/incidents/{spelling}/acknowledge", {}), 404)
