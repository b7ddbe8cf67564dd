"""History told late: whatever the order of arrival, the store holds what the pure functions make of the sorted log."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from breakers import queries, silencing
from breakers.domain import history
from breakers.domain.headlines import GONE
from breakers.domain.history import Told
from breakers.domain.silence import SECOND, Quiet, quiet
from breakers.models import Event, Instance, Outage, Transition
from breakers.models.fields import to_us
from breakers.queries.past import details_at
from tests.breakers.conftest import MORNING, Scenario

pytestmark = pytest.mark.storage
START = to_us(MORNING)


def lane(scenario: Scenario, instance: str = "a", breaker: str = "payments") -> list[tuple[float, str]]:
    """An instance's steps as stored: (seconds after eight, to which state)."""
    rows = Transition.objects.filter(breaker=scenario.breaker(breaker), instance_name=instance)
    return [((to_us(row.at) - START) / SECOND, row.to_state) for row in rows.order_by("at", "sequence", "id")]


def clock(second: float) -> str:
    minutes, seconds = divmod(second, 60)
    return f"2026-11-23T08:{int(minutes):02}:{seconds:06.3f}Z"


def tells(state: str, second: float, **more: Any) -> dict[str, Any]:
    return {
        "type": "state_change",
        "breaker": "payments",
        "instance": "a",
        "to_state": state,
        "occurred_at": clock(second),
        **more,
    }


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("with_beat", [False, True])
def test_what_is_told_after_a_silence_stands_where_it_happened(
    scenario: Scenario, swept: bool, with_beat: bool
) -> None:
    scenario.beats("open", interval_s=1)
    scenario.at(7.5)
    if swept:
        assert silencing.sweep(scenario.now) == 1
    scenario.at(9)
    beat = {"type": "heartbeat", "breaker": "payments", "instance": "a", "state": "closed", "occurred_at": clock(9)}
    scenario.posts(tells("half_open", 2), tells("closed", 2.2), *([beat] if with_beat else []))
    assert lane(scenario) == [(0, "open"), (2, "half_open"), (2.2, "closed"), (7, "stale"), (9, "closed")]
    card = scenario.card()
    assert (card.state, card.since[11:19], card.instances) == ("closed", "08:00:09", {"closed": 1})
    shown = queries.timeline(card.id, MORNING, scenario.now, scenario.now, lanes=True)
    assert shown.lanes is not None
    expected = ["open", "half_open", "closed", "stale"]
    assert [span.state for span in shown.spans] == [span.state for span in shown.lanes[0].spans] == expected
    for second, state in ((1, "open"), (2.1, "half_open"), (5, "closed"), (8, "stale"), (9, "closed")):
        then = details_at(card.id, scenario.at(second), MORNING.replace(minute=1))
        assert (then.card.state, [copy.state for copy in then.instances]) == (state, [state])
    outage = Outage.objects.get()
    assert ((to_us(outage.ended_at) - to_us(outage.started_at)) / SECOND if outage.ended_at else None) == 2.2


def test_a_redundant_heartbeat_between_is_not_forgotten(scenario: Scenario) -> None:
    """Told closed, closed, closed; then late of an opening between the first two: the second closed it."""
    for second in (0, 10, 20):
        scenario.at(second)
        scenario.beats("closed")
    scenario.posts(tells("open", 5))
    assert lane(scenario) == [(0, "closed"), (5, "open"), (10, "closed")]
    assert scenario.headline()[1:] == ["08:00:05 closed → open", "08:00:10 open → closed"]


def test_an_outage_of_the_board_is_redrawn_as_told(scenario: Scenario) -> None:
    """88 s away: what the client kept meanwhile comes in one post, oldest first."""
    scenario.beats("forced_open", interval_s=10)
    scenario.at(25)
    silencing.sweep(scenario.now)
    scenario.at(100)
    beats = [
        {"type": "heartbeat", "breaker": "payments", "instance": "a", "state": state, "occurred_at": clock(second)}
        for second, state in ((30, "forced_open"), (40, "closed"), (60, "closed"), (90, "closed"), (100, "closed"))
    ]
    scenario.posts(*beats)
    assert lane(scenario) == [(0, "forced_open"), (25, "stale"), (30, "forced_open"), (40, "closed")]
    late = Transition.objects.filter(instance_name="a", late=True).order_by("at")
    assert [row.to_state for row in late] == ["forced_open", "closed"]


