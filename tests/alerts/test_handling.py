"""What people do with an alert, and how it is read."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from alerts import handling, queries
from alerts.models import Alert, Notification
from breakers.access import Actor
from breakers.errors import Conflict, Invalid, NotAllowed, NotFound
from breakers.models import Audit, Breaker
from tests.alerts.conftest import Scenario, clock

pytestmark = [pytest.mark.storage, pytest.mark.django_db]


@pytest.fixture
def fired(scenario: Scenario, settings: Settings) -> Scenario:
    """An alert fires at ten."""
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)
    scenario.at("10:00").then("open")
    return scenario


def ident(scenario: Scenario) -> str:
    """The alert's id."""
    return str(scenario.alert().pk)


def test_acknowledged_by_a_person(fired: Scenario, grace: Actor) -> None:
    before = fired.alert().version
    view = handling.acknowledge(grace, ident(fired), "looking at it", clock("10:01"))
    assert (view.status, view.acknowledged_by, view.acknowledged_comment) == ("acknowledged", "grace", "looking at it")
    assert view.acknowledged_at == "2026-11-23T10:01:00Z"
    assert view.version > before
    line = Audit.objects.get()
    assert (line.actor, line.verb, line.target_kind, line.target_id, line.reason) == (
        "grace",
        "alert.acknowledge",
        "alert",
        ident(fired),
        "looking at it",
    )
    assert (line.before, line.after) == ({"status": "firing"}, {"status": "acknowledged"})


def test_it_stays_acknowledged_through_a_recovery_that_did_not_last(fired: Scenario, grace: Actor) -> None:
    handling.acknowledge(grace, ident(fired), "", clock("10:01"))
    fired.at("10:02").then("closed")
    assert queries.alert(ident(fired)).status == "acknowledged"
    fired.at("10:02:30").then("open")
    assert fired.alert().status == "acknowledged"
    assert fired.log() == ["10:00:00 firing", "10:01:00 acknowledged", "10:02:00 recovering", "10:02:30 acknowledged"]


def test_acknowledged_while_it_recovers(fired: Scenario, grace: Actor) -> None:
    fired.at("10:02").then("closed")
    view = handling.acknowledge(grace, ident(fired), "", clock("10:02:10"))
    assert (view.status, fired.alert().status) == ("acknowledged", "recovering")
    fired.at("10:03").sweeps()
    view = queries.alert(ident(fired))
    assert (view.status, view.acknowledged_by) == ("resolved", "grace")


def test_two_people_acknowledge(fired: Scenario, grace: Actor, ada: Actor) -> None:
    handling.acknowledge(grace, ident(fired), "mine", clock("10:01"))
    view = handling.acknowledge(ada, ident(fired), "me too", clock("10:02"))
    assert view.acknowledged_by == "grace"
    told = [(line.who, line.evidence["comment"]) for line in queries.history(ident(fired))[1:]]
    assert told == [("grace", "mine"), ("ada", "me too")]


def test_acknowledging_what_is_resolved_is_a_comment(fired: Scenario, grace: Actor) -> None:
    fired.at("10:02").then("closed")
    fired.at("10:03").sweeps()
    view = handling.acknowledge(grace, ident(fired), "it was the cache", clock("10:10"))
    assert (view.status, view.acknowledged_by) == ("resolved", None)
    last = queries.history(ident(fired))[-1]
    assert (last.from_status, last.to_status, last.who) == ("resolved", "resolved", "grace")


def test_unacknowledged(fired: Scenario, grace: Actor) -> None:
    with pytest.raises(Conflict, match="is not acknowledged"):
        handling.unacknowledge(grace, ident(fired), clock("10:01"))
    handling.acknowledge(grace, ident(fired), "", clock("10:01"))
    view = handling.unacknowledge(grace, ident(fired), clock("10:02"))
    assert (view.status, view.acknowledged_by, view.acknowledged_at) == ("firing", None, None)
    assert [line.verb for line in Audit.objects.order_by("pk")] == ["alert.acknowledge", "alert.unacknowledge"]
    fired.at("10:03").then("closed")
    fired.at("10:04").sweeps()
    with pytest.raises(Conflict, match="is resolved"):
        handling.unacknowledge(grace, ident(fired), clock("10:05"))


def test_eve_may_do_nothing(fired: Scenario, eve: Actor) -> None:
    row = str(Notification.objects.get().pk)
    for refused in (
        lambda: handling.acknowledge(eve, ident(fired), "", clock("10:01")),
        lambda: handling.unacknowledge(eve, ident(fired), clock("10:01")),
        lambda: handling.resend(eve, row, clock("10:01")),
    ):
        with pytest.raises(NotAllowed, match="needs the role operator; eve is viewer"):
            refused()
    assert not Audit.objects.exists()
    assert fired.log() == ["10:00:00 firing"]


