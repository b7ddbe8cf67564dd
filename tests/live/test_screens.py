"""A screen's link at the socket: the wall and nothing else, and its end. The board's doubts about itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async as threaded
from django.conf import settings
from django.db import DatabaseError

from breakers.access import BOARD
from breakers.models import Board as BoardRow
from breakers.models import Pulse
from dashboard import screens
from dashboard.live import credentials, snapshot
from dashboard.live.hub import hub

ORIGIN = "http://127.0.0.1:8000"


async def made(query: str = "", at: datetime | None = None) -> Any:
    return await threaded(screens.make_link)(BOARD, "ops room", query, at=at or datetime.now(UTC))


def cookie_of(link: Any) -> str:
    return f"{settings.SCREEN_COOKIE_NAME}={link.address.rstrip('/').rpartition('/')[2]}"


async def test_a_screen_hears_of_the_wall_and_of_nothing_else(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    screen = await connect(token=None, cookie=cookie_of(await made()), origin=ORIGIN)
    assert [card["name"] for card in (await screen.subscribe("wall"))["data"]["items"]] == ["payments"]
    assert (await screen.subscribe("doubts"))["op"] == "snapshot"
    for topic in ("alerts", "breaker:1"):
        refused = await screen.subscribe(topic)
        assert (refused["op"], refused["code"]) == ("error", "not_allowed")
        assert refused["detail"] == f"a screen's link opens the wall only, not '{topic}'"


async def test_a_link_binds_what_its_socket_may_ask_for(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    await threaded(opens)("stock")
    screen = await connect(token=None, cookie=cookie_of(await made("name:stock")), origin=ORIGIN)
    for asked in ("", "query=name:payments", "q=payments", "service=orders", "state=open"):
        told = await screen.subscribe("wall", filter=asked)
        names = [card["name"] for card in told["data"]["items"]]
        assert names == ([] if "payments" in asked else ["stock"]), asked
        assert sum(told["data"]["counts"].values()) == len(names), asked
    cells = await screen.subscribe("cells", filter="")
    assert "payments" not in str(cells)
    # What changes elsewhere is not told either.
    await threaded(opens)("payments-two")
    frames = [await screen.hear("delta"), *await screen.heard()]
    assert all(frame.get("data") == [] for frame in frames), frames
    assert {sum(frame["counts"].values()) for frame in frames if "counts" in frame} <= {0, 1}


async def test_a_link_that_ended_is_signed_out_and_its_open_sockets_close(connect: Any, board: Any) -> None:
    link = await made(at=datetime.now(UTC) - timedelta(days=90, seconds=-3))
    screen = await connect(token=None, cookie=cookie_of(link), origin=ORIGIN)
    await screen.subscribe("wall")
    identity = next(iter(hub.sockets)).identity
    ended = await threaded(credentials.ended)([identity], datetime.now(UTC) + timedelta(seconds=4))
    assert ended == {identity: True}
    old = await made(at=datetime.now(UTC) - timedelta(days=90))
    over = await connect(token=None, cookie=cookie_of(old), origin=ORIGIN)
    assert await over.closes() == 4401


async def test_a_revoked_link_ends_its_sockets_at_once(connect: Any) -> None:
    link = await made()
    screen = await connect(token=None, cookie=cookie_of(link), origin=ORIGIN)
    await screen.subscribe("wall")
    await threaded(screens.revoke_link)(BOARD, link.row.pk, at=datetime.now(UTC))
    assert await screen.closes() == 4401
    again = await connect(token=None, cookie=cookie_of(link), origin=ORIGIN)
    assert await again.closes() == 4401


async def test_a_made_up_link_is_signed_out(connect: Any) -> None:
    nobody = await connect(token=None, cookie=f"{settings.SCREEN_COOKIE_NAME}={'x' * 43}", origin=ORIGIN)
    assert await nobody.closes() == 4401


async def test_a_doubt_comes_and_goes(connect: Any, board: Any) -> None:
    now = datetime.now(UTC)

    def beats(**parts: datetime) -> None:
        BoardRow.objects.update(listening_since=now - timedelta(hours=1), intake_pulse_at=now)
        for part in ("worker:evaluate", "worker:deliver", "beat"):
            Pulse.objects.update_or_create(part=part, defaults={"at": parts.get(part, now)})

    await threaded(beats)()
    ada = await connect()
    assert (await ada.subscribe("doubts"))["data"]["items"] == []
    await hub.upkeep.follow_doubts()
    assert (await ada.hear())["data"]["items"] == []
    await threaded(beats)(beat=now - timedelta(minutes=1))
    await hub.upkeep.follow_doubts()
    [doubt] = (await ada.hear("snapshot"))["data"]["items"]
    assert (doubt["id"], doubt["said"]) == ("beat", "the scheduler stands still")
    await hub.upkeep.follow_doubts()
    assert await ada.hears_nothing()
    await threaded(beats)()
    await hub.upkeep.follow_doubts()
    assert (await ada.hear("snapshot"))["data"]["items"] == []


async def test_a_database_that_can_not_be_read_is_a_doubt_too(
    connect: Any, board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await connect()
    await ada.subscribe("doubts")

    def fails(*_: object) -> None:
        raise DatabaseError("disk I/O error")

    monkeypatch.setattr(snapshot, "doubts", fails)
    await hub.upkeep.follow_doubts()
    assert [(one["id"], one["means"]) for one in (await ada.hear("snapshot"))["data"]["items"]] == [
        ("database", "what you see is old")
    ]
