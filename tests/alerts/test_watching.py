"""Rules that no transition decides: found, watched, raised and resolved by the sweep."""

from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from alerts import handling, watching
from alerts.domain.rules import KINDS
from alerts.models import Alert, DeliveryFault, Destination, Notification, Rule, Watch
from breakers.access import Actor
from breakers.models import Command, Instance, Outage, ReachedLimit, Rollup10s, Transition
from breakers.models.fields import to_us
from tests.alerts.conftest import Scenario, clock, rules

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture(autouse=True)
def _destinations(settings: Settings) -> None:
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)


def counts(scenario: Scenario, **counted: int) -> None:
    """What the breaker counted in the last ten seconds."""
    at = to_us(scenario.now) // 1_000_000 // 10 * 10 - 10
    Rollup10s.objects.create(at=at, breaker_id=scenario.breaker().pk, **counted)


def copy(scenario: Scenario, state: str = "closed", name: str = "orders-1", **columns: object) -> Instance:
    """One instance of the breaker."""
    moments = dict.fromkeys(("since", "newest_at", "first_heard_at", "heard_at"), scenario.now)
    row: Instance = Instance.objects.create(
        breaker=scenario.breaker(), name=name, state=state, **{**moments, "interval_s": 60, **columns}
    )
    return row


def test_what_exists_at_the_first_start(scenario: Scenario) -> None:
    rows = Rule.objects.filter(builtin=True)
    assert {row.name: (row.kind, row.severity, row.for_s, row.keep_s) for row in rows} == {
        kind.name: (kind.name, kind.severity, kind.for_s, kind.keep_s) for kind in KINDS.values()
    }
    assert len(rows) == 20


def test_partly_open_waits_for_its_minute(scenario: Scenario) -> None:
    rules("partly open")
    scenario.at("10:00").breaker(instances={"open": 1, "closed": 9})
    scenario.sweeps()
    assert scenario.alert().status == "pending"
    scenario.at("10:00:59").sweeps()
    assert scenario.notifications() == []
    scenario.at("10:01").sweeps()
    assert (scenario.alert().status, scenario.notifications()) == ("firing", ["10:01:00 opened due"])
    breaker = scenario.tried().breaker()
    breaker.instances = {"closed": 10}
    breaker.save()
    scenario.at("10:02").sweeps()
    scenario.at("10:03").sweeps()
    assert scenario.log() == [
        "10:00:00 pending", "10:01:00 firing", "10:02:00 recovering", "10:03:00 resolved",
    ]  # fmt: skip
    scenario.at("10:04").sweeps()
    assert not Watch.objects.exists()


def test_what_was_pending_and_is_over_leaves_no_trace(scenario: Scenario) -> None:
    rules("partly open")
    breaker = scenario.at("10:00").breaker(instances={"open": 1, "closed": 9})
    scenario.sweeps()
    assert Alert.objects.count() == 1
    breaker.instances = {"closed": 10}
    breaker.save()
    scenario.at("10:00:30").sweeps()
    assert (Alert.objects.count(), Watch.objects.count(), scenario.log()) == (0, 0, [])


def test_stuck_by_its_probes_steps_the_opening_up_and_undoes_its_acknowledgement(
    scenario: Scenario, grace: Actor
) -> None:
    rules("opened", "stuck open, probes fail")
    Rule.objects.filter(name="opened").update(severity="warning")
    scenario.at("10:00").then("open")
    opened = scenario.alert()
    handling.acknowledge(grace, str(opened.pk), "mine", clock("10:01"))
    Outage.objects.update(failed_probes=3)
    scenario.at("10:09").sweeps()
    assert Alert.objects.count() == 1
    assert Watch.objects.get().next_check_at == clock("10:10")
    scenario.at("10:10").sweeps()
    opened.refresh_from_db()
    assert (opened.severity, opened.status, opened.acknowledged_by) == ("critical", "firing", None)
    stuck = scenario.alert()
    assert (stuck.rule.name, stuck.severity) == ("stuck open, probes fail", "critical")
    assert stuck.summary == "delivery-tracking in orders stays open: 3 probes failed since 23 Nov 10:00 UTC"
    assert [(row.alert_id, row.reason) for row in Notification.objects.order_by("pk")] == [
        (opened.pk, ""),
        (stuck.pk, ""),
    ], "that its probes fail is news, whatever its incident has told"
    scenario.at("10:11").then("closed")
    scenario.at("10:11:05").sweeps()
    stuck.refresh_from_db()
    assert (stuck.status, stuck.resolved_at) == ("resolved", clock("10:11:05"))


