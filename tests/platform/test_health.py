"""Alive and ready: each part by itself, and never longer than it may take."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import OperationalError

from breakers.models import Pulse
from dashboard import health
from tests.board import Board
from tests.servers import wait_for

PARTS = {"evaluate": "worker:evaluate", "deliver": "worker:deliver", "beat": "beat"}


@pytest.fixture(scope="module")
def board() -> Iterator[Board]:
    with Board() as board:
        yield board


def ill(board: Board) -> dict[str, Any]:
    return {name: part for name, part in board.readyz().items() if isinstance(part, dict) and not part["ok"]}


def healthy(board: Board) -> None:
    wait_for(lambda: board.readyz().get("status") == "ok", 30, "the board to be ready again", every=0.1)


@pytest.mark.django_db
@pytest.mark.storage
@pytest.mark.parametrize(
    ("ages", "worker", "beat"),
    [
        ({}, (False, None), (False, None)),
        ({"evaluate": 1, "deliver": 2, "beat": 3}, (True, 2), (True, 3)),
        ({"evaluate": 1, "beat": 3}, (False, None), (True, 3)),
        ({"evaluate": 31, "deliver": 2, "beat": 3}, (False, 31), (True, 3)),
        ({"evaluate": 1, "deliver": 80, "beat": 31}, (False, 80), (False, 31)),
        # It asks them for their pulse: while it stands still, that they are silent says nothing of them.
        ({"evaluate": 40, "deliver": 41, "beat": 31}, (True, 41), (False, 31)),
        ({"evaluate": -3600, "deliver": 2, "beat": 3}, (True, 2), (True, 3)),
    ],
)
def test_a_pulse_is_dead_after_30_seconds(ages: dict[str, float], worker: Any, beat: Any) -> None:
    now = datetime.now(UTC)
    for name, age in ages.items():
        Pulse.objects.create(part=PARTS[name], at=now - timedelta(seconds=age))
    told = health._pulses()
    for part, (ok, age) in (("worker", worker), ("beat", beat)):
        assert told[part]["ok"] is ok
        assert told[part]["age_s"] == (age if age is None else pytest.approx(age, abs=1))


@pytest.mark.alone
def test_what_hangs_or_fails_is_named_and_says_nothing_of_hosts_and_people() -> None:
    async def hang() -> Any:
        await asyncio.sleep(60)

    async def fail() -> Any:
        raise OperationalError("password authentication failed for user ada at 10.0.0.1")

    started = time.monotonic()
    assert asyncio.run(health.asked(hang())) == {"ok": False, "detail": "no answer within 2 s"}
    assert time.monotonic() - started < 2.5
    assert asyncio.run(health.asked(fail())) == {"ok": False, "detail": "OperationalError"}


@pytest.mark.alone
def test_a_frozen_redis_is_named_in_time_and_ingest_goes_on(board: Board) -> None:
    valkey = board.part("valkey")
    valkey.suspend()
    try:
        started = time.monotonic()
        told = board.readyz()
        assert time.monotonic() - started < 3
        assert told["redis"]["ok"] is False
        assert told["database"]["ok"]
        assert httpx.get(f"{board.url}/readyz", timeout=5).status_code == 503
        assert httpx.get(f"{board.url}/readyz?for=ingest", timeout=5).status_code == 200
        assert httpx.get(f"{board.url}/livez", timeout=5).status_code == 200
    finally:
        valkey.resume()
    healthy(board)


@pytest.mark.alone
def test_a_database_that_can_not_be_written_is_named_in_time(board: Board) -> None:
    holder = sqlite3.connect(board.data_dir / "breakerboard.sqlite3", isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        time.sleep(health.ASK_EVERY)
        for query in ("", "?for=ingest"):
            started = time.monotonic()
            answer = httpx.get(f"{board.url}/readyz{query}", timeout=5)
            assert time.monotonic() - started < 3
            assert answer.status_code == 503
            assert answer.json()["database"]["ok"] is False
        assert httpx.get(f"{board.url}/livez", timeout=5).status_code == 200
    finally:
        holder.close()
    healthy(board)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_parts_that_run_and_do_nothing_are_named_at_30_s_and_started_again_at_60_s(board: Board) -> None:
    """Workers prove themselves when the scheduler asks them: while it stands still only it can be blamed, and they after it."""
    frozen = {name: board.part(name) for name in ("evaluate", "beat")}
    healthy(board)
    for process in frozen.values():
        process.suspend()
    started = time.monotonic()
    wait_for(lambda: set(ill(board)) == {"beat"}, 45, "beat alone to be named", every=0.2)
    assert time.monotonic() - started > 15
    healthy_again = started + 200
    for name in ("beat", "evaluate"):
        process = frozen[name]
        wait_for(lambda process=process: not process.is_running(), 90, f"{name} to be started again", every=0.2)
        assert f"{name} is started again: no sign of life for" in board.output()
    healthy(board)
    assert time.monotonic() < healthy_again
