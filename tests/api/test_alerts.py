"""Alerts by the API: listed, looked at, taken in hand, told again."""

from datetime import UTC, datetime

import pytest
from pytest_django.fixtures import Settings

from alerts import evaluating
from alerts.models import Notification
from alerts.models.notification import State
from tests.api.conftest import Caller, Post, breaker_id, problem

pytestmark = [pytest.mark.usefixtures("tracking"), pytest.mark.storage]


@pytest.fixture
def firing(tracking: str, settings: Settings) -> str:
    """The id of an alert of which a receiver is to be told."""
    settings.ALERT_URLS = ("http://127.0.0.1:9/hook",)
    evaluating.evaluate(datetime.now(UTC))
    return str(Notification.objects.get().alert_id)


def test_an_alert_with_all_its_fields(eve: Caller, firing: str, tracking: str) -> None:
    [alert] = eve.get("/alerts")["items"]
    assert alert == eve.get(f"/alerts/{firing}")
    assert alert["breaker"] == {"id": tracking, "service": "orders", "name": "delivery-tracking"}
    assert {
        name: alert[name] for name in ("rule", "severity", "status", "service", "dependency", "labels", "resolved_at")
    } == {
        "rule": "opened",
        "severity": "critical",
        "status": "firing",
        "service": "orders",
        "dependency": "tracking-api",
        "labels": {"team": "logistics"},
        "resolved_at": None,
    }
    assert [(told["kind"], told["state"]) for told in alert["notifications"]] == [("opened", "due")]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=firing", 1),
        ("status=acknowledged,resolved", 0),
        ("status=firing,resolved&service=orders", 1),
        ("service=checkout", 0),
        ("dependency=tracking-api", 1),
        ("severity=critical", 1),
        ("severity=warning", 0),
        ("label=team:logistics", 1),
        ("label=team:other", 0),
        ("breaker=999", 0),
        ("breaker=x", 0),
    ],
)
def test_filters(eve: Caller, firing: str, query: str, count: int) -> None:
    assert len(eve.get(f"/alerts?{query}")["items"]) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [("status=fire", "status"), ("cursor=x", "cursor"), ("limit=500", "limit"), ("label=x", "label")],
)
def test_a_filter_that_is_none(eve: Caller, query: str, field: str) -> None:
    [error] = problem(eve.call("GET", f"/alerts?{query}"), 422)["errors"]
    assert error["field"] == field


def test_pages_hold_every_alert_once(eve: Caller, firing: str, post: Post) -> None:
    for number in range(4):
        post({"type": "state_change", "breaker": f"b{number}", "to_state": "open"})
    evaluating.evaluate(datetime.now(UTC))
    everything = eve.get("/alerts")["items"]
    first = eve.get("/alerts?limit=3")
    rest = eve.get(f"/alerts?limit=3&cursor={first['next']}")
    assert first["items"] + rest["items"] == everything
    assert (len(everything), rest["next"]) == (5, None)
    assert len(eve.get(f"/alerts?breaker={breaker_id('b0')}")["items"]) == 1


def test_in_hand_and_out_of_it(grace: Caller, eve: Caller, firing: str) -> None:
    taken = grace.post(f"/alerts/{firing}/acknowledge", {"comment": "on it"}).json()
    assert (taken["status"], taken["acknowledged_by"], taken["acknowledged_comment"]) == (
        "acknowledged",
        "operator",
        "on it",
    )
    assert eve.get(f"/alerts/{firing}") == taken
    given = grace.post(f"/alerts/{firing}/unacknowledge").json()
    assert (given["status"], given["acknowledged_by"]) == ("firing", None)
    assert "is not acknowledged" in problem(grace.post(f"/alerts/{firing}/unacknowledge", {}), 409)["detail"]
    assert [line["verb"] for line in eve.get(f"/audit?target_kind=alert&target_id={firing}")["items"]] == [
        "alert.unacknowledge",
        "alert.acknowledge",
    ]


@pytest.mark.parametrize("body", [{"comment": "x" * 2_001}, {"comment": "a\0"}, {"comment": 1}, {"word": "x"}, []])
def test_a_comment_that_cant_be_taken(grace: Caller, eve: Caller, firing: str, body: object) -> None:
    assert problem(grace.post(f"/alerts/{firing}/acknowledge", body), 422)["errors"]
    assert eve.get(f"/alerts/{firing}")["status"] == "firing"


def test_a_dead_notification_is_sent_again_as_a_new_one(grace: Caller, firing: str) -> None:
    notification = Notification.objects.get()
    assert "still being tried" in problem(grace.post(f"/notifications/{notification.pk}/resend"), 409)["detail"]
    Notification.objects.update(state=State.DEAD, finished_at=datetime.now(UTC))
    response = grace.post(f"/notifications/{notification.pk}/resend")
    assert response.status_code == 201
    new = response.json()
    assert (new["resend_of"], new["state"]) == (str(notification.pk), "due")
    assert new["id"] != str(notification.pk)


@pytest.mark.parametrize("spelling", ["999", "0", "-1", "01", "1.0", "x", "%D9%A1", "9" * 30, "%00", "1%2F"])
def test_what_is_not_there_in_any_spelling(eve: Caller, grace: Caller, firing: str, spelling: str) -> None:
    problem(eve.call("GET", f"/alerts/{spelling}"), 404)
    problem(grace.post(f"/alerts/{spelling}/acknowledge", {}), 404)
    problem(grace.post(f"/notifications/{spelling}/resend"), 404)
