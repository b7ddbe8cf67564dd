"""Rotas by the API: set up by a script, asked by a script, overridden at three in the morning."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from alerts.models import Destination, Rota
from tests.api.conftest import Caller, problem

pytestmark = pytest.mark.storage
OUTSIDE = "https://192.0.32.7/hook"


@pytest.fixture
def to(ada: Caller) -> dict[str, str]:
    """Ids of destinations, by name; Ada and Grace are reached by one each."""
    found = {}
    for name in ("ops", "ada", "grace"):
        body = {"name": name, "kind": "webhook", "config": {"url": OUTSIDE}}
        found[name] = ada.post("/destinations", body).json()["id"]
    for name in ("ada", "grace"):
        User.objects.create_user(name)
        told = ada.call("PATCH", f"/people/{name}", {"destinations": [found[name]]})
        assert (told.status_code, told.json()["destinations"]) == (200, [found[name]])
    return found


def rota(ada: Caller, to: dict[str, str], **more: Any) -> Any:
    """Ada, then Grace, a day each."""
    layer = {"people": ["ada", "grace"], "since": "2026-11-23", "at": "12:00", "every_days": 1}
    body = {"name": "payments", "timezone": "Europe/Berlin", "layers": [layer], "fallback": [to["ops"]], **more}
    answer = ada.post("/rotas", body)
    assert answer.status_code == 201, answer.content
    assert answer["Location"] == f"/api/v1/rotas/{answer.json()['id']}"
    return answer.json()


def test_a_rota_and_who_is_on_call(ada: Caller, grace: Caller, eve: Caller, to: dict[str, str]) -> None:
    told = rota(ada, to)
    listed = eve.get("/rotas")
    assert ([each["id"] for each in listed["items"]], listed["next"]) == ([told["id"]], None)
    assert {**eve.get(f"/rotas/{told['id']}"), "on_call": told["on_call"]} == told
    assert told["layers"] == [
        {"people": ["ada", "grace"], "since": "2026-11-23", "at": "12:00", "every_days": 1, "hours": None}
    ]
    assert {told["on_call"]["people"][0], told["next"]["people"][0]} == {"ada", "grace"}
    assert (told["calendar"], told["gaps"], told["overrides"]) == (None, [], [])
    address = f"/rotas/{told['id']}/duties?from=2026-03-27T12:00:00Z&to=2026-03-30T12:00:00Z"
    duties = [(each["from"], each["people"], each["why"]) for each in eve.get(address)["items"]]
    assert [each[0] for each in duties] == [
        "2026-03-27T12:00:00Z",
    ], "before the first handover it is the first one's turn"
    later = eve.get(address.replace("2026-03", "2027-03"))["items"]
    assert [each["from"] for each in later] == [
        "2027-03-27T12:00:00Z", "2027-03-28T10:00:00Z", "2027-03-29T10:00:00Z", "2027-03-30T10:00:00Z",
    ]  # fmt: skip
    long = problem(eve.call("GET", address.replace("to=2026", "to=2027")), 422)
    assert "by 92 days at most" in long["detail"]
    assert len(eve.get(f"/rotas/{told['id']}/duties")["items"]) == 15


def test_an_override_and_its_end(grace: Caller, ada: Caller, eve: Caller, to: dict[str, str]) -> None:
    told = rota(ada, to)
    address = f"/rotas/{told['id']}/overrides"
    other = {"ada": "grace", "grace": "ada"}[told["on_call"]["people"][0]]
    made = grace.post(address, {"person": other, "to": "2090-01-01T00:00:00Z", "comment": "ill"})
    assert problem(made, 422)["errors"] == [{"field": "to", "detail": "an override lasts 92 days at most"}]
    until = told["on_call"]["to"]
    made = grace.post(address, {"person": other, "to": until, "comment": "ill"}).json()
    assert (made["person"], made["to"], made["comment"], made["by"]) == (other, until, "ill", "operator")
    now = eve.get(f"/rotas/{told['id']}")
    assert (now["on_call"]["people"], now["on_call"]["why"]) == ([other], "override by operator")
    assert now["overrides"] == [made]
    assert grace.call("DELETE", f"{address}/{made['id']}").status_code == 204
    assert eve.get(f"/rotas/{told['id']}")["on_call"]["people"] == told["on_call"]["people"]
    problem(grace.call("DELETE", f"{address}/{made['id']}"), 409)


def test_a_calendar_by_the_api_and_what_is_never_read_back(ada: Caller, to: dict[str, str]) -> None:
    body = {"name": "x", "fallback": [to["ops"]], "calendar_url": "https://127.0.0.1/s3cret.ics"}
    assert problem(ada.post("/rotas", body), 422)["errors"][0]["code"] == "private_address"
    told = rota(ada, to)
    text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"
    changed = ada.call("PATCH", f"/rotas/{told['id']}", {"calendar": text}).json()
    assert (changed["calendar"]["url"], changed["calendar"]["error"]) == (None, "")
    assert ada.call("PATCH", f"/rotas/{told['id']}", {"name": "days"}).json()["calendar"] is not None
    assert ada.call("PATCH", f"/rotas/{told['id']}", {"calendar": None}).json()["calendar"] is None
    assert "VCALENDAR" not in str(ada.get("/audit"))


def test_a_route_leads_to_a_rota_until_both_go(ada: Caller, to: dict[str, str]) -> None:
    told = rota(ada, to)
    step = {"after_s": 300, "destinations": [f"rota:{told['id']}"]}
    route = ada.post("/routes", {"name": "all", "destinations": [to["ops"]], "steps": [step]})
    assert (route.status_code, route.json()["steps"]) == (201, [step])
    wrong = ada.post("/routes", {"name": "other", "destinations": ["rota:nowhere"]})
    assert problem(wrong, 422)["errors"] == [{"field": "destinations", "detail": "no rota 'nowhere'"}]
    assert "the route 'all' leads to" in problem(ada.call("DELETE", f"/rotas/{told['id']}"), 409)["detail"]
    assert ada.call("DELETE", f"/routes/{route.json()['id']}").status_code == 204
    assert ada.call("DELETE", f"/rotas/{told['id']}").status_code == 204
    assert Rota.objects.count() == 0


def test_a_fallback_by_the_api(ada: Caller, to: dict[str, str]) -> None:
    body = {"name": "pager", "kind": "webhook", "config": {"url": OUTSIDE}, "fallback": to["ops"]}
    told = ada.post("/destinations", body).json()
    assert told["fallback"] == to["ops"]
    ring = ada.call("PATCH", f"/destinations/{to['ops']}", {"fallback": told["id"]})
    assert problem(ring, 422)["errors"] == [
        {"field": "fallback", "detail": "ops → pager → ops: a fallback must not lead back"}
    ]
    renamed = ada.call("PATCH", f"/destinations/{told['id']}", {"name": "night"}).json()
    assert (renamed["name"], renamed["fallback"]) == ("night", to["ops"])
    assert ada.call("PATCH", f"/destinations/{told['id']}", {"fallback": None}).json()["fallback"] is None
    assert Destination.objects.get(pk=told["id"]).fallback is None
