"""A thousand random faults, seeded: whatever happens between a claim and an answer, no alert is lost and none comes out of order.

A failing seed is replayed by its number: `pytest tests/alerts/test_random_faults.py -k "[7]"`.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest
from pytest_django.fixtures import Settings

from alerts import addressing, deputising, evaluating, leading, notifying, outbox
from alerts.destinations import environment
from alerts.models import Alert, Attempt, Destination, Notification
from breakers.access import BOARD
from breakers.models import Breaker
from tests.alerts import receiver as behaviours
from tests.alerts.conftest import Scenario
from tests.alerts.receiver import Receiver, receiver

pytestmark = [pytest.mark.storage, pytest.mark.usefixtures("board")]
SEEDS = 14
FAULTS = 75  # for each of them: more than a thousand in all
# Five lost workers in a row are a poisonous message, which is given up: that is another test's.
MOST_LOST = 4
# The longest wait between two tries (15 min; an hour is cut short when the destination answers again), its own breaker, a hold.
CORRECTION = "Correction: "
LATEST = timedelta(minutes=20)
BREAKERS = [f"orders/breaker-{number}" for number in range(5)]
ANSWERS = [
    behaviours.answers(200),
    behaviours.answers(500),
    behaviours.answers(503, headers="Retry-After: 20\r\n"),
    behaviours.answers(429, headers="Retry-After: 7\r\n"),
    behaviours.answers(302, headers="Location: http://127.0.0.1:1/\r\n"),
    behaviours.closes,
    behaviours.babbles,
]


@dataclass
class Chaos:
    """What goes wrong, by a seed. `faults` counts it."""

    scenario: Scenario
    hook: Receiver
    random: Random
    faults: int = 0
    # Workers that froze after they had sent, and may thaw.
    frozen: list[tuple[notifying.Claim, notifying.Result]] = field(default_factory=list)
    # How often each message was taken by its receiver; and how often nobody could write that down.
    taken: Counter[str] = field(default_factory=Counter)
    unnoted: int = 0
    # Time as it runs, whatever the clock says; and when each message was claimed that is in somebody's hands.
    running: timedelta = timedelta()
    held: dict[int, timedelta] = field(default_factory=dict)
    # How long after the last fault all that was owed was told.
    healed_in: timedelta | None = None

    def step(self) -> None:
        """One thing that happens."""
        weights: list[tuple[Callable[[], None], int]] = [
            (self.breaker_changes, 6),
            (self.time_passes, 8),
            (self.sweep, 4),
            (self.deputies, 3),
            (self.deliver, 8),
            (self.lost_before_sending, 3),
            (self.lost_after_sending, 3),
            (self.freezes, 3),
            (self.thaws, 3),
            (self.nudged_twice, 2),
            (self.clock_is_set_back, 1),
        ]
        [happens] = self.random.choices([each for each, _ in weights], [weight for _, weight in weights])
        self.hook.then = self.random.choice(ANSWERS)
        happens()

    def breaker_changes(self) -> None:
        """It opens or closes; the nudge that tells alerting may get lost."""
        path = self.random.choice(BREAKERS)
        # Each with a dependency of its own: what is grouped into incidents is another test's.
        breaker = self.scenario.breaker(path, dependency=path)
        state = breaker.state
        if self.scenario.now <= breaker.since:
            # Dated before what is known it would be history, which is another test's: the clock comes to where it was first.
            self.runs(breaker.since - self.scenario.now + timedelta(seconds=1))
        self.scenario.goes("closed" if state == "open" else "open", path)
        if self.random.random() < 0.7:
            evaluating.evaluate(self.scenario.now)
        else:
            self.faults += 1

    def time_passes(self) -> None:
        """Some seconds, or minutes."""
        self.runs(timedelta(seconds=self.random.choice([1, 5, 20, 61, 300])))

    def runs(self, time: timedelta) -> None:
        """On the clock, and in truth."""
        self.scenario.now += time
        self.running += time

    def clock_is_set_back(self) -> None:
        """By a little, by the time service; by an hour, by somebody."""
        self.scenario.now -= timedelta(seconds=self.random.choice([1, 10, 3600]))
        self.faults += 1

    def sweep(self) -> None:
        """It comes by, and evaluates what no nudge told of."""
        self.scenario.sweeps()

    def deputies(self) -> None:
        """What waits for one that fails goes to its fallback, where it has one."""
        deputising.sweep(self.scenario.now)

    def deliver(self) -> None:
        """One is sent; the receiver answers as it likes."""
        if (pk := self.any_due()) is not None:
            self.send(pk)

    def nudged_twice(self) -> None:
        """The same message from the broker twice."""
        if (pk := self.any_due()) is not None:
            self.send(pk)
            self.send(pk)
            self.faults += 1

    def lost_before_sending(self) -> None:
        """The worker dies with its claim in hand."""
        if self.claim() is not None:
            self.faults += 1

    def lost_after_sending(self) -> None:
        """The worker dies before it can write down how it went."""
        if (claim := self.claim()) is not None:
            self.unnoted += self.attempt(claim).error is None
            self.faults += 1

    def freezes(self) -> None:
        """The worker stands still after it has sent."""
        if (claim := self.claim()) is not None:
            result = self.attempt(claim)
            self.frozen.append((claim, result))
            self.unnoted += result.error is None
            self.faults += 1

    def thaws(self) -> None:
        """It goes on as if nothing had been."""
        if self.frozen:
            self.finish(*self.frozen.pop(self.random.randrange(len(self.frozen))))

    def heals(self) -> None:
        """All is well from now on: what is owed goes out."""
        self.hook.then = ANSWERS[0]
        evaluating.evaluate(self.scenario.now)
        # The clock is where it was, or beyond.
        newest = max([self.scenario.now, *Breaker.objects.values_list("since", flat=True)])
        self.runs(newest - self.scenario.now + timedelta(seconds=1))
        for breaker in Breaker.objects.filter(service__name="orders", state="open"):
            self.scenario.goes("closed", f"orders/{breaker.name}")
        began = self.scenario.now
        while self.scenario.now < began + 2 * LATEST:
            self.runs(timedelta(minutes=1))
            self.scenario.sweeps()
            self.delivers()
            # That of our own destination goes by the events of its breaker, which are dated: set back, they are history for a while.
            if not Alert.objects.filter(resolved_at=None, service="orders").exists() and not self.owed():
                self.healed_in = self.scenario.now - began
                return

    def delivers(self) -> None:
        """All that can go now, one after the other."""
        while due := outbox.due(self.scenario.now):
            before = self.taken.total()
            for pk in due:
                self.send(pk)
            if self.taken.total() == before:
                return

    def owed(self) -> bool:
        """Whether something still waits."""
        return Notification.objects.filter(state="due").exists()

    def any_due(self) -> int | None:
        """One of those that can go now."""
        due = outbox.due(self.scenario.now)
        return self.random.choice(due) if due else None

    def claim(self) -> notifying.Claim | None:
        """The lease of one of them, whose worker is lost with it."""
        pk = self.any_due()
        if pk is None:
            return None
        last = (
            Attempt.objects.filter(notification=pk)
            .order_by("-number")
            .values_list("outcome", flat=True)[: MOST_LOST - 1]
        )
        # The last claim may be lost too, which the next one writes down.
        if list(last) == ["lost"] * len(last) and len(last) >= MOST_LOST - 1:
            return None
        return self.lease(pk)

    def lease(self, pk: int) -> notifying.Claim | None:
        """Its lease, which nobody else has: not a worker that may yet send it."""
        claim = notifying.claim_one(pk, self.scenario.now)
        if claim is not None:
            assert pk not in self.held or self.running - self.held[pk] > notifying.LEASE, f"{pk} is in another's hands"
            self.held[pk] = self.running
        return claim

    def finish(self, claim: notifying.Claim, result: notifying.Result) -> None:
        """Write down how it went, where that still counts."""
        if notifying.finish(claim, result, self.scenario.now):
            del self.held[claim.notification_id]

    def send(self, pk: int) -> None:
        """One try, as a worker makes it."""
        if (claim := self.lease(pk)) is not None:
            result = self.attempt(claim)
            self.faults += result.error is not None
            self.finish(claim, result)

    def attempt(self, claim: notifying.Claim) -> notifying.Result:
        """Send it, and know whether it was taken."""
        result = notifying.attempt(claim)
        self.taken[claim.message.id] += result.error is None
        return result


@pytest.fixture
def chaos(scenario: Scenario, hook: Receiver, request: pytest.FixtureRequest) -> Chaos:
    """A board at ten o'clock, and a seed. The jitter between tries goes by it too."""
    random.seed(request.param)
    return Chaos(scenario.at("10:00"), hook, Random(request.param))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("chaos", range(SEEDS), indirect=True, ids=range(SEEDS))
