"""An order on its way: to the instance, back by its word, confirmed by what it shows, judged by the traffic after."""

from datetime import timedelta
from random import Random

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
    assert judged.evidence == {
        "instances": 1, "calls": 40, "failures": 0, "failure_rate": 0.0, "threshold": 50.0, "watched_s": 60.0,
    }  # fmt: skip


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
    assert row.before == {"state": "open", "wanted": None}


def test_the_audit_tells_what_was_before_the_order(scenario: Scenario) -> None:
    """Not what the order itself made of it; and an ended lease says what it took back."""
    scenario.moves("closed")
    order(scenario, "force_open")
    assert Audit.objects.get().before == {"state": "closed", "wanted": None}
    order(scenario, "disable")
    assert Audit.objects.latest("id").before == {"state": "closed", "wanted": "force_open"}
    proving.expire_and_judge(scenario.at(1_800))
    assert Audit.objects.latest("id").verb == "command.release"
    assert Audit.objects.latest("id").before == {"state": "closed", "wanted": "disable"}


def counts(scenario: Scenario, instance: str, good: int, bad: int = 0, **more: object) -> None:
    """An instance posts what it counted."""
    told = [("success", good), ("failure", bad)]
    scenario.posts(
        *({"type": kind, "breaker": "payments", "instance": instance, "count": n, **more} for kind, n in told if n)
    )


def resets(scenario: Scenario, *instances: str) -> CommandView:
    """A reset that was ordered at 0 s and confirmed at each of these at 2 s."""
    scenario.at(0)
    for name in instances:
        scenario.moves("open", instance=name)
    command = order(scenario)
    scenario.at(1)
    for name in instances:
        scenario.beats("open", instance=name)
    scenario.at(2)
    for name in instances:
        scenario.moves("closed", instance=name)
    return command


def test_the_evidence_is_that_of_all_instances(scenario: Scenario) -> None:
    command = resets(scenario, "a", "b", "c")
    scenario.at(30)
    counts(scenario, "a", 299)
    counts(scenario, "b", 297, 1)
    counts(scenario, "c", 298)
    proving.expire_and_judge(scenario.at(63))
    judged = again(command)
    assert [each.verdict for each in judged.deliveries] == ["held"] * 3
    assert (judged.verdict, judged.evidence) == (
        "held",
        {
            "instances": 3, "calls": 895, "failures": 1, "failure_rate": 0.112, "threshold": 50.0, "watched_s": 60.0,
        },
    )  # fmt: skip


def test_one_that_fails_is_the_verdict_of_all_and_all_are_in_its_evidence(scenario: Scenario) -> None:
    command = resets(scenario, "a", "b")
    scenario.at(10)
    counts(scenario, "a", 100)
    counts(scenario, "b", 10, 30)
    scenario.at(20)
    scenario.moves("open", instance="b")
    early = again(command)
    assert (early.verdict, early.deliveries[0].verdict, early.deliveries[1].verdict) == (
        "did_not_hold",
        None,
        "did_not_hold",
    )
    proving.expire_and_judge(scenario.at(62))
    judged = again(command)
    assert (judged.verdict, [each.verdict for each in judged.deliveries]) == ("did_not_hold", ["held", "did_not_hold"])
    assert judged.evidence == {
        "instances": 2, "calls": 140, "failures": 30, "failure_rate": 21.429, "threshold": 50.0, "watched_s": 60.0,
        "reopened_after_s": 18.0,
    }  # fmt: skip


def test_a_service_whose_clock_is_two_minutes_behind_counts_whole(scenario: Scenario) -> None:
    """It is our receipt that counts: by its own clock, all of this was before the order."""
    behind = {"occurred_at": "2026-11-23T07:58:30Z"}
    scenario.moves("open", occurred_at="2026-11-23T07:58:00Z")
    command = order(scenario)
    scenario.beats("open", occurred_at="2026-11-23T07:58:01Z")
    scenario.at(2)
    scenario.moves("closed", occurred_at="2026-11-23T07:58:02Z")
    scenario.at(30)
    counts(scenario, "a", 128, 2, **behind)
    proving.expire_and_judge(scenario.at(62))
    judged = again(command)
    assert (judged.verdict, judged.evidence and judged.evidence["calls"]) == ("held", 130)


def test_what_was_counted_before_the_proof_in_the_same_post_is_no_evidence(scenario: Scenario) -> None:
    scenario.moves("open")
    command = order(scenario)
    scenario.at(1)
    scenario.beats("open")
    scenario.at(2)
    scenario.posts(
        {"type": "failure", "breaker": "payments", "instance": "a", "count": 50, "occurred_at": "2026-11-23T08:00:01Z"},
        {"type": "state_change", "breaker": "payments", "instance": "a", "to_state": "closed"},
        {"type": "success", "breaker": "payments", "instance": "a", "count": 25},
    )
    proving.expire_and_judge(scenario.at(62))
    judged = again(command)
    assert (judged.verdict, judged.evidence and judged.evidence["calls"]) == ("held", 25)


