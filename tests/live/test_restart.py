"""A restart with a thousand clients: all come back from where they were, and the database hardly notices."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import sync_to_async as threaded

from breakers import keys
from breakers.access import BOARD, Role
from dashboard.live import snapshot
from dashboard.live.consumers import MOST_SOCKETS
from dashboard.live.hub import hub
from tests.live.test_resume import seen_by_the_hub

CLIENTS = 1_000


def tokens() -> list[str]:
    """As many as a thousand sockets need."""
    added = [
        keys.add_token(BOARD, f"wall-{number}", Role.VIEWER, at=datetime.now(UTC)).token
        for number in range(CLIENTS // MOST_SOCKETS)
    ]
    return [token for token in added if token]


@pytest.mark.timeout(120)
async def test_a_thousand_come_back_without_a_gap_by_a_few_reads(
    connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("payments", "search"):
        await threaded(opens)(name, "closed")
    cursor = (await (await connect()).subscribe("wall"))["cursor"]
    await threaded(opens)("payments", "open")
    await hub.stop()
    await hub.start()
    reads: Counter[str] = Counter()
    for name in ("changes", "wall"):
        read = getattr(snapshot, name)
        monkeypatch.setattr(
            snapshot,
            name,
            lambda *words, name=name, read=read, **more: (reads.update([name]), read(*words, **more))[1],
        )
    several = (await threaded(tokens)()) * MOST_SOCKETS
    clients = [await connect(token=token) for token in several]

    async def comes_back(client: Any) -> dict[str, Any]:
        frame: dict[str, Any] = await client.subscribe("wall", cursor=cursor)
        return frame

    frames = await asyncio.gather(*map(comes_back, clients))
    assert Counter(
        (frame["op"], tuple((card["name"], card["state"]) for card in frame["data"])) for frame in frames
    ) == {("delta", (("payments", "open"),)): CLIENTS}
    assert reads["wall"] == 0
    # One for all that come at once; the hub's own looks are among them.
    assert reads["changes"] <= 20
    await threaded(opens)("search", "open")
    heard = await asyncio.gather(*(client.hear("delta") for client in clients))
    assert Counter(card["name"] for frame in heard for card in frame["data"]) == {"search": CLIENTS}


async def test_they_start_anew_by_one_read_where_too_much_changed(
    connect: Any, opens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await threaded(opens)("payments", "closed")
    cursor = (await (await connect()).subscribe("wall"))["cursor"]
    monkeypatch.setattr(snapshot.changes, "__kwdefaults__", {"limit": 1})
    for name in ("a", "b"):
        await threaded(opens)(name)
    await seen_by_the_hub()
    read, reads = snapshot.wall, []
    monkeypatch.setattr(snapshot, "wall", lambda *words: reads.append(words) or read(*words))
    clients = [await connect() for _ in range(10)]
    frames = await asyncio.gather(*(client.subscribe("wall", cursor=cursor) for client in clients))
    assert {frame["op"] for frame in frames} == {"snapshot"}
    assert len(reads) == 1
