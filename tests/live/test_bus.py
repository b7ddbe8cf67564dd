"""Changes made in another process arrive by the bus; without it they are polled, and nothing waits for it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async as threaded

from breakers.models import ApiToken
from dashboard.live import broadcasts
from dashboard.live import bus as bus_module
from dashboard.live.bus import Sender
from dashboard.live.hub import hub
from tests.live.clients import LIMIT, Client, until
from tests.servers import Server, valkey_server


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Any:
    """A Valkey of this test's own, which it may kill."""
    with valkey_server(Path(tmp_path_factory.mktemp("bus"))) as server:
        settings.REDIS_URL = server.url
        yield server


@pytest.fixture
def elsewhere(redis_server: Server, board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits in this process go unheard by its own hub, as if another process made them; the bus tells them."""
    monkeypatch.setattr(hub, "wake", lambda: None)
    monkeypatch.setattr(hub, "hear", lambda word: None)
    monkeypatch.setattr(broadcasts, "sender", Sender(redis_server.url))


@pytest.fixture
async def heard(elsewhere: None, connect: Callable[..., Any]) -> Callable[..., Any]:
    """Open a socket that looks at the wall, with the bus up."""

    async def heard() -> Client:
        client: Client = await connect()
        await client.subscribe("wall")
        await until(lambda: hub.bus.ok, "the bus")
        return client

    return heard


async def says(client: Client, bus: str) -> None:
    """Until a ping says this of the bus: one may have been under way before."""
    async with asyncio.timeout(LIMIT):
        while (await client.hear("ping"))["bus"] != bus:
            pass


@pytest.mark.alone
async def test_another_process_is_heard_at_once(heard: Any, opens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.live.hub.SAFETY", 60)
    ada = await heard()
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await threaded(opens)("payments")
    assert [card["name"] for card in (await ada.hear("delta"))["data"]] == ["payments"]
    assert time.monotonic() - began < 1.0


async def test_a_sign_out_elsewhere_closes_sockets_here(heard: Any) -> None:
    ada = await heard()
    [socket] = hub.sockets
    await threaded(lambda: ApiToken.objects.all().delete())()
    broadcasts.sender.say(f"auth:token:{socket.identity.token_id}")
    assert await ada.closes() == 4401


@pytest.mark.alone
@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_without_the_bus_changes_are_polled(
    heard: Any, opens: Any, redis_server: Server, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "SILENCE", 0.3)
    ada = await heard()
    getattr(redis_server, how)()
    await says(ada, "degraded")
    began = time.monotonic()
    await threaded(opens)("payments")
    assert time.monotonic() - began < 0.5, "a commit waited for the bus"
    assert [card["name"] for card in (await ada.hear("delta"))["data"]] == ["payments"]


async def test_the_bus_comes_back(
    heard: Any, opens: Any, redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "SILENCE", 0.3)
    ada = await heard()
    redis_server.freeze()
    await says(ada, "degraded")
    await threaded(opens)("payments")
    await ada.hear("delta")
    redis_server.thaw()
    await says(ada, "ok")
    await threaded(opens)("search")
    assert [card["name"] for card in (await ada.hear("delta"))["data"]] == ["search"]


@pytest.mark.alone
def test_the_sender_says_the_newest_version_when_it_can_again(
    redis_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "REST", 0.05)
    monkeypatch.setattr(bus_module, "TIME_LIMIT", 0.2)
    sender = Sender(redis_server.url)
    listener = redis.Redis.from_url(redis_server.url)
    line = listener.pubsub(ignore_subscribe_messages=True)
    line.subscribe(bus_module.CHANNEL)
    line.get_message(timeout=1)
    redis_server.freeze()
    for version in (7, 9, 8):
        began = time.monotonic()
        sender.say_version(version)
        assert time.monotonic() - began < 0.1
        time.sleep(0.1)
    sender.say("auth:user:1")
    redis_server.thaw()
    words: list[bytes] = []
    end = time.monotonic() + 5
    while time.monotonic() < end and not {b"9", b"auth:user:1"} <= set(words):
        if message := line.get_message(timeout=0.1):
            words.append(message["data"])
    assert [word for word in words if word.isdigit()][-1] == b"9"
    assert b"auth:user:1" in words
    line.close()
    listener.close()