def test_nobody_calls_what_is_open(scenario: Scenario) -> None:
    rules("stuck open, no traffic")
    Outage.objects.create(breaker=scenario.at("10:00").breaker(state="open"), started_at=clock("10:00"))
    scenario.at("10:12")
    counts(scenario, success=1)
    scenario.sweeps()
    scenario.at("10:16:55").sweeps()
    assert not Alert.objects.exists()
    scenario.at("10:17").sweeps()
    assert (scenario.alert().severity, scenario.alert().status) == ("info", "firing")
    Transition.objects.create(
        breaker=scenario.breaker(), from_state="open", to_state="half_open", at=clock("10:18"),
        recorded_at=clock("10:18"), evaluated_at=clock("10:18"),
    )  # fmt: skip
    scenario.at("10:18").sweeps()
    assert scenario.alert().status == "resolved"


def test_a_flapping_breaker_is_told_once_and_its_openings_are_not(scenario: Scenario) -> None:
    rules("opened", "flapping")
    for minute in (0, 2, 4, 6):
        scenario.at(f"10:0{minute}").then("open")
        scenario.tried().at(f"10:0{minute}:10").then("closed")
        scenario.at(f"10:0{minute + 1}:20").sweeps()
    flapping = Alert.objects.get(rule__name="flapping")
    assert flapping.summary == "delivery-tracking in orders flaps: it opened 4 times in 10 min"
    scenario.at("10:08").then("open")
    last = Alert.objects.filter(rule__name="opened").latest("pk")
    assert [(row.state, row.reason) for row in Notification.objects.filter(alert=last)] == [
        ("dropped", "not sent: it flaps, and that was told")
    ]
    Outage.objects.filter(ended_at=None).update(ended_at=clock("10:08:10"))
    scenario.tried()
    for minute in range(10, 30, 2):
        scenario.at(f"10:{minute}").sweeps()
    flapping.refresh_from_db()
    assert flapping.status == "resolved"
    told = [(row.state, row.kind) for row in Notification.objects.filter(alert=last).order_by("pk")]
    assert told == [("dropped", "opened"), ("due", "opened")], "it is open when the flapping ends: it speaks at once"


def test_a_failure_rate_that_wavers_is_one_alert(scenario: Scenario) -> None:
    rules("failure rate")
    scenario.at("10:00").breaker()
    for second in range(0, 160, 10):
        scenario.now = clock("10:00") + timedelta(seconds=second)
        counts(scenario, success=2, failure=3)
        scenario.sweeps()
    assert scenario.alert().status == "firing"
    assert (
        scenario.alert().summary
        == "delivery-tracking in orders failed 60.0 % of its calls (30 in the minute before 23 Nov 10:02 UTC)"
    )
    for second in range(160, 220, 10):
        scenario.now = clock("10:00") + timedelta(seconds=second)
        counts(scenario, success=11, failure=9)
        scenario.sweeps()
    assert scenario.alert().status == "firing", "45 % is above four fifths of 50 %"
    for second in range(220, 420, 10):
        scenario.now = clock("10:00") + timedelta(seconds=second)
        counts(scenario, success=20)
        scenario.sweeps()
    assert (scenario.alert().status, Alert.objects.count(), scenario.alert().trips) == ("resolved", 1, 1)


