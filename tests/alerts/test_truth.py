"""One story, whatever the order in which it is told: the same alerts, and nobody is told something wrong for good."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pytest_django.fixtures import Settings

from alerts import evaluating
from alerts.domain.lifecycle import Hold
from alerts.domain.truth import Turn, episodes
from alerts.domain.wording import span
from alerts.models import Alert, Notification
from breakers.models import Outage, Transition
from tests.alerts.conftest import rules
from tests.breakers.conftest import Scenario as Services

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NEXT = {"closed": ["open"], "open": ["half_open", "half_open", "closed"], "half_open": ["open", "closed"]}
HOLD = Hold(0, 60)

Story = list[tuple[datetime, str]]
Alerts = list[tuple[datetime, datetime | None, datetime | None, int]]


@pytest.fixture
def services(db: None, settings: Settings) -> Services:
    """They post; one receiver is there."""
    settings.ALERT_URLS = ("https://hooks.example.org/s3cret",)
    board = Services()
    rules("opened")
    return board


def story(seed: int) -> Story:
    """When the breaker went where, by its own clock."""
    dice = random.Random(seed)
    at, state, found = START, "closed", [(START, "closed")]
    for _ in range(dice.randrange(2, 9)):
        at += timedelta(seconds=dice.choice([1, 5, 20, 59, 61, 120, 400]))
        state = dice.choice(NEXT[state])
        found.append((at, state))
    return found


def expected(told: Story, now: datetime) -> Alerts:
    """Counted by hand: outages, joined where one began before the one before it had stayed closed for its hold."""
    found: Alerts = []
    opened: datetime | None = None
    for at, state in told:
        if state == "open" and opened is None:
            opened = at
            if found and at < (found[-1][2] or at):
                found[-1] = (found[-1][0], None, None, found[-1][3] + 1)
            else:
                found.append((at, None, None, 1))
        elif state == "closed" and opened is not None:
            opened = None
            found[-1] = (found[-1][0], at, at + timedelta(seconds=60), found[-1][3])
    return [
        (begun, ended, resolved if resolved and resolved <= now else None, trips)
        for begun, ended, resolved, trips in found
    ]


def alerts() -> Alerts:
    rows = Alert.objects.filter(withdrawn_at=None).order_by("started_at")
    return [(row.started_at, row.ended_at, row.resolved_at, row.trips) for row in rows]


def draw(services: Services, known: Story) -> None:
    """The headline's rows and outages of what is known by now, as history keeps them: rows that stay right stay."""
    breaker = services.breaker()
    rows = Transition.objects.filter(breaker=breaker, instance_name=None)
    steps, state = [], "unknown"
    for at, to_state in sorted(known):
        if to_state != state:
            steps.append((at, state, to_state))
            state = to_state
    kept = {(row.at, row.from_state, row.to_state): row for row in rows}
    rows.filter(pk__in=[row.pk for key, row in kept.items() if key not in steps]).delete()
    newest = max((key[0] for key in kept if key in steps), default=START)
    for at, before, after in steps:
        if (at, before, after) not in kept:
            Transition.objects.create(
                breaker=breaker, from_state=before, to_state=after, at=at, recorded_at=services.now, late=at < newest
            )
    Outage.objects.filter(breaker=breaker).delete()
    outage: Outage | None = None
    for at, _, after in steps:
        if after == "open" and outage is None:
            outage = Outage(breaker=breaker, started_at=at)
        elif after == "closed" and outage is not None:
            outage.ended_at = at
            outage.save()
            outage = None
    if outage is not None:
        outage.save()
    breaker.state, breaker.since = state, steps[-1][0]
    breaker.save(update_fields=["state", "since"])


def posts(services: Services, places: Sequence[int], told: Story) -> None:
    events = [
        {
            "type": "state_change",
            "breaker": "payments",
            "instance": "a",
            "to_state": told[place][1],
            "occurred_at": told[place][0].isoformat(),
            "sequence": place,
        }
        for place in places
    ]
    services.posts(*events)


