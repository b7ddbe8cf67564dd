"""The socket's words: what a client asks for, and what it hears."""

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async as threaded
from django.db import OperationalError

from alerts.models import Alert
from breakers import bulk
from breakers.models import Board, Tombstone
from dashboard.live import consumers, snapshot, upkeep
from dashboard.live.hub import hub
from dashboard.live.messages import moment
from tests.live.clients import Client, Refused, until
from tests.live.conftest import breaker_id


async def test_a_wall_starts_with_its_picture(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    await threaded(opens)("search", "closed")
    ada = await connect()
    snapshot = await ada.subscribe("wall")
    assert (snapshot["op"], snapshot["topic"]) == ("snapshot", "wall")
    assert snapshot["data"]["counts"] == {"open": 1, "closed": 1}
    assert [card["name"] for card in snapshot["data"]["items"]] == ["payments", "search"]
    assert snapshot["data"]["next"] is None
    assert snapshot["cursor"] == await threaded(lambda: "{0.epoch}.{0.version}".format(Board.objects.get()))()


async def test_a_change_is_told_with_the_counts(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments", "closed")
    ada = await connect()
    await ada.subscribe("wall")
    await threaded(opens)("payments", "open")
    delta = await ada.hear("delta")
    assert [(card["name"], card["state"]) for card in delta["data"]] == [("payments", "open")]
    assert delta["counts"] == {"open": 1}
    assert delta["data"][0]["version"] == int(delta["cursor"].split(".")[1])


async def test_a_limit_cuts_the_picture_and_names_the_rest(connect: Any, opens: Any) -> None:
    for name in ("a", "b", "c"):
        await threaded(opens)(name)
    ada = await connect()
    snapshot = await ada.subscribe("wall", limit=2)
    assert len(snapshot["data"]["items"]) == 2
    assert snapshot["data"]["next"]
    assert snapshot["data"]["counts"] == {"open": 3}


async def test_a_card_that_matches_no_more_leaves(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    ada = await connect()
    snapshot = await ada.subscribe("wall", filter="state=open")
    assert [card["name"] for card in snapshot["data"]["items"]] == ["payments"]
    await threaded(opens)("payments", "closed")
    delta = await ada.hear("delta")
    assert delta["data"] == [
        {"id": snapshot["data"]["items"][0]["id"], "version": delta["data"][0]["version"], "removed": True}
    ]
    assert delta["counts"] == {}
    await threaded(opens)("payments", "open")
    assert [card["state"] for card in (await ada.hear("delta"))["data"]] == ["open"]


async def test_a_deleted_breaker_leaves(connect: Any, opens: Any, board: Board) -> None:
    await threaded(opens)("payments")
    ada = await connect()
    await ada.subscribe("wall")

    def delete() -> str:
        with bulk.writing():
            id = breaker_id("payments")
            Tombstone.objects.create(kind="breaker", object_id=id, version=bulk.next_version(), at=datetime.now(UTC))
        return id

    id = await threaded(delete)()
    hub.wake()
    assert [(gone["id"], gone["removed"]) for gone in (await ada.hear("delta"))["data"]] == [(id, True)]


async def test_one_breaker_is_told_with_all_of_its_page(connect: Any, opens: Any, post: Any) -> None:
    await threaded(opens)("payments", "closed", instance="orders-1")
    id = await threaded(breaker_id)("payments")
    ada = await connect()
    page = (await ada.subscribe(f"breaker:{id}"))["data"]
    assert page["card"]["state"] == "closed"
    assert [one["name"] for one in page["instances"]] == ["orders-1"]
    assert (page["commands"], page["new_events"]) == ([], 0)
    await threaded(post)(
        {"type": "failure", "breaker": "payments", "instance": "orders-1", "count": 3},
        {"type": "state_change", "breaker": "payments", "instance": "orders-1", "to_state": "open"},
    )
    [change] = (await ada.hear("delta"))["data"]
    assert (change["id"], change["card"]["state"], change["new_events"]) == (id, "open", 2)
    assert change["spans"][-1]["state"] == "open"
    assert (change["width_s"], sum(bucket["failure"] for bucket in change["buckets"])) == (10, 3)
    assert [one["state"] for one in change["instances"]] == ["open"]


async def test_other_breakers_do_not_disturb_a_page(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    await threaded(opens)("search")
    ada = await connect()
    await ada.subscribe(f"breaker:{await threaded(breaker_id)('payments')}")
    await threaded(opens)("search", "closed")
    assert await ada.hears_nothing()
    await threaded(opens)("payments", "closed")
    assert (await ada.hear())["op"] == "delta"


async def test_alerts_are_told(connect: Any, opens: Any, board: Board) -> None:
    ada, grace = await connect(), await connect()
    assert (await ada.subscribe("alerts"))["data"] == {
        "counts": {"firing": 0, "acknowledged": 0},
        "items": [],
        "next": None,
    }
    await grace.subscribe("alerts", filter="status=firing")
    await threaded(opens)("payments")
    alert = await threaded(make_alert)()
    hub.wake()
    for who in (ada, grace):
        delta = await who.hear("delta")
        assert [(one["id"], one["status"]) for one in delta["data"]] == [(str(alert.pk), "firing")]
        assert delta["counts"] == {"firing": 1, "acknowledged": 0}

    async def hears_next(who: Client) -> list[dict[str, Any]]:
        while (data := (await who.hear("delta"))["data"]) == delta["data"]:
            pass  # What was told may be told once more.
        return list(data)

    await threaded(change_alert)(alert, resolved_at=datetime.now(UTC), status="resolved")
    hub.wake()
    assert [one["status"] for one in await hears_next(ada)] == ["resolved"]
    assert [one.get("removed") for one in await hears_next(grace)] == [True]


def make_alert() -> Alert:
    """An alert that fires, as `alerts` writes it."""
    from alerts.models import Rule
    from breakers.models import Breaker

    breaker, now = Breaker.objects.get(), datetime.now(UTC)
    rule = Rule.objects.get(name="opened")
    with bulk.writing():
        return Alert.objects.create(
            rule=rule,
            breaker=breaker,
            status="firing",
            severity="critical",
            service="orders",
            dependency="payments",
            started_at=now,
            detected_at=now,
            version=bulk.next_version(),
        )


def change_alert(alert: Alert, **fields: Any) -> None:
    with bulk.writing():
        Alert.objects.filter(pk=alert.pk).update(version=bulk.next_version(), **fields)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"op": "subscribe", "topic": "breaker:404"}, "not_found"),
        ({"op": "subscribe", "topic": "breaker:x"}, "not_found"),
        ({"op": "subscribe", "topic": "breaker:"}, "unknown_topic"),
        ({"op": "subscribe", "topic": "walls"}, "unknown_topic"),
        ({"op": "subscribe", "topic": "wall", "filter": "colour=red"}, "bad_filter"),
        ({"op": "subscribe", "topic": "wall", "filter": "state=opne"}, "bad_filter"),
        ({"op": "subscribe", "topic": "alerts", "filter": "status=fired"}, "bad_filter"),
        ({"op": "subscribe", "topic": "wall", "limit": 0}, "bad_frame"),
        ({"op": "subscribe", "topic": 3}, "bad_frame"),
        ({"op": "subscribe"}, "bad_frame"),
        ({"op": "publish", "topic": "wall"}, "bad_frame"),
        ([], "bad_frame"),
        ("x", "bad_frame"),
    ],
)
async def test_what_can_not_be_had_is_said(connect: Any, frame: Any, code: str) -> None:
    ada = await connect()
    await ada.send_raw(json.dumps(frame))
    error = await ada.hear("error")
    assert (error["code"], bool(error["detail"])) == (code, True)
    assert (await ada.subscribe("wall"))["op"] == "snapshot"


