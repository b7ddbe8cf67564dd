"""A client that comes back with its cursor hears the latest of everything that changed since, or starts again."""

import time
from typing import Any

import pytest
from asgiref.sync import sync_to_async as threaded

from breakers.models import Board, Breaker
from dashboard.live import snapshot
from dashboard.live.hub import hub
from tests.live.clients import until


async def seen_by_the_hub() -> None:
    """Wait until the hub is where the board is."""
    newest = await threaded(lambda: Board.objects.get().version)()
    await until(lambda: hub.place is None or hub.place.cursor.version >= newest, "the hub to look")


async def test_what_changed_meanwhile_is_told_once(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    await threaded(opens)("search")
    cursor = (await (await connect()).subscribe("wall"))["cursor"]
    for state in ("closed", "open", "half_open"):
        await threaded(opens)("payments", state)
    resumed = await (await connect()).subscribe("wall", cursor=cursor)
    assert resumed["op"] == "delta"
    assert [(card["name"], card["state"]) for card in resumed["data"]] == [("payments", "half_open")]
    assert resumed["counts"] == {"open": 1, "half_open": 1}


async def test_nothing_changed_is_said_too(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    cursor = (await (await connect()).subscribe("wall"))["cursor"]
    resumed = await (await connect()).subscribe("wall", cursor=cursor)
    assert (resumed["op"], resumed["data"], resumed["cursor"]) == ("delta", [], cursor)


async def test_behind_a_filter_what_left_is_told(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    cursor = (await (await connect()).subscribe("wall", filter="state=open"))["cursor"]
    await threaded(opens)("payments", "closed")
    resumed = await (await connect()).subscribe("wall", filter="state=open", cursor=cursor)
    assert [one["removed"] for one in resumed["data"]] == [True]


@pytest.mark.parametrize(
    "cursor", ["0.1", "zz", "", "{epoch}", "{epoch}.x", "{epoch}.999999", "{epoch}.-1", "{epoch}.1" + "0" * 30]
)
async def test_a_cursor_of_another_world_starts_again(connect: Any, opens: Any, board: Board, cursor: str) -> None:
    await threaded(opens)("payments")
    answer = await (await connect()).subscribe("wall", cursor=cursor.format(epoch=board.epoch))
    assert answer["op"] == "snapshot"


async def test_too_many_changes_start_again(connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await threaded(opens)("payments")
    cursor = (await (await connect()).subscribe("wall"))["cursor"]
    monkeypatch.setattr(snapshot.changes, "__kwdefaults__", {"limit": 2})
    for name in ("a", "b"):
        await threaded(opens)(name)
    assert (await (await connect()).subscribe("wall", cursor=cursor))["op"] == "delta"
    await threaded(opens)("c")
    # Until the hub has seen it, those that come together share what was just read.
    await seen_by_the_hub()
    assert (await (await connect()).subscribe("wall", cursor=cursor))["op"] == "snapshot"


async def test_a_change_during_the_read_is_not_lost(connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change falls between the read of the snapshot and its sending: it is held, and told after it."""
    await threaded(opens)("payments", "closed")
    read = snapshot.wall

    def read_then_change(*args: Any) -> Any:
        picture = read(*args)
        monkeypatch.setattr(snapshot, "wall", read)
        opens("payments", "open")
        return picture

    monkeypatch.setattr(snapshot, "wall", read_then_change)
    ada = await connect()
    first = await ada.subscribe("wall")
    assert [card["state"] for card in first["data"]["items"]] == ["closed"]
    assert [card["state"] for card in (await ada.hear("delta"))["data"]] == ["open"]


async def test_many_that_start_together_share_one_read(
    connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await threaded(opens)("payments")
    reads, read = [], snapshot.wall

    def counted(*args: Any) -> Any:
        reads.append(args)
        return read(*args)

    monkeypatch.setattr(snapshot, "wall", counted)
    clients = [await connect() for _ in range(10)]
    for client in clients:
        await client.send(op="subscribe", topic="wall")
    assert {(await client.hear())["op"] for client in clients} == {"snapshot"}
    assert len(reads) <= 2


async def test_a_restored_database_starts_everyone_again(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    ada = await connect()
    await ada.subscribe("wall")
    await threaded(lambda: Board.objects.update(epoch="abcd"))()
    hub.wake()
    snapshot_ = await ada.hear()
    assert (snapshot_["op"], snapshot_["cursor"].split(".")[0]) == ("snapshot", "abcd")


async def test_a_database_that_can_not_be_read_is_said(
    connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    await threaded(opens)("payments")
    read, tries = snapshot.wall, []

    def failing(*args: Any) -> Any:
        tries.append(args)
        if len(tries) < 2:
            raise OperationalError("database is locked")
        return read(*args)

    monkeypatch.setattr(snapshot, "wall", failing)
    monkeypatch.setattr("dashboard.live.opening.AGAIN", 0.01)
    ada = await connect()
    assert (await ada.subscribe("wall"))["code"] == "unavailable"
    assert (await ada.hear())["op"] == "snapshot"


async def test_a_breakers_page_is_resumed_with_the_events_that_came(connect: Any, opens: Any, post: Any) -> None:
    await threaded(opens)("payments")
    breaker = await threaded(lambda: str(Breaker.objects.get().pk))()
    socket = await connect()
    cursor = (await socket.subscribe(f"breaker:{breaker}"))["cursor"]
    await socket.close()
    await threaded(post)({"type": "failure", "breaker": "payments"}, {"type": "timeout", "breaker": "payments"})
    await threaded(opens)("search")
    resumed = await (await connect()).subscribe(f"breaker:{breaker}", cursor=cursor)
    assert resumed["op"] == "delta"
    assert [(page["id"], page["new_events"]) for page in resumed["data"]] == [(breaker, 2)]
    again = await (await connect()).subscribe(f"breaker:{breaker}", cursor=resumed["cursor"])
    assert (again["op"], again["data"]) == ("delta", [])


async def test_a_breakers_page_of_long_ago_starts_again(connect: Any, opens: Any, board: Board) -> None:
    await threaded(opens)("payments")
    breaker = await threaded(lambda: Breaker.objects.get().pk)()
    old = int((time.time() - 16 * 60) * 1_000_000)
    for cursor in (f"{board.epoch}.1.{old}", f"{board.epoch}.1", f"0.1.{old + 900_000_000}"):
        answer = await (await connect()).subscribe(f"breaker:{breaker}", cursor=cursor)
        assert answer["op"] == "snapshot", cursor
