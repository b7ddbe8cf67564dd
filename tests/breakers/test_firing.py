"""Alerts of a monitoring system: a breaker is open while at least one of its alerts fires, by the moment that we hear it."""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from breakers import caching, firing
from breakers.domain import formats
from breakers.domain.checking import check
from breakers.domain.foreign import Body
from breakers.domain.reports import Batch
from breakers.models import Event, HeardAlert, Outage, Transition
from breakers.models.fields import to_us
from breakers.pruning import prune
from breakers.recording import record
from breakers.submissions import Answer, Submission
from tests.breakers.conftest import Scenario
from tests.breakers.formats.test_alertmanager import notification

pytestmark = pytest.mark.storage


class Watched:
    """An Alertmanager that posts notifications about the breaker `stock`."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.service = scenario.service("shop").pk

    def alert(self, name: str, status: str = "firing", **more: Any) -> dict[str, Any]:
        began = more.pop("began", "2026-11-23T07:00:00Z")
        ended = more.pop("ended", "2026-11-23T07:30:00Z" if status == "resolved" else "0001-01-01T00:00:00Z")
        labels = {"alertname": name, "breaker": "stock", "severity": "critical", **more}
        return {
            "status": status,
            "labels": labels,
            "annotations": {},
            "startsAt": began,
            "endsAt": ended,
            "fingerprint": "f",
        }

    def read(self, *alerts: object) -> Batch:
        events = formats.read("alertmanager", Body.JSON, None, json.dumps(notification(*alerts)).encode())
        return check(events, to_us(self.scenario.now))

    def submission(self, *alerts: object) -> Submission:
        batch = self.read(*alerts)
        return Submission(self.service, batch.reports, batch.refusals, alerts=batch.alerts)

    def says(self, *alerts: object) -> tuple[int, int, int]:
        """Accepted, duplicates, rejected."""
        [answer] = record([self.submission(*alerts)], self.scenario.now)
        return counts(answer)

    def state(self) -> str:
        return str(self.scenario.breaker("stock", "shop").state)

    def trips(self) -> list[str]:
        rows = Transition.objects.filter(instance_id=None).order_by("at", "pk")
        return [f"{row.at:%H:%M:%S} {row.to_state}" for row in rows]


def counts(answer: Answer) -> tuple[int, int, int]:
    return answer.accepted, answer.duplicates, len(answer.rejected)


@pytest.fixture
def watched(transactional_db: None) -> Iterator[Watched]:
    """Commits are real ones: rows are kept from one to the next."""
    caching._kept.clear()
    yield Watched(Scenario())
    caching._kept.clear()


def test_one_that_fires_again_after_a_resolve_opens_again(watched: Watched) -> None:
    scenario = watched.scenario
    scenario.at("08:00:00")
    assert (watched.says(watched.alert("Slow")), watched.state()) == ((1, 0, 0), "open")
    scenario.at("08:10:00")
    assert (watched.says(watched.alert("Slow")), watched.state()) == ((0, 1, 0), "open")
    scenario.at("08:20:00")
    assert (watched.says(watched.alert("Slow", "resolved")), watched.state()) == ((1, 0, 0), "closed")
    assert (watched.says(watched.alert("Slow", "resolved")), watched.state()) == ((0, 1, 0), "closed")
    # Of the very same beginning: what it says is news all the same.
    scenario.at("08:30:00")
    assert (watched.says(watched.alert("Slow")), watched.state()) == ((1, 0, 0), "open")
    assert watched.says(watched.alert("Slow")) == (0, 1, 0)
    assert watched.trips() == ["08:00:00 open", "08:20:00 closed", "08:30:00 open"]
    assert Outage.objects.count() == 2


def test_the_news_is_of_the_time_of_receipt(watched: Watched) -> None:
    watched.scenario.at("08:00:00")
    old = watched.alert("Slow", began="2026-09-01T00:00:00Z")
    assert (watched.says(old), watched.state()) == ((1, 0, 0), "open")
    watched.scenario.at("08:05:00")
    ended = watched.alert("Slow", "resolved", began="2026-09-01T00:00:00Z", ended="2026-09-02T00:00:00Z")
    assert (watched.says(ended), watched.state()) == ((1, 0, 0), "closed")
    assert watched.trips() == ["08:00:00 open", "08:05:00 closed"]
    events = Event.objects.order_by("pk")
    told = [row.extra["attributes"] for row in events]
    assert [(each["startsAt"], each.get("endsAt")) for each in told] == [
        ("2026-09-01T00:00:00Z", None),
        ("2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z"),
    ]


def test_open_while_one_of_several_fires(watched: Watched) -> None:
    scenario = watched.scenario
    scenario.at("08:00:00")
    assert watched.says(watched.alert("Slow"), watched.alert("Failing")) == (2, 0, 0)
    scenario.at("08:01:00")
    # A third, in a notification of its own.
    assert watched.says(watched.alert("Gone")) == (1, 0, 0)
    scenario.at("08:02:00")
    assert (watched.says(watched.alert("Failing", "resolved")), watched.state()) == ((1, 0, 0), "open")
    # As after a restart: nothing is remembered but what is stored.
    caching._kept.clear()
    scenario.at("08:03:00")
    assert (watched.says(watched.alert("Slow", "resolved")), watched.state()) == ((1, 0, 0), "open")
    assert (watched.says(watched.alert("Slow", "resolved")), watched.state()) == ((0, 1, 0), "open")
    scenario.at("08:04:00")
    assert (watched.says(watched.alert("Gone", "resolved")), watched.state()) == ((1, 0, 0), "closed")
    assert watched.trips() == ["08:00:00 open", "08:04:00 closed"]
    fired = [row.extra["attributes"]["firing_alerts"] for row in Event.objects.order_by("pk")]
    assert fired == [2, 2, 3, 2, 1, 0]


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_within_a_body_does_not_matter(watched: Watched, turned: bool) -> None:
    watched.scenario.at("08:00:00")
    watched.says(watched.alert("Slow"))
    watched.scenario.at("08:01:00")
    body = [watched.alert("Slow", "resolved"), watched.alert("Failing")]
    assert (watched.says(*(reversed(body) if turned else body)), watched.state()) == ((2, 0, 0), "open")
    watched.scenario.at("08:02:00")
    assert (watched.says(*body), watched.state()) == ((0, 2, 0), "open")
    watched.scenario.at("08:03:00")
    assert (watched.says(watched.alert("Failing", "resolved")), watched.state()) == ((1, 0, 0), "closed")
    # Not closed for a moment in between.
    assert watched.trips() == ["08:00:00 open", "08:03:00 closed"]


def test_the_same_alert_twice_in_a_body_is_told_of_in_that_order(watched: Watched) -> None:
    watched.scenario.at("08:00:00")
    assert watched.says(watched.alert("Slow"), watched.alert("Slow"), watched.alert("Slow", "resolved")) == (2, 1, 0)
    assert watched.state() == "closed"
    assert watched.says(watched.alert("Slow", "resolved"), watched.alert("Slow")) == (1, 1, 0)
    assert watched.state() == "open"


def test_two_requests_in_one_batch_and_out_of_order(watched: Watched) -> None:
    scenario = watched.scenario
    scenario.at("08:00:00")
    first = watched.submission(watched.alert("Slow"))
    second = watched.submission(watched.alert("Slow", "resolved"), watched.alert("Failing"))
    answers = record([first, second], scenario.now)
    assert [counts(answer) for answer in answers] == [(1, 0, 0), (2, 0, 0)]
    assert watched.state() == "open"
    # Taken a moment before what was recorded first, by another process: what it says still counts.
    scenario.at(1)
    early = watched.submission(watched.alert("Failing", "resolved"))
    scenario.at(2)
    watched.says(watched.alert("Gone"))
    [answer] = record([early], scenario.now)
    assert (counts(answer), watched.state()) == ((1, 0, 0), "open")
    scenario.at(3)
    early = watched.submission(watched.alert("Gone", "resolved"))
    scenario.at(4)
    assert watched.says(watched.alert("Gone")) == (0, 1, 0)
    [answer] = record([early], scenario.now)
    assert (counts(answer), watched.state()) == ((1, 0, 0), "closed")


def test_each_instance_and_each_breaker_has_its_own_alerts(watched: Watched) -> None:
    watched.scenario.at("08:00:00")
    watched.says(
        watched.alert("Slow", instance="a"), watched.alert("Slow", instance="b"), watched.alert("Slow", breaker="pay")
    )
    watched.scenario.at("08:01:00")
    watched.says(watched.alert("Slow", "resolved", instance="a"), watched.alert("Slow", "resolved", breaker="pay"))
    assert watched.state() == "open"
    assert watched.scenario.breaker("pay", "shop").state == "closed"
    watched.says(watched.alert("Slow", "resolved", instance="b"))
    assert watched.state() == "closed"


def test_a_state_told_otherwise_stands_until_the_alert_is_told_again(watched: Watched) -> None:
    watched.scenario.at("08:00:00")
    watched.says(watched.alert("Slow"))
    watched.scenario.at("08:01:00")
    watched.scenario.posts({"type": "state_change", "breaker": "stock", "to_state": "closed"}, service="shop")
    assert watched.state() == "closed"
    watched.scenario.at("08:02:00")
    assert (watched.says(watched.alert("Slow")), watched.state()) == ((1, 0, 0), "open")


def test_a_resolve_of_what_was_never_heard_of_closes_nothing_that_fires(watched: Watched) -> None:
    watched.scenario.at("08:00:00")
    assert (watched.says(watched.alert("Slow", "resolved")), watched.state()) == ((1, 0, 0), "closed")
    watched.says(watched.alert("Failing"))
    assert (watched.says(watched.alert("Gone", "resolved")), watched.state()) == ((1, 0, 0), "open")


def test_an_instance_has_so_many_alerts_at_most(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firing, "MOST_ALERTS", 2)
    watched.scenario.at("08:00:00")
    assert watched.says(watched.alert("A"), watched.alert("B"), watched.alert("C")) == (2, 0, 1)
    assert watched.says(watched.alert("A", "resolved"), watched.alert("B", "resolved")) == (2, 0, 0)
    assert watched.state() == "closed"


def test_what_is_resolved_is_forgotten_with_the_events_and_what_fires_is_not(watched: Watched) -> None:
    watched.scenario.at("08:00:00")
    watched.says(watched.alert("Slow"), watched.alert("Failing"))
    watched.says(watched.alert("Failing", "resolved"))
    assert HeardAlert.objects.count() == 2
    gone = prune(watched.scenario.now + timedelta(days=31), pause=0)
    assert (gone["alerts"], [row.fires for row in HeardAlert.objects.all()]) == (1, [True])
    watched.scenario.now += timedelta(days=31)
    assert (watched.says(watched.alert("Slow")), watched.state()) == ((0, 1, 0), "open")


def test_a_repeated_request_is_a_duplicate_whatever_was_said_since(watched: Watched) -> None:
    def post(key: str, *alerts: object) -> tuple[int, int, int]:
        events = formats.read("alertmanager", Body.JSON, None, json.dumps(notification(*alerts)).encode())
        batch = check(events, to_us(watched.scenario.now), idempotency_key=key)
        [answer] = record(
            [Submission(watched.service, batch.reports, batch.refusals, alerts=batch.alerts)], watched.scenario.now
        )
        return counts(answer)

    watched.scenario.at("08:00:00")
    assert post("1", watched.alert("Slow")) == (1, 0, 0)
    watched.scenario.at("08:01:00")
    assert post("2", watched.alert("Slow", "resolved")) == (1, 0, 0)
    watched.scenario.at("08:02:00")
    assert (post("1", watched.alert("Slow")), watched.state()) == ((0, 1, 0), "closed")


@pytest.mark.parametrize("seed", range(8))
def test_a_random_story_is_what_a_plain_recount_says(watched: Watched, seed: int) -> None:
    chance = random.Random(seed)
    fires: dict[str, bool] = {}
    openings, is_open = 0, False
    for step in range(40):
        watched.scenario.at(step * 20)
        if chance.random() < 0.2:
            caching._kept.clear()
        body = {name: chance.random() < 0.5 for name in chance.sample("ABCD", chance.randint(1, 3))}
        before = dict(fires)
        fires.update(body)
        opened = any(fires.values())
        news = sum(before.get(name) is not told for name, told in body.items())
        repeats = len(body) - news
        answer = watched.says(*(watched.alert(name, "firing" if told else "resolved") for name, told in body.items()))
        assert answer == (news, repeats, 0), (seed, step)
        assert watched.state() == ("open" if opened else "closed"), (seed, step)
        openings += opened and not is_open
        is_open = opened
    assert Outage.objects.count() == openings
    assert openings > 1