def test_one_alert_for_all_silent_instances_of_a_service_but_not_for_a_deploy(scenario: Scenario) -> None:
    rules("silent")
    scenario.at("10:00")
    for name in ("a", "b", "c"):
        copy(scenario, name=name)
    scenario.at("10:03").sweeps()
    assert not Alert.objects.exists()
    Instance.objects.filter(name__in=["a", "b"]).update(state="stale")
    scenario.sweeps()
    alert = scenario.alert()
    assert (alert.subject_kind, alert.service, alert.breaker_id, alert.severity) == (
        "service",
        "orders",
        None,
        "warning",
    )
    assert alert.summary == "orders: 2 of 3 instances are silent (a, b)"
    Instance.objects.filter(name="a").update(state="unknown")
    scenario.at("10:11").sweeps()
    assert (scenario.alert().severity, Alert.objects.count()) == ("critical", 1)
    for name in ("d", "e"):
        copy(scenario, name=name)
    scenario.at("10:11:05").sweeps()
    assert scenario.alert().status == "firing", "b is stale only: it may come back"
    Instance.objects.filter(name="b").update(state="unknown")
    scenario.at("10:11:10").sweeps()
    assert scenario.alert().status == "resolved"
    assert scenario.alert().summary == "orders: a was replaced by d, b was replaced by e"


def test_one_newcomer_takes_one_place_and_silence_alone_is_no_end(scenario: Scenario) -> None:
    rules("silent")
    scenario.at("10:00")
    for name in ("a", "b", "c"):
        copy(scenario, name=name)
    Instance.objects.filter(name__in=["a", "b"]).update(state="unknown")
    scenario.at("10:37").sweeps()
    copy(scenario, name="d")
    scenario.at("10:37:05").sweeps()
    assert (scenario.alert().status, scenario.alert().summary) == ("firing", "orders: 1 of 4 instances are silent (b)")
    Instance.objects.filter(name="b").update(left_at=clock("11:10"), state="unknown")
    scenario.at("11:10").sweeps()
    assert (scenario.alert().status, scenario.alert().summary) == ("firing", "orders: 1 of 4 instances are silent (b)")
    Instance.objects.filter(name="b").update(left_at=None, state="closed", heard_at=clock("11:20"))
    scenario.at("11:20").sweeps()
    assert (scenario.alert().status, Alert.objects.count()) == ("resolved", 1)
    assert scenario.alert().summary == "orders: a was replaced by d, b is silent no more"


def test_a_deploy_without_goodbyes_is_no_alert(scenario: Scenario) -> None:
    rules("silent")
    copy(scenario.at("10:00"), name="a")
    copy(scenario.at("10:01"), name="b")
    Instance.objects.filter(name="a").update(state="stale")
    scenario.at("10:03").sweeps()
    assert not Alert.objects.exists()
    copy(scenario, name="c", state="stale", heard_at=clock("10:02"))
    scenario.sweeps()
    assert scenario.alert().summary == "orders: 1 of 3 instances are silent (c)"


def test_an_instance_that_goes_on_being_forced_when_its_lease_is_over(scenario: Scenario) -> None:
    """The board took its wish back at the lease's end, and the instance says forced_closed for ever."""
    rules("forced too long")
    breaker = scenario.at("10:00").breaker(instances={"forced_closed": 1}, reported_state="forced_closed")
    copy(scenario, "forced_closed")
    told = {
        "breaker": breaker,
        "requested_by": "ada",
        "reason": "x",
        "expires_at": clock("10:05"),
        "status": "confirmed",
    }
    Command.objects.create(action="force_closed", issued_at=clock("10:00"), until=clock("10:10"), **told)
    Command.objects.create(action="release", issued_at=clock("10:10"), **told)
    scenario.at("10:10:59").sweeps()
    assert not Alert.objects.exists()
    scenario.at("10:11:05").sweeps()
    assert (scenario.alert().severity, scenario.alert().status) == ("critical", "firing")
    assert (
        scenario.alert().summary
        == "delivery-tracking in orders is still forced closed: its override ended at 23 Nov 10:10 UTC"
    )


