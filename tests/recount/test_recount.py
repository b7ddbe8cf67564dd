"""Random stories, told to the board on a clock by hand and counted again from what was posted."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from breakers import recording
from breakers.models import Outage
from tests.recount.board import Told, in_one_process
from tests.recount.books import Books, spans
from tests.recount.compare import differences, kind_of, of_breaker, shows, shrunk
from tests.recount.story import SECOND, story

pytestmark = pytest.mark.usefixtures("one_process")
TOLD_FOR = 15  # s
CALM = ("counts", "repeats", "restarts", "stopped")
# What is held of stories whose services are always heard, and in order. `python -m tests.recount` compares everything, of all stories.
HELD = {
    "state", "since", "rule", "instances", "each instance", "told last", "spans", "lanes", "totals", "last minute",
    "failure rate", "events", "trips", "sources", "the whole",
}  # fmt: skip


@pytest.fixture
def one_process(transactional_db: None) -> Iterator[None]:
    """A board that nobody else works at."""
    with in_one_process():
        yield


@pytest.mark.slow
def test_what_is_told_in_order_is_shown_as_it_was() -> None:
    begun, seed, told = time.monotonic(), 1, 0
    while told < 5 or time.monotonic() - begun < TOLD_FOR:
        actions = story(seed, CALM)
        wrong = [difference for difference in differences(actions) if _held(difference)]
        assert not wrong, f"seed {seed}: {wrong}\n{shrunk(actions, kind_of(wrong[0]), tries=25)}"
        told, seed = told + 1, seed + 1


def test_a_story_is_its_seed() -> None:
    assert story(7) == story(7)
    assert story(7) != story(8)


def test_a_story_holds_what_makes_history_hard() -> None:
    met = Counter[str]()
    for seed in range(1, 60):
        seen: set[tuple[str, str]] = set()
        newest: dict[tuple[str, str], int] = {}
        for action in story(seed):
            met[action["do"]] += 1
            for event in action.get("events", ()):
                key = action["service"], event["instance"]
                met["disorder"] += event["own"] < newest.get(key, 0)
                newest[key] = max(newest.get(key, 0), event["own"])
                met["late"] += action["at"] - event["own"] > 60 * SECOND
                met["repeat"] += (action["service"], event.get("id", "")) in seen
                seen.add((action["service"], event.get("id", "none")))
                met[event["type"]] += 1
    wanted = {"post", "look", "restart", "rule", "disorder", "late", "repeat", "heartbeat", "stopped", "failure"}
    assert {name for name in wanted if met[name]} == wanted


def test_a_number_that_is_counted_wrong_is_found() -> None:
    actions = next(each for each in map(_calm, range(1, 100)) if _posts(each, "timeout") and not _wrong(each))
    with patch.object(recording, "CALLS", frozenset({"success", "failure"})):
        assert _seen_at_once(actions) is True
    assert _seen_at_once(actions) is False


def test_a_trip_that_is_lost_is_found_and_told_by_a_small_story() -> None:
    actions = next(each for each in map(_calm, range(1, 100)) if _posts(each, "open") and not _wrong(each))
    sweep = Told.sweep

    def forgetful(board: Told, at: int) -> None:
        sweep(board, at)
        Outage.objects.all().delete()

    with patch.object(Told, "sweep", forgetful):
        assert {"trips", "outages"} <= {kind_of(difference) for difference in differences(actions)}
        small = shrunk(actions, "trips", tries=25)
        assert shows(small, "trips")
        assert sum(len(each.get("events", ())) for each in small) < sum(len(each.get("events", ())) for each in actions)
    assert not _wrong(small)


def test_the_books_draw_a_silence_and_what_was_told_of_it_later() -> None:
    books = Books()
    books.post("orders", [_beat(1, 0, "open", interval_s=1)], 0)
    # Silent from 7 s on; at 9 s it tells of 2 s and of 8 s.
    late = [{**_beat(2, 2, "half_open"), "type": "state_change"}, {**_beat(3, 8, "closed"), "type": "state_change"}]
    books.post("orders", late, 9 * SECOND)
    lane = books.breakers["orders", "pay"].lanes["o-1"]
    drawn = [(state, start / SECOND, end / SECOND) for state, start, end in spans(lane.steps(10 * SECOND), 10 * SECOND)]
    assert drawn == [("open", 0, 2), ("half_open", 2, 7), ("stale", 7, 8), ("closed", 8, 10)]
    [outage] = books.breakers["orders", "pay"].outages(10 * SECOND)
    assert (outage.start, outage.end, outage.failed_probes) == (0, 8 * SECOND, 0)


def _beat(sequence: int, own_s: int, state: str, **more: Any) -> dict[str, Any]:
    beat = {"type": "heartbeat", "breaker": "pay", "instance": "o-1", "sequence": sequence, "own": own_s * SECOND}
    return {**beat, ("state" if not sequence - 1 else "to_state"): state, **more}


def _calm(seed: int) -> list[dict[str, Any]]:
    return story(seed, ("counts",))


def _held(difference: Any) -> bool:
    return kind_of(difference) in HELD or kind_of(difference).startswith("answer")


def _wrong(actions: list[dict[str, Any]]) -> bool:
    return any(_held(difference) for difference in differences(actions))


def _posts(actions: list[dict[str, Any]], what: str) -> bool:
    events = [event for action in actions for event in action.get("events", ())]
    return any(what in (event["type"], event.get("to_state")) for event in events)


def _seen_at_once(actions: list[dict[str, Any]]) -> bool:
    """Whether the last minute differs before a sweep has counted it anew."""
    board, books = Told(), Books()
    for action in actions:
        if action["do"] == "post":
            board.post(action["service"], action["events"], action["at"])
            books.post(action["service"], action["events"], action["at"])
            for names, facts in board.facts(action["at"]).items():
                calls = of_breaker(books, *names, action["at"])["last minute"][0]
                if facts["last minute"][0] < calls:
                    return True
    return False
