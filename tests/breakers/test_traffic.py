"""The invented fleet: its stories repeat, and the board understands every word of them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain, islice

from breakers.domain.checking import check
from breakers.domain.traffic import Fleet, Post, Shape
from breakers.models.fields import to_us

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def story(shape: Shape, seconds: int, run: str = "run") -> list[list[Post]]:
    """What a fleet posts: its greeting, then second by second."""
    fleet = Fleet(shape, run)
    return [list(fleet.greet(MORNING)), *(fleet.step(1, MORNING + timedelta(seconds=n)) for n in range(seconds))]


def test_the_same_seed_tells_the_same_story() -> None:
    assert story(Shape(seed=7), 120) == story(Shape(seed=7), 120)
    assert story(Shape(seed=7), 120) != story(Shape(seed=8), 120)


def test_the_board_takes_every_event() -> None:
    events = [post.event for post in chain(*story(Shape(), 300))]
    checked = check(events, to_us(MORNING + timedelta(seconds=300)))
    assert (len(checked.reports), checked.refusals) == (len(events), [])
    assert len({event["id"] for event in events}) == len(events)


def test_spoilt_events_are_refused_and_no_others() -> None:
    events = [post.event for post in chain(*story(Shape(spoilt=0.2), 60))]
    spoilt = [n for n, event in enumerate(events) if event["type"] == "state_change" and "from_state" not in event]
    checked = check(events, to_us(MORNING + timedelta(seconds=60)))
    assert len(spoilt) > 50
    assert [refusal.index for refusal in checked.refusals] == spoilt


def test_every_breaker_is_there_once_in_each_instance() -> None:
    shape = Shape(services=7, breakers=500, instances=4, dependencies=20)
    fleet = Fleet(shape, "run")
    told = Counter((post.service, post.event["breaker"], post.event["instance"]) for post in fleet.greet(MORNING))
    assert (len(fleet), set(told.values()), len({(s, b) for s, b, _ in told})) == (2_000, {1}, 500)


def test_it_keeps_to_its_rate() -> None:
    spoken = [len(posts) for posts in story(Shape(rate=120, breakers=400), 100)[1:]]
    assert abs(sum(spoken) / 100 - 120) < 3
    assert abs(sum(len(posts) for posts in story(Shape(rate=0.5), 200)[1:]) - 100) < 10


def test_sequences_have_no_gap() -> None:
    told: dict[str, list[int]] = {}
    for post in chain(*story(Shape(), 120)):
        told.setdefault(post.event["instance"], []).append(post.event["sequence"])
    assert len(told) == 18
    assert all(sequences == list(range(1, len(sequences) + 1)) for sequences in told.values())


def test_a_wave_opens_breakers_of_several_services_and_passes() -> None:
    shape = Shape(wave_every_s=60, wave_lasts_s=20, seed=3)
    fleet = Fleet(shape, "run")
    opened: dict[str, set[int]] = {}
    seconds = 0
    while fleet.waves < 1 or fleet.open or not opened:
        seconds += 1
        assert seconds < 2_000
        for post in fleet.step(1, MORNING):
            if post.event.get("to_state") == "open":
                opened.setdefault(post.event["dependency"], set()).add(post.service)
    assert max(len(services) for services in opened.values()) > 1


def test_without_waves_all_stays_closed() -> None:
    assert {
        post.event["type"] for post in chain(*story(Shape(wave_every_s=0), 600)) if "to_state" in post.event
    } == set()


def test_an_open_breaker_waits_for_its_probe() -> None:
    """It tells when it means to probe, refuses calls till then, and goes half-open no sooner."""
    opens: dict[tuple[str, str], datetime] = {}
    probed = 0
    for post in chain(*story(Shape(wave_every_s=10), 600)):
        event = post.event
        place = (event["instance"], event["breaker"])
        if event.get("to_state") == "open":
            opens[place] = datetime.fromisoformat(event["next_probe_at"])
        elif event.get("to_state") == "half_open":
            assert datetime.fromisoformat(event["occurred_at"]) >= opens.pop(place)
            probed += 1
        elif place in opens:
            assert event["type"] in ("rejected", "heartbeat")
    assert probed > 20


def test_leaving_is_told_by_each_copy() -> None:
    fleet = Fleet(Shape(), "run")
    assert [post.event["type"] for post in islice(fleet.leave(MORNING), 1_000)] == ["stopped"] * len(fleet)
