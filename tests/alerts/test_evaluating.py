"""Transitions become alerts: with times by hand."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django.fixtures import Settings

from alerts import evaluating, queries, raising, ruling
from alerts.models import Alert, Destination, Incident, Notification, Rule
from alerts.signals import alerts_changed
from breakers.access import Actor
from breakers.models import Board, Outage, Transition
from tests.alerts.conftest import Scenario, clock, rules

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]


@pytest.fixture(autouse=True)
def _destinations(settings: Settings) -> None:
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)


def test_an_outage_from_its_first_second_to_its_resolution(scenario: Scenario) -> None:
    scenario.at("10:00").then("open")
    scenario.tried().at("10:00:30").then("half_open")
    scenario.at("10:00:31").then("open")
    scenario.at("10:02").then("half_open")
    scenario.at("10:02:01").then("closed")
    scenario.at("10:03").sweeps()
    assert queries.alert(str(scenario.alert().pk)).status == "firing", "recovering is shown as what it was"
    scenario.at("10:03:01").sweeps()

    assert scenario.log() == ["10:00:00 firing", "10:02:01 recovering", "10:03:01 resolved"]
    assert scenario.notifications() == ["10:00:00 opened due", "10:03:01 resolved due"]
    view = queries.alert(str(scenario.alert().pk))
    assert (view.status, view.trips, view.resolved_at) == ("resolved", 1, "2026-11-23T10:03:01Z")
    assert view.summary == "delivery-tracking opened in orders (3 of 10 instances)"
    assert not Transition.objects.filter(evaluated_at=None).exists()


def test_a_flapping_breaker_notifies_once(scenario: Scenario) -> None:
    scenario.at("10:00").then("open")
    scenario.tried().at("10:00:20").then("closed")
    scenario.at("10:00:50").then("open")
    scenario.at("10:01:00").then("closed")
    scenario.at("10:01:40").then("open")
    scenario.at("10:05").sweeps()
    assert scenario.notifications() == ["10:00:00 opened due"]
    assert (scenario.alert().status, scenario.alert().trips) == ("firing", 3)
    scenario.at("10:06").then("closed")
    scenario.at("10:07").sweeps()
    assert scenario.notifications() == ["10:00:00 opened due", "10:07:00 resolved due"]


def test_a_later_trip_is_a_new_alert(scenario: Scenario) -> None:
    for hour in ("10", "11"):
        scenario.at(f"{hour}:00").then("open")
        scenario.at(f"{hour}:10").then("closed")
        scenario.at(f"{hour}:11").sweeps()
    assert Alert.objects.count() == 2
    assert [row.trips for row in Alert.objects.all()] == [1, 1]


def test_our_own_lateness_changes_nothing_in_what_becomes_of_it(scenario: Scenario) -> None:
    """The workers were down: the same rows, looked at an hour later."""
    scenario.at("10:00").goes("open")
    scenario.at("10:05").goes("closed")
    scenario.at("10:20").goes("open")
    scenario.at("11:00").sweeps()
    assert scenario.log() == ["10:00:00 firing", "10:05:00 recovering", "10:06:00 resolved", "10:20:00 firing"]
    assert Alert.objects.count() == 2


def test_silence_resolves_nothing(scenario: Scenario) -> None:
    scenario.at("10:00").then("open")
    for minute, state in enumerate(("stale", "unknown", "forced_open", "disabled", "forced_closed"), start=1):
        scenario.at(f"10:0{minute}").then(state)
    scenario.at("14:00").sweeps()
    assert (scenario.alert().status, scenario.log()) == ("firing", ["10:00:00 firing"])


def test_a_recovery_that_does_not_stay_closed_begins_anew(scenario: Scenario) -> None:
    scenario.at("10:00").then("open")
    scenario.tried().at("10:01").then("closed")
    scenario.at("10:01:30").then("stale")
    scenario.at("10:10").sweeps()
    assert scenario.alert().status == "firing"
    scenario.at("10:20").then("closed")
    scenario.at("10:20:59").sweeps()
    assert scenario.alert().status == "recovering"
    scenario.at("10:21").sweeps()
    assert (scenario.alert().status, scenario.alert().trips) == ("resolved", 1)
    assert scenario.notifications() == ["10:00:00 opened due", "10:21:00 resolved due"]


def test_a_late_transition_changes_no_live_alert(scenario: Scenario) -> None:
    scenario.at("10:00").then("open")
    scenario.at("10:05").goes("closed", told="09:40", late=True)
    evaluating.evaluate(scenario.now)
    assert [row.breaker_name for row in Alert.objects.all()] == ["delivery-tracking"]
    assert scenario.log() == ["10:00:00 firing"]
    assert not Transition.objects.filter(evaluated_at=None).exists()


def test_when_it_happened_and_when_we_knew(scenario: Scenario) -> None:
    scenario.at("10:00:30").goes("open", told="10:00:05")
    evaluating.evaluate(clock("10:00:31"))
    view = queries.alert(str(scenario.alert().pk))
    assert (view.started_at, view.detected_at) == ("2026-11-23T10:00:05Z", "2026-11-23T10:00:30Z")


def test_evaluating_twice_is_evaluating_once(scenario: Scenario) -> None:
    row = scenario.at("10:00").goes("open")
    evaluating.evaluate(scenario.now)
    evaluating.evaluate(scenario.now)
    Transition.objects.filter(pk=row.pk).update(evaluated_at=None)
    evaluating.evaluate(scenario.now)
    assert scenario.notifications() == ["10:00:00 opened due"]


def test_instances_transitions_are_not_evaluated(scenario: Scenario) -> None:
    breaker = scenario.at("10:00").breaker()
    Transition.objects.create(
        breaker=breaker,
        instance_name="orders-1",
        from_state="closed",
        to_state="open",
        at=scenario.now,
        recorded_at=scenario.now,
    )
    evaluating.evaluate(scenario.now)
    assert not Alert.objects.exists()


def test_the_alert_its_notifications_and_the_mark_are_one_transaction(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = scenario.at("10:00").goes("open")

    def fails(*_: object) -> list[int]:
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(raising.outbox, "write", fails)
        evaluating.evaluate(scenario.now)
    assert (Alert.objects.count(), Notification.objects.count()) == (0, 0)
    assert Transition.objects.get(pk=row.pk).evaluated_at is None
    evaluating.evaluate(scenario.now)
    assert (Alert.objects.count(), Notification.objects.count()) == (1, 1)


def test_a_transition_that_cannot_be_evaluated_holds_up_no_other(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        scenario.at("10:00").goes("open", f"orders/breaker-{number}")
    real = raising.wording.opened

    def opened(name: str, *rest: object) -> str:
        if name == "breaker-3":
            raise ValueError(name)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(raising.wording, "opened", opened)
    evaluating.evaluate(scenario.now)
    assert sorted(row.breaker_name[-1] for row in Alert.objects.all()) == ["0", "1", "2", "4", "5"]
    assert Transition.objects.filter(evaluated_at=None).count() == 1


def test_one_live_alert_a_breaker_is_held_by_the_database(scenario: Scenario) -> None:
    scenario.at("10:00").then("open")
    first = scenario.alert()
    first.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        first.save(force_insert=True)


def test_many_breakers_in_few_transactions(scenario: Scenario, nudges: list[tuple[object, ...]]) -> None:
    for number in range(120):
        scenario.at("10:00").breaker(f"orders/breaker-{number}", dependency="tracking-api")
        scenario.goes("open", f"orders/breaker-{number}")
    evaluating.evaluate(scenario.now)
    assert (Alert.objects.count(), Incident.objects.count()) == (120, 1)
    assert len(set(Alert.objects.values_list("version", flat=True))) == 3
    assert nudges == [("alerts.tasks.deliver", Notification.objects.get(state="due").pk)], "one incident, one page"


def test_four_workers_at_once_raise_one_alert(scenario: Scenario) -> None:
    for number in range(8):
        scenario.at("10:00").goes("open", f"orders/breaker-{number}")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            evaluating.evaluate(scenario.now)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert (Alert.objects.count(), Notification.objects.count()) == (8, 8)


def test_what_changed_is_announced_after_the_commit(scenario: Scenario, nudges: list[tuple[object, ...]]) -> None:
    heard: list[tuple[int, frozenset[int], bool]] = []

    def hear(version: int, ids: frozenset[int], **_: object) -> None:
        heard.append((version, ids, connection.in_atomic_block))

    alerts_changed.connect(hear)
    try:
        scenario.at("10:00").then("open")
    finally:
        alerts_changed.disconnect(hear)
    alert = scenario.alert()
    assert heard == [(alert.version, frozenset({alert.pk}), False)]
    assert alert.version == Board.objects.get().version
    assert nudges == [("alerts.tasks.deliver", Notification.objects.get().pk)]
    assert queries.alerts_changed_since(alert.version) == (alert.version, [], [])
    changed = queries.alerts_changed_since(alert.version - 1)
    assert changed == (alert.version, [queries.alert(str(alert.pk))], [])


def test_what_no_transition_told_is_found_by_the_sweep(scenario: Scenario) -> None:
    """History was redrawn: the headline is what it is without a row that says so."""
    breaker = scenario.at("10:00").breaker(state="half_open")
    outage = Outage.objects.create(breaker=breaker, started_at=clock("09:59"))
    scenario.sweeps()
    assert scenario.log() == ["09:59:00 firing"]
    assert scenario.alert().started_at == clock("09:59")
    outage.ended_at = breaker.since = scenario.now
    outage.save()
    breaker.state = "closed"
    breaker.save()
    scenario.at("10:00:59").sweeps()
    scenario.at("10:01").sweeps()
    assert scenario.log() == ["09:59:00 firing", "10:00:00 recovering", "10:01:00 resolved"]


def test_a_rule_that_is_off_raises_nothing(scenario: Scenario) -> None:
    Rule.objects.update(enabled=False)
    ruling.forget()
    scenario.at("10:00").then("open")
    scenario.at("10:01").sweeps()
    assert not Alert.objects.exists()
    rules("opened")
    scenario.at("10:02").sweeps()
    assert scenario.log() == ["10:00:00 firing"]


def test_a_rule_with_patience(scenario: Scenario) -> None:
    Rule.objects.update(for_s=30)
    scenario.at("10:00").then("open")
    assert queries.alerts_page().items == []
    scenario.at("10:00:20").then("closed")
    assert not Alert.objects.exists(), "true for too short: gone without a trace"
    scenario.at("10:01").then("open")
    scenario.at("10:01:30").sweeps()
    assert scenario.log() == ["10:01:00 pending", "10:01:30 firing"]
    assert scenario.notifications() == ["10:01:30 opened due"]


def test_destinations_follow_the_environment(scenario: Scenario, settings: Settings) -> None:
    scenario.at("09:00").sweeps()
    settings.ALERT_URLS = (
        "https://hooks.example.org/s3cret",
        "mailto://ada:pw@example.org",
        "https://eve:pw@other.example:8443/x",
    )
    scenario.at("10:00").sweeps()
    shown = {row.masked_url: (row.kind, row.off_at) for row in Destination.objects.all()}
    assert shown == {
        "https://hooks.example.org/•••": ("webhook", None),
        "mailto://•••": ("apprise", None),
        "https://other.example:8443/•••": ("webhook", None),
    }
    settings.ALERT_URLS = settings.ALERT_URLS[1:]
    scenario.at("11:00").then("open")
    assert Notification.objects.count() == 2
    assert [view.health for view in queries.destinations()] == ["off", "ok", "ok"]
    kept = [str(value) for row in Destination.objects.values() for value in row.values()]
    assert not [value for value in kept if "s3cret" in value or "pw" in value]


def test_what_waits_out_a_hold_waits_out_the_new_one_when_an_admin_changes_it(scenario: Scenario, ada: Actor) -> None:
    rule = str(Rule.objects.get(name="opened").pk)
    ruling.change(ada, rule, {"for_s": 120}, scenario.at("09:59").now)
    scenario.at("10:00").then("open")
    scenario.at("10:00:40").sweeps()
    assert scenario.log() == ["10:00:00 pending"], "it was to wait for two minutes"
    ruling.change(ada, rule, {"for_s": 30, "keep_s": 10}, scenario.now)
    scenario.sweeps()
    scenario.at("10:01").then("closed")
    scenario.at("10:01:10").sweeps()
    assert scenario.log() == ["10:00:00 pending", "10:00:30 firing", "10:01:00 recovering", "10:01:10 resolved"]