@pytest.mark.parametrize("seed", range(200))
def test_a_history_makes_the_alerts_that_are_counted_by_hand(seed: int) -> None:
    told = story(seed)
    now = told[-1][0] + timedelta(minutes=random.Random(seed).choice([0, 10]))
    turns = [Turn(at, before, state) for (_, before), (at, state) in pairwise(told)]
    found = episodes(turns, HOLD, now)
    assert [(each.started_at, each.ended_at, each.resolved_at, each.trips) for each in found] == expected(told, now)


@pytest.mark.storage
@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(24))
def test_any_order_of_arrival_ends_in_the_same_alerts(services: Services, seed: int) -> None:
    dice, told = random.Random(1000 + seed), story(seed)
    places = list(range(1, len(told)))
    dice.shuffle(places)
    services.now = told[-1][0] + timedelta(seconds=dice.choice([1, 30, 900]))
    posts(services, [0], told)
    known = [told[0]]
    while places:
        size = dice.choice([1, 1, 2, 3])
        known += [told[place] for place in places[:size]]
        draw(services, known)
        places = places[size:]
        evaluating.evaluate(services.now)
        if dice.random() < 0.7:
            Notification.objects.filter(state="due", attempt=0).update(attempt=1)
        services.now += timedelta(seconds=dice.choice([1, 10, 70]))
        if dice.random() < 0.5:
            evaluating.sweep(services.now)
    for _ in range(2):
        services.now += timedelta(minutes=2)
        evaluating.sweep(services.now)
    assert alerts() == expected(told, services.now)
    _assert_the_last_word_is_true()


def _assert_the_last_word_is_true() -> None:
    """Of each alert, what was sent last says how it is: open, over, or never so."""
    for alert in Alert.objects.all():
        last = Notification.objects.filter(alert=alert).exclude(state="dropped").order_by("pk").last()
        if last is None:
            continue
        if alert.withdrawn_at is not None:
            merged = Alert.objects.filter(withdrawn_at=None, started_at__lte=alert.ended_at)
            assert "was not open" in last.summary or merged.exists()
        elif alert.resolved_at is not None:
            assert alert.ended_at is not None
            was = f"from {alert.started_at:%H:%M:%S} to {alert.ended_at:%H:%M:%S} UTC"
            assert was in last.summary or f"after {span(alert.ended_at - alert.started_at)}" in last.summary
        else:
            assert "closed again" not in last.summary, last.summary
            assert "was open" not in last.summary, last.summary


def sent() -> list[str]:
    return [f"{row.kind}: {row.summary}" for row in Notification.objects.exclude(state="dropped").order_by("pk")]


