"""Commands by the API: ordered, looked at, refused."""

from datetime import UTC, datetime, timedelta

import pytest

from breakers.models import Command
from tests.api.conftest import Caller, Post, problem


def test_an_order_becomes_a_command_that_waits_for_each_live_instance(
    grace: Caller, eve: Caller, tracking: str
) -> None:
    response = grace.post(f"/breakers/{tracking}/commands", {"action": "reset", "reason": "the api is back"})
    assert response.status_code == 201
    command = response.json()
    assert response["Location"] == f"/api/v1/commands/{command['id']}"
    assert eve.get(f"/commands/{command['id']}") == command
    assert {
        name: command[name] for name in ("breaker", "action", "reason", "until", "requested_by", "status", "verdict")
    } == {
        "breaker": tracking,
        "action": "reset",
        "reason": "the api is back",
        "until": None,
        "requested_by": "operator",
        "status": "pending",
        "verdict": None,
    }
    assert [(delivery["instance"], delivery["status"]) for delivery in command["deliveries"]] == [
        ("a", "pending"),
        ("b", "pending"),
    ]


def test_an_override_is_a_lease(grace: Caller, eve: Caller, tracking: str) -> None:
    command = grace.post(f"/breakers/{tracking}/commands", {"action": "force_open", "reason": "x"}).json()
    left = datetime.fromisoformat(command["until"]) - datetime.fromisoformat(command["issued_at"])
    assert left == timedelta(minutes=30)
    wanted = eve.get(f"/breakers/{tracking}")["wanted"]
    assert wanted == {"action": "force_open", "until": command["until"], "by": "operator"}
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    told = grace.post(f"/breakers/{tracking}/commands", {"action": "disable", "reason": "x", "until": until}).json()
    assert datetime.fromisoformat(told["until"]) == datetime.fromisoformat(until)


def test_named_instances_alone_are_reached(grace: Caller, tracking: str) -> None:
    order = {"action": "reset", "reason": "x", "instances": ["b", "b"]}
    deliveries = grace.post(f"/breakers/{tracking}/commands", order).json()["deliveries"]
    assert [delivery["instance"] for delivery in deliveries] == ["b"]
    assert (
        "no live instance"
        in problem(grace.post(f"/breakers/{tracking}/commands", order | {"instances": ["c"]}), 404)["detail"]
    )


def test_no_one_to_reach_is_a_conflict(grace: Caller, post: Post, tracking: str) -> None:
    post(*({"type": "stopped", "breaker": "delivery-tracking", "instance": pod} for pod in ("a", "b")))
    response = grace.post(f"/breakers/{tracking}/commands", {"action": "reset", "reason": "x"})
    assert "no live instance" in problem(response, 409)["detail"]


@pytest.mark.parametrize("spelling", ["999", "01", "x", "-1", "1.0"])
def test_an_order_to_no_breaker(grace: Caller, tracking: str, spelling: str) -> None:
    problem(grace.post(f"/breakers/{spelling}/commands", {"action": "reset", "reason": "x"}), 404)
    assert Command.objects.count() == 0


def test_a_command_that_is_not_there_in_any_spelling(grace: Caller, eve: Caller, tracking: str) -> None:
    known = grace.post(f"/breakers/{tracking}/commands", {"action": "reset", "reason": "x"}).json()["id"]
    assert eve.get(f"/commands/{known}")["id"] == known
    for spelling in (
        known.upper(),
        known.replace("-", ""),
        f"{{{known}}}",
        f"urn:uuid:{known}",
        known[:-1],
        "1",
        "x",
        "%00",
    ):
        problem(eve.call("GET", f"/commands/{spelling}"), 404)
