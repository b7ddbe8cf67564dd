"""Behind a filter: only those that stood there are told to have left, and the tally tells numbers alone."""

from typing import Any

from asgiref.sync import sync_to_async as threaded

from breakers.models import Breaker
from tests.live.test_resume import seen_by_the_hub


def told(frame: dict[str, Any], names: dict[str, str]) -> list[tuple[str, bool]]:
    """(name, whether it left) of each change of a frame."""
    return sorted((names[one["id"]], one.get("removed", False)) for one in frame["data"])


def says(post: Any, name: str, state: str = "open", service: str = "orders") -> None:
    """A breaker says that it changed."""
    post({"type": "state_change", "breaker": name, "to_state": state}, service=service)


async def names() -> dict[str, str]:
    """{id: name}"""
    return await threaded(lambda: {str(row.pk): row.name for row in Breaker.objects.all()})()


async def test_who_never_matched_is_not_told_to_have_left(connect: Any, post: Any) -> None:
    for name in ("payments", "search"):
        await threaded(says)(post, name, "closed")
    await threaded(says)(post, "pay", "closed", service="other")
    socket = await connect()
    first = await socket.subscribe("wall", filter="state=open")
    assert first["data"]["items"] == []
    await threaded(says)(post, "search", "half_open")
    await seen_by_the_hub()
    assert (await socket.hear("delta"))["data"] == []
    await threaded(says)(post, "payments", "open")
    assert told(await socket.hear("delta"), await names()) == [("payments", False)]
    # Now it has matched, and is told when it leaves: once.
    await threaded(says)(post, "payments", "closed")
    assert told(await socket.hear("delta"), await names()) == [("payments", True)]
    await threaded(says)(post, "payments", "half_open")
    await seen_by_the_hub()
    assert [told(frame, await names()) for frame in await socket.heard()] == [[("payments", True)]]


async def test_other_services_are_not_told_of(connect: Any, post: Any) -> None:
    await threaded(says)(post, "payments")
    await threaded(says)(post, "search", service="eve")
    socket = await connect()
    await socket.subscribe("wall", filter="service=orders")
    await threaded(says)(post, "search", "closed", service="eve")
    assert (await socket.hear("delta"))["data"] == []
    await threaded(says)(post, "payments", "closed")
    assert told(await socket.hear("delta"), await names()) == [("payments", False)]


async def test_what_came_and_went_between_two_looks_is_told(connect: Any, post: Any) -> None:
    """Somebody may have read the board while it was open."""
    await threaded(says)(post, "payments", "closed")
    socket = await connect()
    await socket.subscribe("wall", filter="state=open")
    await threaded(lambda: (says(post, "payments"), says(post, "payments", "closed")))()
    seen = []
    while ("payments", True) not in seen:
        seen += told(await socket.hear("delta"), await names())
    assert ("payments", True) in seen


async def test_coming_back_only_those_who_left_are_told_so(connect: Any, post: Any) -> None:
    await threaded(says)(post, "payments")
    await threaded(says)(post, "search", "closed")
    stays, leaves = await connect(), await connect()
    await stays.subscribe("wall", filter="state=open")
    cursor = (await leaves.subscribe("wall", filter="state=open"))["cursor"]
    await threaded(says)(post, "search", "half_open")
    await threaded(says)(post, "payments", "closed")
    await seen_by_the_hub()
    resumed = await (await connect()).subscribe("wall", filter="state=open", cursor=cursor)
    assert (resumed["op"], told(resumed, await names())) == ("delta", [("payments", True)])


async def test_where_it_is_not_known_who_left_the_whole_picture_is_told(connect: Any, post: Any) -> None:
    await threaded(says)(post, "payments")
    socket = await connect()
    cursor = (await socket.subscribe("wall", filter="state=open"))["cursor"]
    await socket.close()
    await threaded(says)(post, "payments", "closed")
    again = await (await connect()).subscribe("wall", filter="state=open", cursor=cursor)
    assert (again["op"], again["data"]["items"], again["data"]["counts"]) == ("snapshot", [], {})


async def test_the_tally_tells_numbers_of_all_and_no_breaker(connect: Any, post: Any) -> None:
    await threaded(says)(post, "payments")
    await threaded(says)(post, "search", "closed")
    socket = await connect()
    first = await socket.subscribe("tally")
    assert first["data"] == {"counts": {"open": 1, "closed": 1}, "items": []}
    await threaded(says)(post, "search", "half_open")
    news = await socket.hear("delta")
    assert (news["data"], news["counts"]) == ([], {"open": 1, "half_open": 1})
    resumed = await (await connect()).subscribe("tally", cursor=first["cursor"])
    assert (resumed["op"], resumed["counts"]) == ("delta", {"open": 1, "half_open": 1})
