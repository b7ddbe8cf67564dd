"""The cells of a large wall over the socket, and views in which the time alone moves breakers."""

from datetime import UTC, datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async as threaded

from dashboard.live.hub import hub
from tests.live.conftest import breaker_id


async def test_cells_tell_the_state_and_nothing_else(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments", "closed")
    await threaded(opens)("search")
    ada = await connect()
    snapshot = await ada.subscribe("cells")
    assert snapshot["data"]["counts"] == {"open": 1, "closed": 1}
    assert [set(cell) for cell in snapshot["data"]["items"]] == [{"id", "version", "state"}] * 2
    await threaded(opens)("payments", "open")
    delta = await ada.hear("delta")
    payments = await threaded(breaker_id)("payments")
    assert delta["data"] == [{"id": payments, "version": int(delta["cursor"].split(".")[1]), "state": "open"}]
    assert delta["counts"] == {"open": 2}


async def test_a_page_that_holds_the_cells_already_hears_what_changed_since(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments", "closed")
    cursor = (await (await connect()).subscribe("cells"))["cursor"]
    await threaded(opens)("payments", "open")
    resumed = await (await connect()).subscribe("cells", cursor=cursor)
    assert (resumed["op"], [cell["state"] for cell in resumed["data"]]) == ("delta", ["open"])


async def test_cells_leave_a_filtered_wall(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    ada = await connect()
    await ada.subscribe("cells", filter="query=state%3Aopen")
    await threaded(opens)("payments", "closed")
    assert [cell["removed"] for cell in (await ada.hear("delta"))["data"]] == [True]


async def test_the_query_language_filters_a_socket(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments", labels={"team": "ops"})
    await threaded(opens)("search", labels={"team": "web"})
    snapshot = await (await connect()).subscribe("wall", filter="query=label.team%3Aops")
    assert [card["name"] for card in snapshot["data"]["items"]] == ["payments"]
    wrong = await (await connect()).subscribe("wall", filter="query=sevice%3Ax")
    assert (wrong["op"], wrong["code"]) == ("error", "bad_filter")
    assert wrong["detail"].startswith("unknown field 'sevice'; expected one of state, service")


async def test_a_breaker_that_is_open_for_long_enough_appears_by_itself(
    connect: Any, opens: Any, monkeypatch: Any
) -> None:
    await threaded(opens)("payments")
    ada = await connect()
    snapshot = await ada.subscribe("wall", filter="query=open%3E5m")
    assert snapshot["data"]["items"] == []
    await hub.upkeep.follow_time()
    assert (await ada.hear())["data"]["items"] == []
    await hub.upkeep.follow_time()
    assert await ada.hears_nothing()
    monkeypatch.setattr(hub, "clock", lambda: datetime.now(UTC) + timedelta(minutes=6))
    await hub.upkeep.follow_time()
    later = await ada.hear()
    assert (later["op"], [card["name"] for card in later["data"]["items"]]) == ("snapshot", ["payments"])


async def test_what_time_moves_is_not_resumed(connect: Any, opens: Any) -> None:
    await threaded(opens)("payments")
    cursor = (await (await connect()).subscribe("wall", filter="query=open%3E5m"))["cursor"]
    assert (await (await connect()).subscribe("wall", filter="query=open%3E5m", cursor=cursor))["op"] == "snapshot"
    plain = (await (await connect()).subscribe("wall", filter="query=state%3Aopen"))["cursor"]
    assert (await (await connect()).subscribe("wall", filter="query=state%3Aopen", cursor=plain))["op"] == "delta"