@pytest.mark.parametrize("text", ["{", "\x00", '{"op": "subscribe", "topic": "wall"', "[" * 10_000])
async def test_what_can_not_be_read_is_said(connect: Any, text: str) -> None:
    ada = await connect()
    await ada.send_raw(text)
    assert (await ada.hear("error"))["code"] == "bad_frame"
    await ada.send_raw(data=b"\x00")
    assert (await ada.hear("error"))["code"] == "bad_frame"


async def test_an_unsubscribed_topic_is_silent(connect: Any, opens: Any) -> None:
    ada = await connect()
    await ada.subscribe("wall")
    await ada.send(op="unsubscribe", topic="wall")
    await threaded(opens)("payments")
    assert await ada.hears_nothing()
    assert (await ada.subscribe("wall"))["data"]["counts"] == {"open": 1}


async def test_a_paused_topic_keeps_its_cursor(connect: Any, opens: Any) -> None:
    ada, grace = await connect(), await connect()
    cursor = (await ada.subscribe("wall"))["cursor"]
    await grace.subscribe("wall")
    await ada.send(op="pause", topic="wall")
    await threaded(opens)("payments")
    await grace.hear("delta")
    hub.upkeep.ping_all()
    assert (await ada.hear("ping"))["cursors"] == {"wall": cursor}
    assert (await grace.hear("ping"))["cursors"] != {"wall": cursor}
    resumed = await ada.subscribe("wall", cursor=cursor)
    assert [card["name"] for card in resumed["data"]] == ["payments"]