@pytest.mark.parametrize("swept", [62, 300])
def test_the_window_is_the_same_however_late_the_sweep_is(scenario: Scenario, swept: int) -> None:
    command = resets(scenario, "a")
    scenario.at(61.9)
    counts(scenario, "a", 20)
    scenario.at(62)
    counts(scenario, "a", 0, 500)
    if swept > 62:
        scenario.at(70)
        scenario.moves("open", instance="a")
    proving.expire_and_judge(scenario.at(swept))
    judged = again(command)
    assert (judged.verdict, judged.evidence and (judged.evidence["calls"], judged.evidence["watched_s"])) == (
        "held",
        (20, 60.0),
    )


def test_the_twentieth_call_ends_a_watch_that_is_older_than_a_minute(scenario: Scenario) -> None:
    command = resets(scenario, "a")
    scenario.at(90)
    counts(scenario, "a", 19)
    proving.expire_and_judge(scenario.at(95))
    assert again(command).verdict is None
    scenario.at(100)
    counts(scenario, "a", 0, 1)
    judged = again(command)
    assert (judged.verdict, judged.evidence and (judged.evidence["calls"], judged.evidence["watched_s"])) == (
        "held",
        (20, 98.0),
    )


def test_a_shared_breaker_reopens_for_all_by_the_word_of_one(scenario: Scenario) -> None:
    shared = {"scope": "shared"}
    for name in ("a", "b"):
        scenario.moves("open", instance=name, **shared)
    command = order(scenario)
    scenario.at(1)
    for name in ("a", "b"):
        scenario.beats("open", instance=name, **shared)
    scenario.at(15)
    scenario.moves("closed", instance="a", **shared)
    scenario.beats("closed", instance="b", **shared)
    assert [each.status for each in again(command).deliveries] == ["confirmed", "confirmed"]
    scenario.at(40)
    scenario.moves("open", instance="a", **shared)
    assert [each.verdict for each in again(command).deliveries] == ["did_not_hold", "did_not_hold"]


def test_a_probe_reaches_only_what_is_not_closed(scenario: Scenario) -> None:
    """A closed breaker lets every call try: there is nothing to probe, and nothing that could fail at it."""
    scenario.moves("open", instance="a")
    scenario.moves("closed", instance="b")
    assert [each.instance for each in order(scenario, "probe").deliveries] == ["a"]
    with pytest.raises(Conflict, match="is closed at every instance that this would reach: there is nothing to probe"):
        order(scenario, "probe", instances=["b"])
    scenario.at(1)
    scenario.moves("closed", instance="a")
    before = Audit.objects.count()
    with pytest.raises(Conflict, match="there is nothing to probe"):
        order(scenario, "probe")
    assert Audit.objects.count() == before


def recounted(posts: list[tuple[float, int, int]], confirmed: float) -> tuple[int, int, float]:
    """(calls, failures, seconds watched) of one instance, counted by hand: posts are (received, good, bad)."""
    calls = failures = 0
    for received, good, bad in posts:
        lasts = 60 if calls >= 20 else 600
        if received < confirmed or received >= confirmed + lasts:
            continue
        calls, failures = calls + good + bad, failures + bad
        if received > confirmed + 60 and calls >= 20:
            return calls, failures, received - confirmed
    return calls, failures, 60.0 if calls >= 20 else 600.0


@pytest.mark.parametrize("seed", range(12))
def test_the_evidence_is_a_plain_recount_whatever_the_clocks_say(scenario: Scenario, seed: int) -> None:
    """Services with clocks of their own, posts at any time, sweeps at any time."""
    dice = Random(seed)
    names = ["a", "b", "c"][: dice.randrange(1, 4)]
    command = resets(scenario, *names)
    posts: dict[str, list[tuple[float, int, int]]] = {name: [] for name in names}
    # Strictly behind ours, each by its own: a time in the future would be the time of receipt.
    behind = {name: dice.choice([0, 1, 45, 120, 3_000]) for name in names}
    often = dice.choice([3, 40])
    for at in sorted(round(dice.uniform(3, 640), 1) for _ in range(often * len(names))):
        if dice.random() < 0.3:
            proving.expire_and_judge(scenario.at(at))
        now, name = scenario.at(at), dice.choice(names)
        good, bad = dice.randrange(6), dice.randrange(3)
        told = (now - timedelta(seconds=behind[name])).isoformat()
        counts(scenario, name, good, bad, occurred_at=told)
        posts[name].append((at, good, bad))
    proving.expire_and_judge(scenario.at(700))
    judged = again(command)
    each = {name: recounted(posts[name], 2) for name in names}
    evidence = judged.evidence or {}
    assert (evidence["instances"], evidence["calls"], evidence["failures"], evidence["watched_s"]) == (
        len(names),
        sum(calls for calls, _, _ in each.values()),
        sum(failures for _, failures, _ in each.values()),
        pytest.approx(max(watched for _, _, watched in each.values())),
    )

    def verdict(calls: int, failures: int) -> str:
        if calls and failures * 2 >= calls:
            return "did_not_hold"
        return "held" if calls >= 20 else "unproved"

    expected = {name: verdict(calls, failures) for name, (calls, failures, _) in each.items()}
    assert {one.instance: one.verdict for one in judged.deliveries} == expected
    assert judged.verdict == next(
        name for name in ("did_not_hold", "unproved", "held") if name in set(expected.values())
    )
