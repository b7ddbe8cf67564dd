"""Nudges: sent soon, equal ones rarely, and never a burden where the broker is dead or frozen."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from breakers import nudging
from dashboard.celery import app, broker_url
from tests.servers import Server, valkey_server, wait_for

QUEUE = "bb:evaluate"


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with valkey_server(Path(tmp_path_factory.mktemp("v"))) as server:
        own = Celery("nudges", set_as_current=False)
        own.conf.update({**app.conf.changes, "broker_url": broker_url(server.url)})
        monkeypatch.setattr(nudging, "current_app", own)
        yield server
        own.close()


@pytest.fixture
def nudger() -> Iterator[nudging.Nudger]:
    nudger = nudging.Nudger()
    yield nudger
    assert nudger.drain(10)


def waiting(server: Server) -> list[str]:
    with redis.Redis.from_url(server.url) as client:
        return [json.loads(body)["headers"]["task"] for body in client.lrange(QUEUE, 0, -1)]


@pytest.mark.alone
def test_a_nudge_arrives_soon_and_does_not_wait(broker: Server, nudger: nudging.Nudger) -> None:
    started = time.monotonic()
    nudger.nudge("alerts.tasks.evaluate")
    assert time.monotonic() - started < 0.05
    wait_for(lambda: waiting(broker) == ["alerts.tasks.evaluate"], 2, "the nudge")
    assert nudger.healthy()


def test_equal_nudges_become_one_and_the_last_is_not_lost(broker: Server, nudger: nudging.Nudger) -> None:
    for _ in range(1_000):
        nudger.nudge("alerts.tasks.evaluate")
    assert nudger.drain(5)
    few = len(waiting(broker))
    assert 1 <= few <= 3
    time.sleep(nudging.SPACING)
    nudger.nudge("alerts.tasks.evaluate")
    assert nudger.drain(5)
    assert len(waiting(broker)) == few + 1


def test_different_nudges_are_all_sent(broker: Server, nudger: nudging.Nudger) -> None:
    for number in range(20):
        nudger.nudge("breakers.tasks.fold", number)
    assert nudger.drain(5)
    assert len(waiting(broker)) == 20


@pytest.mark.alone
@pytest.mark.parametrize("fault", ["dead", "frozen"])
def test_without_a_broker_nothing_waits_and_nothing_piles_up(
    broker: Server, nudger: nudging.Nudger, fault: str
) -> None:
    nudger.nudge("alerts.tasks.evaluate")
    assert nudger.drain(5)
    broker.kill() if fault == "dead" else broker.freeze()
    slowest, started = 0.0, time.monotonic()
    number = 0
    while time.monotonic() - started < 3:
        before = time.perf_counter()
        nudger.nudge("alerts.tasks.evaluate", number)
        slowest = max(slowest, time.perf_counter() - before)
        number += 1
        time.sleep(0.001)
    assert slowest < 0.1
    assert not nudger.healthy()
    # One try that failed, the others were dropped at once.
    assert nudger.drain(3)


def test_it_heals(broker: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nudging, "OPEN_FOR", 0.3)
    nudger = nudging.Nudger()
    broker.freeze()
    nudger.nudge("alerts.tasks.evaluate")
    wait_for(lambda: not nudger.healthy(), 5, "the breaker to open")
    broker.thaw()

    def heals() -> bool:
        nudger.nudge("alerts.tasks.evaluate")
        return nudger.drain(5) and nudger.healthy()

    wait_for(heals, 10, "the breaker to close", every=0.1)
    assert waiting(broker)


def test_a_wall_clock_that_jumps_back_does_not_keep_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = nudging.Memory("open")
    assert memory.opened_at is None
    clock = [100.0]
    monkeypatch.setattr(nudging.time, "monotonic", lambda: clock[0])
    memory.opened_at = nudging.datetime(2027, 1, 1, tzinfo=nudging.UTC)
    clock[0] += 6
    age = nudging.datetime.now(nudging.UTC) - memory.opened_at
    assert age.total_seconds() == pytest.approx(6, abs=0.1)


def test_many_threads_may_nudge(broker: Server, nudger: nudging.Nudger) -> None:
    threads = [threading.Thread(target=_many, args=(nudger, name)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert nudger.drain(10)
    assert {"breakers.tasks.a", "breakers.tasks.b", "breakers.tasks.c", "breakers.tasks.d"} <= set(waiting(broker))


def _many(nudger: Any, name: str) -> None:
    for _ in range(100):
        nudger.nudge(f"breakers.tasks.{name}")