def test_nothing_is_lost_and_nothing_overtakes(chaos: Chaos, hook: Receiver) -> None:
    while chaos.faults < FAULTS:
        chaos.step()
    chaos.heals()
    assert chaos.healed_in is not None, "something is still owed"
    assert chaos.healed_in <= LATEST
    # Told twice is only what nobody could write down: a worker was lost or stood still after it had sent.
    assert sum(times - 1 for times in chaos.taken.values() if times) <= chaos.unnoted
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    order: dict[int, list[str]] = defaultdict(list)
    for request in hook.requests:
        body = json.loads(request.body)
        told[body["alert"]["id"], body["kind"]].append(request.headers["webhook-id"])
        # A clock that jumps dates what follows it before what is known: what was told of it is put right, after the end too.
        if not body["summary"].startswith(CORRECTION):
            order[int(body["alert"]["id"])].append(body["kind"])
    # Of our own destination, which nobody else is there to tell of, nobody hears.
    alerts = set(Alert.objects.filter(service="orders").exclude(status="pending").values_list("pk", flat=True))
    rows = Notification.objects.all()
    accepted = set(Attempt.objects.filter(outcome="accepted").values_list("notification__alert", flat=True))
    assert len(accepted) > 5
    # What is owed was sent; what is not sent has a reason (it flaps, it was over before it could be sent, ...).
    assert {row.state for row in rows} <= {"sent", "dropped"}
    assert [row.pk for row in rows if row.state == "dropped" and not row.reason] == []
    lost = [pk for pk in alerts - accepted if not rows.filter(alert=pk, state="dropped").exists()]
    assert lost == []
    # First the firing, then the end of it: nothing overtakes, and who heard the first hears the second.
    assert {
        pk: kinds for pk, kinds in order.items() if kinds != sorted(kinds, key=lambda kind: kind == "resolved")
    } == {}
    assert {pk: kinds for pk, kinds in order.items() if kinds[0] == "resolved"} == {}
    owed = rows.filter(kind="opened", state="sent").values("alert")
    assert (
        set(owed.values_list("alert", flat=True)) - {pk for pk, kinds in order.items() if "resolved" in kinds} == set()
    )
    # Every try of one message bears the one name.
    assert [key for key, ids in told.items() if len(set(ids)) > rows.filter(alert=key[0], kind=key[1]).count()] == []


