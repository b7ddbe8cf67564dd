"""An order on its way: to the instance, back by its word, confirmed by what it shows, judged by the traffic after."""

from datetime import timedelta

import pytest

from breakers import commanding, proving, queries
from breakers.access import Actor, Role
from breakers.errors import Conflict, Invalid, NotAllowed, NotFound
from breakers.models import Audit
from breakers.queries.shapes import CommandView
from tests.breakers.conftest import Scenario

pytestmark = pytest.mark.storage
REASON = "payments is back"


def order(scenario: Scenario, action: str = "reset", **more: object) -> CommandView:
    command = commanding.order(scenario.ada, scenario.card().id, action, REASON, at=scenario.now, **more)
    return queries.command(str(command.pk))


def again(command: CommandView) -> CommandView:
    return queries.command(command.id)


def test_a_reset_is_delivered_applied_confirmed_and_held(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    assert (command.status, [d.status for d in command.deliveries]) == ("pending", ["pending"])
    scenario.at(2)
    [handed] = scenario.beats("open").commands
    assert (handed["id"], handed["action"], handed["breaker"], handed["instance"]) == (
        command.id,
        "reset",
        "payments",
        "a",
    )
    assert again(command).status == "delivered"
    scenario.at(3)
    scenario.moves("closed")
    service = scenario.service().pk
    commanding.report_result(service, command.id, "a", "applied", "closed", scenario.now)
    assert (again(command).status, again(command).verdict) == ("confirmed", None)
    scenario.at(30)
    scenario.posts({"type": "success", "breaker": "payments", "instance": "a", "count": 40})
    proving.expire_and_judge(scenario.at(62))
    assert again(command).verdict is None
    proving.expire_and_judge(scenario.at(64))
    judged = again(command)
    assert (judged.status, judged.verdict) == ("confirmed", "held")
    assert judged.evidence == {"calls": 40, "failures": 0, "failure_rate": 0.0, "threshold": 50.0, "watched_s": 61.0}


def test_a_reopening_under_watch_did_not_hold(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    scenario.beats("open")
    scenario.at(1)
    scenario.moves("closed")
    scenario.at(10)
    scenario.moves("open")
    shown = again(command)
    assert (shown.verdict, shown.evidence and shown.evidence["reopened_after_s"]) == ("did_not_hold", 9.0)


def test_without_traffic_it_is_unproved_after_ten_minutes(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    scenario.beats("open")
    scenario.moves("closed")
    proving.expire_and_judge(scenario.at(599))
    assert again(command).verdict is None
    proving.expire_and_judge(scenario.at(600))
    assert again(command).verdict == "unproved"


def test_closing_before_the_delivery_confirms_nothing(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    scenario.moves("closed")
    assert again(command).status == "delivered"
    scenario.beats("closed")
    assert again(command).status == "confirmed"


def test_it_is_handed_out_again_after_ten_seconds_until_its_result(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    service = scenario.service().pk
    ids = lambda: [handed["id"] for handed in commanding.fetch(service, "a", scenario.now)]  # noqa: E731
    assert ids() == [command.id]
    scenario.at(9)
    assert ids() == []
    scenario.at(10)
    assert ids() == [command.id]
    commanding.report_result(service, command.id, "a", "failed", "it can't", scenario.now)
    scenario.at(25)
    assert ids() == []
    assert (again(command).status, again(command).deliveries[0].detail) == ("failed", "it can't")


def test_it_expires_after_five_minutes_and_is_never_delivered_late(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    assert scenario.beats("open", instance="b").commands == []
    scenario.at(300)
    assert commanding.fetch(scenario.service().pk, "a", scenario.now) == []
    proving.expire_and_judge(scenario.now)
    assert again(command).status == "expired"


def test_a_post_about_another_breaker_brings_it_too(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    answer = scenario.posts({"type": "success", "breaker": "stock", "instance": "a"})
    assert [handed["id"] for handed in answer.commands] == [command.id]


def test_a_probe_is_confirmed_by_half_open(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario, "probe")
    scenario.beats("open")
    scenario.posts(
        {"type": "state_change", "breaker": "payments", "instance": "a", "to_state": "half_open"},
        {"type": "state_change", "breaker": "payments", "instance": "a", "to_state": "closed"},
    )
    assert again(command).status == "confirmed"


def test_an_override_is_a_lease_that_ends_in_a_release(scenario: Scenario) -> None:
    scenario.moves("closed")
    command = order(scenario, "force_open")
    assert command.until == "2026-11-23T08:30:00.000Z"
    wanted = scenario.card().wanted
    assert wanted is not None
    assert (wanted.action, wanted.until, wanted.by) == ("force_open", command.until, "ada")
    scenario.beats("closed")
    scenario.moves("forced_open")
    assert again(command).status == "confirmed"
    proving.expire_and_judge(scenario.at(1_799))
    assert len(queries.commands_of(scenario.card().id)) == 1
    proving.expire_and_judge(scenario.at(1_800))
    release = queries.commands_of(scenario.card().id)[0]
    assert (release.action, release.requested_by, scenario.card().wanted) == ("release", "lease", None)


def test_who_may_order_what(scenario: Scenario) -> None:
    scenario.moves("open")
    breaker = scenario.card().id
    with pytest.raises(NotAllowed, match="needs the role operator; eve is viewer"):
        commanding.order(Actor("eve", Role.VIEWER), breaker, "reset", REASON, at=scenario.now)
    with pytest.raises(Invalid, match="every order says why"):
        commanding.order(scenario.ada, breaker, "reset", " ", at=scenario.now)
    with pytest.raises(Invalid, match="unknown action 'explode'"):
        commanding.order(scenario.ada, breaker, "explode", REASON, at=scenario.now)
    with pytest.raises(Invalid, match="not in the future"):
        commanding.order(scenario.ada, breaker, "force_open", REASON, until=scenario.now, at=scenario.now)
    with pytest.raises(NotFound, match="'zzz' is no live instance"):
        commanding.order(scenario.ada, breaker, "reset", REASON, instances=["zzz"], at=scenario.now)
    for unknown in ("999", "x", "", "٣", "01"):
        with pytest.raises(NotFound, match="no breaker"):
            commanding.order(scenario.ada, unknown, "reset", REASON, at=scenario.now)
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a"})
    with pytest.raises(Conflict, match="no live instance"):
        commanding.order(scenario.ada, breaker, "reset", REASON, at=scenario.now + timedelta(seconds=1))


def test_every_order_is_in_the_audit(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    row = Audit.objects.get()
    assert (row.actor, row.role, row.verb, row.target_name, row.reason) == (
        "ada",
        "admin",
        "command.reset",
        "checkout/payments",
        REASON,
    )
    assert row.after == {"command": command.id, "instances": ["a"], "until": None}