def test_nothing_from_anyone_speaks_for_all_the_silent_ones(scenario: Scenario) -> None:
    rules("silent", "nothing from anyone")
    scenario.at("10:00")
    for service in ("orders", "billing"):
        row = copy(scenario, name=service)
        row.breaker = scenario.breaker(f"{service}/b")
        row.save()
    Instance.objects.update(state="stale")
    scenario.at("10:03").sweeps()
    assert sorted(Alert.objects.values_list("rule__name", "status")) == [
        ("nothing from anyone", "pending"), ("silent", "firing"), ("silent", "firing"),
    ]  # fmt: skip
    scenario.at("10:03:31").sweeps()
    assert [row.alert.rule.name for row in sent()] == ["nothing from anyone"]
    silent = Notification.objects.filter(alert__rule__name="silent")
    assert {row.reason for row in silent} == {"not sent: nothing is heard from anyone: that is told instead"}
    # One of them is heard again; the other one still is not, a minute later.
    scenario.tried().at("10:10")
    Instance.objects.filter(name="billing").update(state="closed")
    scenario.sweeps()
    scenario.at("10:10:10").sweeps()
    assert Alert.objects.get(rule__name="nothing from anyone").status == "resolved"
    scenario.at("10:10:59").sweeps()
    assert [(row.kind, row.alert.rule.name) for row in sent()][1:] == [("resolved", "nothing from anyone")]
    for second in ("10:11:15", "10:11:20"):
        scenario.at(second).sweeps()
    assert [(row.kind, row.alert.summary) for row in sent()][2:] == [
        ("opened", "orders: 1 of 1 instances are silent (orders)")
    ]


def test_services_that_are_silent_and_not_all_are_told_when_that_is_known(scenario: Scenario) -> None:
    rules("silent", "nothing from anyone")
    scenario.at("10:00")
    for service in ("orders", "billing"):
        row = copy(scenario, name=service)
        row.breaker = scenario.breaker(f"{service}/b")
        row.save()
    Instance.objects.update(state="stale")
    scenario.at("10:03").sweeps()
    assert list(sent()) == []
    Instance.objects.filter(name="billing").update(state="closed")
    for second in ("10:03:06", "10:03:12"):
        scenario.at(second).sweeps()
    assert [row.alert.summary for row in sent()] == ["orders: 1 of 1 instances are silent (orders)"]


def sent() -> list[Notification]:
    """What goes out."""
    return list(Notification.objects.exclude(state="dropped").select_related("alert__rule").order_by("pk"))


def test_an_override_that_outlasts_its_lease(scenario: Scenario) -> None:
    rules("forced too long", "not as wanted")
    scenario.at("10:00").breaker(
        instances={"forced_closed": 1}, reported_state="forced_closed", wanted_action="force_closed",
        wanted_until=clock("10:30"), wanted_by="ada",
    )  # fmt: skip
    copy(scenario, "forced_closed")
    scenario.sweeps()
    scenario.at("10:30:59").sweeps()
    assert not Alert.objects.exists()
    scenario.at("10:31").sweeps()
    assert scenario.alert().severity == "critical"
    assert (
        scenario.alert().summary
        == "delivery-tracking in orders is still forced closed: its lease ended at 23 Nov 10:30 UTC"
    )


def test_a_command_that_did_not_hold(scenario: Scenario) -> None:
    rules("command not applied", "command did not hold")
    columns = {"issued_at": clock("10:00"), "expires_at": clock("10:05"), "requested_by": "ada", "reason": "x"}
    command = Command.objects.create(breaker=scenario.at("10:00").breaker(), action="reset", **columns)
    scenario.at("10:02").sweeps()
    assert not Alert.objects.exists()
    command.status, command.verdict = "confirmed", "did_not_hold"
    command.save()
    scenario.sweeps()
    assert [row.rule.name for row in Alert.objects.select_related("rule")] == ["command did not hold"]
    assert (
        scenario.alert().summary == "reset of delivery-tracking in orders, ordered by ada, was applied and did not hold"
    )
    Command.objects.create(
        breaker=scenario.breaker(), action="reset", status="confirmed", verdict="held",
        **{**columns, "issued_at": clock("10:10")},
    )  # fmt: skip
    scenario.at("10:12").sweeps()
    assert scenario.alert().status == "resolved"