def test_an_outage_in_a_freeze_keeps_its_length(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=5)
    silencing.sweep(scenario.at(40))
    scenario.at(50)
    scenario.posts(tells("open", 10), tells("closed", 40.1), tells("open", 45), tells("closed", 47))
    lengths = [
        (to_us(row.started_at) - START, to_us(row.ended_at) - to_us(row.started_at))
        for row in Outage.objects.order_by("started_at")
        if row.ended_at
    ]
    assert lengths == [(10 * SECOND, 30_100_000), (45 * SECOND, 2 * SECOND)]


def test_a_late_stop_is_no_silence(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=5)
    silencing.sweep(scenario.at(40))
    scenario.at(50)
    scenario.posts({"type": "stopped", "breaker": "payments", "instance": "a", "occurred_at": clock(8)})
    assert lane(scenario) == [(0, "closed"), (8, "gone")]
    assert (scenario.card().state, scenario.card().instances) == ("unknown", {})


def test_a_late_failure_shows_that_it_was_there(scenario: Scenario) -> None:
    scenario.beats("closed", interval_s=5)
    silencing.sweep(scenario.at(20))
    scenario.at(60)
    scenario.beats("closed", interval_s=5)
    assert lane(scenario) == [(0, "closed"), (15, "stale"), (50, "unknown"), (60, "closed")]
    scenario.posts({"type": "failure", "breaker": "payments", "instance": "a", "occurred_at": clock(30)})
    assert lane(scenario) == [(0, "closed"), (15, "stale"), (30, "closed")]


# The examples of one run share a database: each has breakers of its own.
EXAMPLES = itertools.count()
STATES = st.sampled_from(["closed", "open", "half_open", "forced_open"])
SAID = st.one_of(
    st.tuples(st.just("state_change"), STATES),
    st.tuples(st.just("state_change"), STATES),
    st.tuples(st.just("heartbeat"), STATES),
    st.tuples(st.just("stopped"), st.none()),
    st.tuples(st.just("failure"), st.none()),
)
# (own time, how much later it is received, instance, what)
HAPPENINGS = st.lists(
    st.tuples(st.integers(0, 90), st.sampled_from([0, 0, 0, 1, 4, 30, 60, 100]), st.sampled_from("abc"), SAID),
    min_size=1,
    max_size=14,
)
INTERVAL = 5


@pytest.mark.timeout(300)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happenings=HAPPENINGS, seed=st.integers(0, 2**16), sweeps=st.integers(0, 4))
def test_any_story_in_any_order_is_drawn_as_the_pure_functions_say(
    scenario: Scenario, happenings: list[Any], seed: int, sweeps: int
) -> None:
    name = f"story {next(EXAMPLES)}"
    scenario.at(0)
    # Known before: nobody is a newcomer who takes another's place.
    scenario.posts(*({"type": "failure", "breaker": "others", "instance": each} for each in "abc"))
    chance = random.Random(seed)
    receipts: dict[int, list[dict[str, Any]]] = {}
    for number, (second, delay, instance, (kind, state)) in enumerate(happenings):
        event: dict[str, Any] = {
            "type": kind,
            "breaker": name,
            "instance": instance,
            "id": f"{name}-{number}",
            "sequence": number,
            "occurred_at": clock(second),
            "interval_s": INTERVAL,
            "attributes": {"received": second + delay},
        }
        if state is not None:
            event["to_state" if kind == "state_change" else "state"] = state
        receipts.setdefault(second + delay, []).append(event)
    sweeping = {chance.randrange(200) for _ in range(sweeps)}
    last = max(receipts)
    sent: list[dict[str, Any]] = []
    for second in range(last + 1):
        if second in receipts:
            # A repeat with every post.
            batch = receipts[second] + ([chance.choice(sent)] if sent else [])
            chance.shuffle(batch)
            scenario.at(second)
            pieces = [batch] if chance.random() < 0.5 else [[each] for each in batch]
            for piece in pieces:
                scenario.posts(*piece)
            sent += batch
        if second in sweeping:
            silencing.sweep(scenario.at(second))
    silencing.sweep(scenario.at(last))
    check(scenario, name, START + last * SECOND)


