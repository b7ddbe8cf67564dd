"""Late, repeated, out of order: what is over before it can be told is told as that, or not at all, with the reason."""

from datetime import datetime

import pytest
from pytest_django.fixtures import Settings

from alerts import evaluating
from alerts.domain.deciding import About, Hush, Last, Reason, until, weigh
from alerts.domain.matching import Matchers, Subject
from alerts.models import Alert, Notification
from breakers.models import Outage
from tests.alerts.conftest import Scenario, clock

SUBJECT = Subject("orders", "tracking-api", "tracking")
HUSH = Hush(1, Matchers(service="orders"), clock("14:00"), "ada")


def about(kind: str = "opened", **more: object) -> About:
    return About(kind, SUBJECT, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "hushes", "last", "reason", "sends"),
    [
        (about(), [HUSH], Last(on=False), Reason.DESTINATION_OFF, False),
        (about("resolved"), [], Last(told=False), Reason.NEVER_TOLD, False),
        (about("resolved"), [HUSH], Last(told=True), Reason.RESOLVED, True),
        (about(inhibited_by="part of incident 12"), [HUSH], Last(), Reason.SILENCED, False),
        (about(inhibited_by="part of incident 12", acknowledged_by="ada"), [], Last(), Reason.INHIBITED, False),
        (about("repeat", acknowledged_by="ada", ended_at=clock("09:00")), [], Last(), Reason.ACKNOWLEDGED, False),
        (about("update", acknowledged_by="ada", worse=True), [], Last(), Reason.WORSE, True),
        (about(ended_at=clock("09:44:59"), overtaken=True), [], Last(), Reason.LATE, False),
        (about(ended_at=clock("09:45"), overtaken=True), [], Last(), Reason.OVERTAKEN, False),
        (about(held_back=True), [], Last(), Reason.STILL_TRUE, True),
        (about(), [Hush(1, Matchers(service="billing"), clock("14:00"), "ada")], Last(), Reason.OPENED, True),
        (about("repeat"), [], Last(), Reason.REPEAT, True),
        (about("escalation"), [], Last(), Reason.ESCALATED, True),
    ],
)
def test_the_first_that_matches_decides(
    asked: About, hushes: list[Hush], last: Last, reason: Reason, sends: bool
) -> None:
    decision = weigh(asked, hushes, last, clock("10:00"))
    assert (decision.reason, decision.send) == (reason, sends)


def test_each_reason_is_a_sentence() -> None:
    now = clock("10:00")
    later = Hush(2, Matchers(), clock("15:00"), "grace")
    assert weigh(about(), [HUSH, later], Last(), now).sentence == "not sent: silenced until 15:00 by grace"
    assert weigh(about(inhibited_by="part of incident 12"), [], Last(), now).sentence == "not sent: part of incident 12"
    assert weigh(about("repeat", acknowledged_by="ada"), [], Last(), now).sentence == "not sent: ada has it in hand"
    tomorrow = datetime(2026, 11, 24, 8, 30, tzinfo=now.tzinfo)
    assert until(tomorrow, now) == "24 Nov 08:30"


class TestStories:
    """With the database."""

    pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]

    @pytest.fixture(autouse=True)
    def _destinations(self, settings: Settings) -> None:
        settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)

    def told(self) -> list[str]:
        return [f"{row.kind} {row.reason or row.state}" for row in Notification.objects.order_by("pk")]

    def summary(self) -> str:
        body = bytes(Notification.objects.latest("pk").body).decode()
        return body.partition('"summary":"')[2].partition('"')[0]

    def test_over_before_anybody_could_be_told(self, scenario: Scenario) -> None:
        scenario.at("10:00").then("open")
        assert self.told() == ["opened due"]
        scenario.at("10:02").then("closed")
        scenario.at("10:03").sweeps()
        both = "not sent on its own: it was over before it could be sent; one message says both"
        assert self.told() == [f"opened {both}", "update due"]
        assert self.summary() == "delivery-tracking was open in orders from 10:00:00 to 10:02:00 UTC"

    def test_our_backlog_pages_nobody_for_what_is_over(self, scenario: Scenario) -> None:
        scenario.at("08:00").goes("open")
        scenario.at("08:05").goes("closed")
        scenario.at("09:50").goes("open", "orders/other")
        scenario.at("09:51").goes("closed", "orders/other")
        scenario.at("09:59").goes("open", "orders/third")
        scenario.at("10:00").sweeps()
        assert self.told() == [
            "opened not sent on its own: reported late, and over for more than 15 minutes; a line of the next digest",
            "opened not sent on its own: it was over before it could be sent; one message says both",
            "update due",
            "opened due",
        ]

    @pytest.mark.parametrize(("now", "told"), [("10:10", 1), ("10:30", 0)])
    def test_an_outage_that_we_heard_of_when_it_was_over(self, scenario: Scenario, now: str, told: int) -> None:
        scenario.at("10:00").then("closed")
        Outage.objects.create(breaker=scenario.breaker(), started_at=clock("10:01"), ended_at=clock("10:04:30"))
        scenario.at(now).goes("open", told="10:01", late=True)
        scenario.goes("closed", told="10:04:30", late=True)
        evaluating.evaluate(scenario.now)
        alert = scenario.alert()
        assert (alert.status, alert.ended_at, alert.resolved_at) == ("resolved", clock("10:04:30"), clock("10:05:30"))
        assert alert.incident_id is not None
        assert alert.summary == "delivery-tracking was open in orders from 10:01:00 to 10:04:30 UTC, reported late"
        assert Notification.objects.filter(state="due").count() == told
        scenario.goes("open", told="10:01", late=True)
        evaluating.evaluate(scenario.now)
        assert Alert.objects.count() == 1, "told twice, it is one"