@pytest.mark.parametrize("name", ["0", "-1", "01", "+1", " 1", "1 ", "1.0", "x", "", "١", "9" * 30, "1e3", "1\0"])
def test_unknown_ids_in_any_spelling(fired: Scenario, grace: Actor, name: str) -> None:
    for call in (
        lambda: queries.alert(name),
        lambda: queries.history(name),
        lambda: queries.notification(name),
        lambda: handling.acknowledge(grace, name, "", clock("10:01")),
        lambda: handling.resend(grace, name, clock("10:01")),
    ):
        with pytest.raises(NotFound):
            call()


def test_a_comment_has_an_end(fired: Scenario, grace: Actor) -> None:
    with pytest.raises(Invalid, match="at most 2000"):
        handling.acknowledge(grace, ident(fired), "x" * 2001, clock("10:01"))


def test_sent_again_by_hand(fired: Scenario, grace: Actor, nudges: list[tuple[object, ...]]) -> None:
    first = Notification.objects.get()
    with pytest.raises(Conflict, match="still being tried"):
        handling.resend(grace, str(first.pk), clock("10:01"))
    Notification.objects.update(state="dead", finished_at=clock("10:30"))
    view = handling.resend(grace, str(first.pk), clock("11:00"))
    second = Notification.objects.get(pk=view.id)
    assert (view.resend_of, view.state, view.kind) == (str(first.pk), "due", "opened")
    assert bytes(second.body) == bytes(first.body)
    assert second.webhook_id != first.webhook_id
    assert second.sequence == 2
    assert Audit.objects.get().verb == "notification.resend"
    assert queries.alert(ident(fired)).notifications == [queries.notification(str(first.pk)), view]


def test_pages_of_alerts(scenario: Scenario, grace: Actor) -> None:
    for number, service in enumerate(("orders", "orders", "billing", "orders", "billing")):
        scenario.at(f"10:0{number}").then("open", f"{service}/b{number}")
    scenario.at("10:10").then("closed", "orders/b0")
    scenario.at("10:12").sweeps()
    handling.acknowledge(grace, str(Alert.objects.get(breaker_name="b1").pk), "", clock("10:13"))

    def names(page: queries.Page) -> list[str]:
        return [view.breaker.name for view in page.items if isinstance(view, queries.AlertView) and view.breaker]

    assert names(queries.alerts_page()) == ["b4", "b3", "b2", "b1", "b0"]
    assert names(queries.alerts_page(["firing"])) == ["b4", "b3", "b2"]
    assert names(queries.alerts_page(["acknowledged", "resolved"])) == ["b1", "b0"]
    assert names(queries.alerts_page(["firing"], ["billing"])) == ["b4", "b2"]
    assert names(queries.alerts_page(labels=[("team", "logistics")], dependencies=["b4-api"], limit=1)) == ["b4"]
    assert names(queries.alerts_page(labels=[("team", "other")])) == []
    assert names(queries.alerts_page(labels=[("contains", "logistics")])) == []
    assert names(queries.alerts_page(severities=["warning"])) == []
    first = queries.alerts_page(limit=2)
    second = queries.alerts_page(limit=2, cursor=first.next)
    third = queries.alerts_page(limit=2, cursor=second.next)
    assert names(first) + names(second) + names(third) == ["b4", "b3", "b2", "b1", "b0"]
    assert third.next is None
    assert queries.open_count() == {"firing": 3, "acknowledged": 1}
    breaker = Breaker.objects.get(name="b3")
    assert names(queries.alerts_page(breaker_id=str(breaker.pk))) == ["b3"]
    with pytest.raises(Invalid, match="unknown status 'opne'; expected one of firing, acknowledged, resolved"):
        queries.alerts_page(["opne"])
    with pytest.raises(Invalid, match="no cursor"):
        queries.alerts_page(cursor="x")


def test_a_list_costs_the_same_queries_however_long(scenario: Scenario, settings: Settings) -> None:
    settings.ALERT_URLS = ("https://hooks.example.org/1", "https://hooks.example.org/2")
    costs = []
    for number in range(6):
        scenario.at("10:00").then("open", f"orders/b{number}")
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert len(queries.alerts_page().items) == number + 1
        costs.append(len(captured))
    assert costs == [4] * 6


def test_too_much_changed_for_a_resume(scenario: Scenario) -> None:
    for number in range(4):
        scenario.at("10:00").then("open", f"orders/b{number}")
    assert queries.alerts_changed_since(0, limit=3) is None
    changed = queries.alerts_changed_since(0, limit=4)
    assert changed is not None
    assert len(changed[1]) == 4


def test_an_alert_outlives_its_breaker(fired: Scenario) -> None:
    Breaker.objects.all().delete()
    view = queries.alert(ident(fired))
    assert (view.breaker, view.service, view.dependency) == (None, "orders", "tracking-api")
    fired.at("12:00").sweeps()
    fired.at("12:01").sweeps()
    assert queries.alert(ident(fired)).status == "resolved", "nobody will ever say that it closed"
    assert queries.history(ident(fired))[1].evidence == {"breaker": "deleted"}