def check(scenario: Scenario, name: str, now: int) -> None:
    """The store against the pure functions over its log."""
    breaker = scenario.breaker(name)
    copies = {copy.pk: copy for copy in Instance.objects.filter(breaker=breaker)}
    events = list(Event.objects.filter(breaker_id=breaker.pk))
    logs = {number: [as_told(row) for row in events if row.instance_id == number] for number in copies}
    # Ids are no receipts here: the clock goes back with each example.
    received = {row.pk: START + row.extra["attributes"]["received"] * SECOND for row in events if row.extra}
    lanes = history.lanes(logs, {number: silences(log, received, now) for number, log in logs.items()})
    drawn: dict[int, list[history.Step]] = {}
    for number, copy in copies.items():
        rows = Transition.objects.filter(breaker=breaker, instance_id=number).order_by("at", "sequence", "id")
        stored = [(to_us(row.at) - START, row.from_state, row.to_state) for row in rows]
        expected = [(step.at - START, step.from_state, step.to_state) for step in lanes[number].steps]
        assert arrived(stored) == arrived(expected), copy.name
        drawn[number] = [history.Step(to_us(row.at), row.from_state, row.to_state, row.event_id) for row in rows]
        if expected:
            assert (copy.left_at is not None) == (expected[-1][2] == GONE)
            if copy.left_at is None:
                assert (copy.state, to_us(copy.since) - START) == (expected[-1][2], expected[-1][0])
    headline = history.headlines(
        {number: lane.steps for number, lane in lanes.items()}, breaker.headline, {}, "unknown"
    )
    rows = Transition.objects.filter(breaker=breaker, instance_name=None).order_by("at", "id")
    assert [(to_us(row.at) - START, row.from_state, row.to_state) for row in rows] == [
        (step.at - START, step.from_state, step.to_state) for step in headline
    ]
    if headline:
        assert (breaker.state, breaker.since) == (headline[-1].to_state, rows.last().at)  # type: ignore[union-attr]
    expected_outages = [
        (
            outage.started_at,
            outage.ended_at,
            history.failed_probes([lane.steps for lane in lanes.values()], outage),
        )
        for outage in history.outages(headline)
    ]
    assert [
        (to_us(row.started_at), to_us(row.ended_at) if row.ended_at else None, row.failed_probes)
        for row in Outage.objects.filter(breaker=breaker).order_by("started_at", "id")
    ] == expected_outages


def arrived(steps: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
    """Without the moment of no length in which an instance is there and has told nothing yet."""
    found: list[tuple[int, str, str]] = []
    for at, before, after in steps:
        if found and (found[-1][0], found[-1][1:], before) == (at, (GONE, "unknown"), "unknown"):
            found[-1] = (at, GONE, after)
        else:
            found.append((at, str(before), str(after)))
    return found


def as_told(row: Event) -> Told:
    extra = row.extra or {}
    return Told(
        to_us(row.at),
        extra.get("sequence", -1),
        row.pk,
        GONE if row.type == "stopped" else row.to_state,
        extra.get("from_state"),
        change=row.type == "state_change",
        shared=extra.get("scope") == "shared",
    )


def silences(log: list[Told], received: dict[int, int], now: int) -> list[Quiet]:
    """By receipt: between an event and the next, where the instance was not gone by what was known then."""
    found: list[Quiet] = []
    by_receipt = sorted(log, key=lambda told: told.place)
    for index, told in enumerate(by_receipt):
        heard_again = received[by_receipt[index + 1].place] if index + 1 < len(by_receipt) else None
        until = now if heard_again is None else heard_again
        known = history.lane(by_receipt[: index + 1], found)
        if known.told is None or (known.steps and known.steps[-1].to_state == GONE) or not known.steps:
            continue
        silence = quiet(received[told.place], INTERVAL, until)
        if silence is not None:
            found.append(Quiet(silence.start, silence.unknown, silence.gone, heard_again, heard_again))
    return found