async def test_a_ping_says_where_to_resume(connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await connect()
    await ada.subscribe("wall")
    await threaded(opens)("payments")
    cursor = (await ada.hear("delta"))["cursor"]
    hub.upkeep.ping_all()
    ping = await ada.hear("ping")
    assert ping["cursors"] == {"wall": cursor}
    assert ping["bus"] == "degraded"  # no Redis in this test
    assert datetime.fromisoformat(ping["at"]).tzinfo is not None


async def test_nothing_says_that_all_is_well_while_the_board_can_not_be_read(
    connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await threaded(opens)("payments")
    ada = await connect()
    await ada.subscribe("wall")
    hub.upkeep.ping_all()
    await ada.hear("ping")
    read, held = snapshot.changes, threading.Event()

    def failing(*args: Any, **more: Any) -> Any:
        raise OperationalError("disk I/O error")

    def frozen(*args: Any, **more: Any) -> Any:
        held.wait(10)
        return read(*args, **more)

    monkeypatch.setattr("dashboard.live.hub.SLOW", 0.1)
    for ill in (failing, frozen):
        monkeypatch.setattr(snapshot, "changes", ill)
        hub.wake()
        await until(lambda: hub.blind, "the hub to notice")
        hub.upkeep.ping_all()
        monkeypatch.setattr(snapshot, "changes", read)
        hub.wake()
        if ill is frozen:
            held.set()
        await until(lambda: not hub.blind, "the hub to see again")
    now = datetime.now(UTC) + timedelta(minutes=1)
    monkeypatch.setattr(hub, "clock", lambda: now)
    hub.upkeep.ping_all()
    # The one of now, and none of those between.
    assert (await ada.hear("ping"))["at"] == moment(now)


def test_a_ping_comes_in_time() -> None:
    """Before a page says that the line may be dead, and that no later than a missing one is due."""
    script = (Path(__file__).parents[2] / "static/js/live/socket.js").read_text()
    quiet, silent = (
        int(re.search(rf"{name} = ([0-9_]+) // ms", script)[1]) / 1_000 for name in ("QUIET_AFTER", "SILENT_AFTER")
    )  # type: ignore[index]
    assert upkeep.PING < quiet < 2 * upkeep.PING < silent <= 15


async def test_too_many_topics_are_refused(connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "MOST_TOPICS", 2)
    await threaded(opens)("payments")
    ada = await connect()
    await ada.subscribe("wall")
    await ada.subscribe("alerts")
    id = await threaded(breaker_id)("payments")
    assert (await ada.subscribe(f"breaker:{id}"))["code"] == "too_many_topics"
    assert (await ada.subscribe("wall"))["op"] == "snapshot"
    await ada.send(op="unsubscribe", topic="alerts")
    assert (await ada.subscribe(f"breaker:{id}"))["op"] == "snapshot"


async def test_too_many_requests_end_the_socket(connect: Any) -> None:
    eve = await connect()
    for _ in range(consumers.OPS_AT_ONCE + 5):
        await eve.send(op="pause", topic="wall")
    assert await eve.closes() == 4429
    assert not hub.sockets


async def test_a_frame_that_is_too_long_ends_the_socket(connect: Any) -> None:
    eve = await connect()
    await eve.send(op="subscribe", topic="wall", filter="q=" + "x" * 16_384)
    assert await eve.closes() == 1009


async def test_too_many_sockets_are_refused(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "MOST_SOCKETS", 1)
    first = await connect()
    second: Client = await connect()
    assert await second.closes() == 4429
    assert (await first.subscribe("wall"))["op"] == "snapshot"


async def test_a_full_process_turns_new_ones_away(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await connect()
    monkeypatch.setattr(consumers, "MOST_IN_ALL", 1)
    with pytest.raises(Refused):
        await connect()
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(event: dict[str, Any]) -> None:
        said.append(event)

    scope = {
        "type": "websocket",
        "path": consumers.PATH,
        "headers": [(b"authorization", b"Bearer x")],
        "extensions": {"websocket.http.response": {}},
    }
    await consumers.live_application(scope, receive, send)
    assert [event.get("status") for event in said] == [503, None]
    # The others are not disturbed, and one that leaves makes room.
    assert (await ada.subscribe("wall"))["op"] == "snapshot"
    await ada.close()
    await connect()