@pytest.mark.parametrize("chaos", range(4), indirect=True, ids=range(4))
def test_the_one_that_stands_in_hears_once_and_in_order(chaos: Chaos, hook: Receiver, settings: Settings) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True
    with receiver() as spare:
        deputy = addressing.add(BOARD, "spare", "webhook", {"url": spare.url}, at=chaos.scenario.now).row
        [first] = environment.sync(chaos.scenario.now)
        Destination.objects.filter(pk=first.pk).update(fallback=deputy)
        leading.add(BOARD, {"name": "all", "destinations": [str(first.pk)], "repeat_s": []}, at=chaos.scenario.now)
        while chaos.faults < FAULTS:
            chaos.step()
        chaos.heals()
        heard: dict[str, dict[str, str]] = defaultdict(dict)
        for request in spare.requests:
            body = json.loads(request.body)
            # A worker that died after it had sent sends again, under the same id: that is known for a copy.
            if not body["summary"].startswith(CORRECTION):
                heard[body["alert"]["id"]].setdefault(request.headers["webhook-id"], body["kind"])
    rows = Notification.objects.filter(destination=deputy)
    assert rows.filter(stands_in_for__isnull=False, state="sent").count() > 5
    assert {row.state for row in rows} <= {"sent", "dropped"}
    for alert, by_id in heard.items():
        kinds = list(by_id.values())
        assert kinds == sorted(kinds, key=lambda kind: kind == "resolved"), alert
        assert kinds.count("opened") <= 1, alert
        assert kinds[0] != "resolved", alert
    # What stands in bears the name of what it stands in for, and comes once.
    told = rows.filter(stands_in_for__isnull=False).values_list("webhook_id", "stands_in_for__webhook_id")
    assert [pair for pair in told if pair[0] != pair[1]] == []
    assert len({webhook_id for webhook_id, _ in told}) == len(told)