def test_a_destination_that_fails_is_told_through_the_others(scenario: Scenario, settings: Settings) -> None:
    settings.ALERT_URLS = ("https://a.example.org/", "https://b.example.org/")
    rules("delivery failing")
    scenario.at("10:00").sweeps()
    ill = Destination.objects.get(masked_url__contains="a.example")
    DeliveryFault.objects.create(destination=ill, kind="failing", began_at=scenario.now, detail="answered 503")
    for minute in (0, 1, 2):
        scenario.at(f"10:0{minute}").sweeps()
    assert scenario.alert().status == "firing"
    assert [row.destination.name for row in Notification.objects.all()] == ["https://b.example.org"]


def test_our_own_breaker_of_a_destination_is_not_told_twice(scenario: Scenario) -> None:
    scenario.at("10:00").then("open", "breakerboard/ops-hook")
    scenario.then("open", "orders/other")
    assert [(row.state, row.reason) for row in Notification.objects.order_by("pk")] == [
        ("dropped", "not sent: it is a destination of ours: that is told through the others"),
        ("due", ""),
    ]


def test_a_service_at_its_limit(scenario: Scenario) -> None:
    rules("limit reached")
    service = scenario.at("10:00").breaker().service
    row = ReachedLimit.objects.create(
        service=service,
        what="breakers",
        since=clock("09:00"),
        last_at=clock("10:00"),
        times=7,
        detail="10,000 breakers",
    )
    scenario.sweeps()
    alert = scenario.alert()
    assert (alert.subject_kind, alert.service, alert.status) == ("service", "orders", "firing")
    assert alert.summary == "orders ran into its limit of breakers"
    for minute in ("10:05:01", "10:10:02"):
        scenario.at(minute).sweeps()
    assert (scenario.alert().status, row.last_at) == ("resolved", clock("10:00"))


def test_we_are_late_when_nobody_looked(scenario: Scenario) -> None:
    rules("opened", "we are late")
    scenario.at("10:00").then("open")
    assert watching.lateness(clock("10:01")).oldest_notice_at == clock("10:00")
    for second in ("10:01:01", "10:01:15", "10:01:31"):
        scenario.at(second).sweeps()
    assert (
        Alert.objects.get(rule__name="we are late").summary
        == "alerts are late: messages wait to be sent since 10:00:00 UTC"
    )


def test_a_rule_that_is_switched_off_ends_its_alerts(scenario: Scenario) -> None:
    rules("partly open")
    scenario.at("10:00").breaker(instances={"open": 1, "closed": 9})
    scenario.sweeps()
    scenario.at("10:01").sweeps()
    assert scenario.alert().status == "firing"
    rules("opened")
    scenario.at("10:01:10").sweeps()
    scenario.at("10:02:10").sweeps()
    assert scenario.alert().status == "resolved"


def test_watching_costs_the_same_queries_however_many(scenario: Scenario) -> None:
    rules("stuck open, probes fail")
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    costs = []
    scenario.sweeps()
    for number in range(3):
        for place in range(5):
            breaker = scenario.at("10:00").breaker(f"orders/b{number}-{place}", state="open")
            Outage.objects.create(breaker=breaker, started_at=clock("10:00"))
        with CaptureQueriesContext(connection) as captured:
            watching.look(clock("10:01"), watching.lateness(clock("10:01")))
        costs.append(len(captured))
    assert len(set(costs)) == 1, costs
    assert Watch.objects.count() == 15