@pytest.mark.storage
@pytest.mark.django_db
class TestTold:
    """What is sent for it."""

    def test_what_was_over_long_ago_pages_nobody(self, services: Services) -> None:
        services.at("10:00")
        services.beats("closed")
        told = [(services.now - timedelta(minutes=25), "open"), (services.now - timedelta(seconds=1300), "closed")]
        services.at("10:00:01")
        posts(services, [0, 1], told)
        evaluating.evaluate(services.now)
        services.at("10:00:06")
        evaluating.sweep(services.now)
        alert = Alert.objects.get()
        assert (alert.ended_at or START) - alert.started_at == timedelta(seconds=200)
        assert sent() == []
        assert [row.reason[:33] for row in Notification.objects.all()] == ["not sent on its own: reported lat"]

    def test_what_was_over_a_moment_ago_is_one_notice(self, services: Services) -> None:
        services.at("10:00")
        told = [(services.now - timedelta(seconds=330), "open"), (services.now - timedelta(seconds=300), "closed")]
        posts(services, [0, 1], told)
        evaluating.evaluate(services.now)
        for second in ("10:00:05", "10:00:10", "10:05"):
            services.at(second)
            evaluating.sweep(services.now)
        assert sent() == ["update: payments was open in checkout from 09:54:30 to 09:55:00 UTC, reported late"]

    def test_lengths_run_by_the_events_own_times(self, services: Services) -> None:
        services.at("10:00")
        posts(services, [0], [(services.now - timedelta(minutes=5), "open")])
        evaluating.evaluate(services.now)
        Notification.objects.update(attempt=1)
        services.at("10:02")
        posts(services, [1], [(START, ""), (services.now - timedelta(minutes=6, seconds=30), "closed")])
        evaluating.evaluate(services.now)
        services.at("10:02:05")
        evaluating.sweep(services.now)
        assert sent() == [
            "opened: payments opened in checkout (1 of 1 instances) at 09:55:00 UTC, reported late",
            "resolved: payments closed again in checkout after 30 s",
        ]

    def test_what_proves_wrong_is_corrected_once(self, services: Services) -> None:
        services.at("10:00")
        services.moves("open", sequence=1)
        evaluating.evaluate(services.now)
        Notification.objects.update(attempt=1)
        services.at("10:10")
        services.moves("closed", sequence=5)
        services.at("10:11:30")
        evaluating.sweep(services.now)
        Notification.objects.update(attempt=1)
        assert sent()[1:] == ["resolved: payments closed again in checkout after 10 min"]
        services.at("10:12")
        services.moves("closed", sequence=2, occurred_at="2026-11-23T10:03:00Z")
        for second in ("10:12", "10:12:05", "10:13"):
            services.at(second)
            evaluating.evaluate(services.now)
            evaluating.sweep(services.now)
        assert sent()[2:] == ["update: Correction: payments was open in checkout from 10:00:00 to 10:03:00 UTC (3 min)"]

    def test_what_goes_on_is_told_to_go_on(self, services: Services) -> None:
        """It was told as over, and had opened again within its hold."""
        services.at("10:00")
        services.moves("open", sequence=1)
        services.at("10:01")
        evaluating.evaluate(services.now)
        Notification.objects.update(attempt=1)
        services.moves("closed", sequence=2)
        evaluating.evaluate(services.now)
        services.at("10:02:05")
        evaluating.sweep(services.now)
        Notification.objects.update(attempt=1)
        assert sent()[1:] == ["resolved: payments closed again in checkout after 1 min"]
        services.at("10:02:10")
        services.moves("open", sequence=3, occurred_at="2026-11-23T10:01:30Z")
        evaluating.evaluate(services.now)
        evaluating.sweep(services.now)
        assert sent()[2:] == ["update: Correction: payments is open in checkout, since 10:00:00 UTC"]
        assert [(row.status, row.trips) for row in Alert.objects.all()] == [("firing", 2)]

    def test_the_end_of_an_override_pages_nobody_until_a_probe_fails(self, services: Services) -> None:
        services.at("10:00")
        services.beats("closed")
        services.moves("forced_open")
        services.at("10:05")
        services.moves("open")
        evaluating.evaluate(services.now)
        services.at("10:05:30")
        evaluating.sweep(services.now)
        assert not Alert.objects.exists()
        services.moves("half_open")
        services.at("10:05:31")
        services.moves("open")
        evaluating.evaluate(services.now)
        assert [row.started_at.second for row in Alert.objects.all()] == [31]

    def test_a_lease_that_ended_while_we_heard_nothing_pages_nobody(self, services: Services) -> None:
        services.at("10:00")
        services.beats("closed")
        services.at("10:30")
        told = [
            (services.now - timedelta(minutes=20), "forced_open"),
            (services.now - timedelta(minutes=10), "open"),
            (services.now - timedelta(minutes=9), "half_open"),
            (services.now - timedelta(minutes=8), "closed"),
        ]
        posts(services, [0, 1, 2, 3], told)
        evaluating.evaluate(services.now)
        evaluating.sweep(services.now)
        assert (Alert.objects.count(), sent()) == (0, [])
