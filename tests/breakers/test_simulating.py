"""Posting as services do: in order, again where the board can't take it now, and no longer than asked."""

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from breakers.domain.traffic import Fleet, Shape
from breakers.simulating import Plan, Refused, Simulation, Tally, pause

SHAPE = Shape(services=2, breakers=8, instances=2, dependencies=4, rate=200)
Answers = Callable[[httpx.Request], httpx.Response]


class FakeBoard:
    """Answers as told, in turn; then as a board does."""

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script = list(script)
        self.bodies: list[list[dict[str, Any]]] = []
        self.known: set[str] = set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        events = json.loads(request.content)["events"]
        self.bodies.append(events)
        if self.script:
            answer = self.script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        fresh = [event for event in events if event["id"] not in self.known]
        self.known.update(event["id"] for event in fresh)
        told = {"accepted": len(fresh), "duplicates": len(events) - len(fresh), "rejected": [], "commands": []}
        return httpx.Response(202, json=told)


def simulate(board: FakeBoard, *, shape: Shape = SHAPE, stop_after: float | None = None, **plan: Any) -> Tally:
    """One run against this board."""

    async def run() -> Tally:
        simulation = Simulation(
            Plan("http://board", ("key-0", "key-1"), **{"duration_s": 1.0, "lanes": 1, **plan}),
            Fleet(shape, "run"),
            httpx.MockTransport(board),
        )
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, simulation.stop)
        return await simulation.run(lambda line: None)

    return asyncio.run(run())


def test_everything_made_arrives_once() -> None:
    board = FakeBoard()
    tally = simulate(board)
    assert tally.sent == tally.accepted == len(board.known) > 100
    assert (tally.duplicates, tally.rejected, tally.given_up, tally.retries, dict(tally.refused)) == (0, 0, 0, 0, {})
    assert tally.summary()["p50_ms"] is not None


def test_each_instance_is_heard_in_order() -> None:
    board = FakeBoard()
    simulate(board, lanes=3)
    told: dict[str, list[int]] = {}
    for event in (event for body in board.bodies for event in body):
        told.setdefault(event["instance"], []).append(event["sequence"])
    assert all(sequences == list(range(1, len(sequences) + 1)) for sequences in told.values())


def test_what_can_not_be_taken_now_is_posted_again_with_the_same_ids() -> None:
    board = FakeBoard(
        httpx.Response(503, headers={"retry-after": "0"}), httpx.ConnectError("refused"), httpx.Response(429)
    )
    tally = simulate(board)
    assert [body == board.bodies[0] for body in board.bodies[:5]] == [True, True, True, True, False]
    assert (tally.retries, dict(tally.refused)) == (3, {"503": 1, "ConnectError": 1, "429": 1})
    assert (tally.accepted, tally.given_up) == (tally.sent, 0)


def test_some_are_posted_twice_on_purpose() -> None:
    tally = simulate(FakeBoard(), repeated=1.0)
    assert tally.duplicates == tally.accepted == tally.sent / 2


def test_a_key_that_is_not_good_ends_it_with_a_sentence() -> None:
    board = FakeBoard(httpx.Response(401, json={"detail": "the ingest key is unknown or revoked"}))
    with pytest.raises(Refused, match=r"^the board answers 401: the ingest key is unknown or revoked$"):
        simulate(board)


def test_told_to_stop_it_posts_what_it_has_and_says_goodbye() -> None:
    board = FakeBoard()
    tally = simulate(board, duration_s=None, stop_after=0.3, leaves=True)
    assert tally.given_up == 0
    last = {(event["instance"], event["breaker"]): event["type"] for body in board.bodies for event in body}
    assert set(last.values()) == {"stopped"}
    assert len(last) == 16


def test_a_board_that_is_down_is_given_up_only_when_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("breakers.simulating.DRAINED_WITHIN", 0.2)
    board = FakeBoard(*(httpx.ConnectError("refused") for _ in range(500)))
    tally = simulate(board, duration_s=None, stop_after=0.3)
    assert tally.accepted == 0
    assert tally.given_up >= tally.sent > 0


def test_pauses_grow_are_spread_and_heed_the_board() -> None:
    dice = random.Random(1)
    assert max(pause(0, None, dice) for _ in range(500)) <= 0.25
    late = [pause(9, None, dice) for _ in range(500)]
    assert 29 < max(late) <= 30
    assert min(late) < 1
    assert 7 <= pause(0, "7", dice) <= 7.25
    assert pause(0, "soon", dice) <= 0.25
    assert pause(0, "86400", dice) <= 30.25
