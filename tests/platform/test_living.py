"""One of several web processes shows that it lives; one that does not is started again, and the others are left alone."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from dashboard import living
from dashboard.supervising import Part
from dashboard.watching import DEAD_AFTER, Watch


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    yield read, write
    os.close(read)
    os.close(write)


class Process:
    """A web process as the watch sees it."""

    def __init__(self, name: str, signs: int | None) -> None:
        self.name, self.part = name, Part(name, [], {}, signs=signs)
        self.pid, self.age = os.getpid(), DEAD_AFTER + 40
        self.restarted: list[str] = []

    async def restart(self, reason: str) -> None:
        self.restarted.append(reason)


def test_life_is_shown_at_once_and_looked_at_once(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = pipe
    monkeypatch.setenv(living.VARIABLE, str(write))
    assert not living.has_shown(read)

    async def live() -> None:
        alive = asyncio.create_task(living.show_life())
        await asyncio.sleep(0)
        alive.cancel()

    asyncio.run(live())
    assert living.has_shown(read)
    assert not living.has_shown(read)


def test_nobody_reads_and_life_goes_on(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = pipe
    monkeypatch.setenv(living.VARIABLE, str(write))
    with suppress(BlockingIOError):
        while True:
            os.write(write, b"." * 65_536)

    async def live() -> None:
        alive = asyncio.create_task(living.show_life())
        await asyncio.sleep(0)
        assert not alive.done()
        alive.cancel()

    asyncio.run(live())
    assert living.has_shown(read)


def test_alone_it_has_nobody_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(living.VARIABLE, raising=False)
    asyncio.run(living.show_life())


def test_one_that_shows_no_life_is_started_again(pipe: tuple[int, int]) -> None:
    read, write = pipe
    other = os.pipe()
    os.set_blocking(other[0], False)
    well, ill, unwatched = Process("web-1", read), Process("web-2", other[0]), Process("demo", None)
    children: Any = {each.name: each for each in (well, ill, unwatched)}

    async def look() -> None:
        watch = Watch(children, "127.0.0.1", 1, None)
        watch._seen_at = dict.fromkeys(children, time.monotonic() - DEAD_AFTER - 40)
        os.write(write, b".")
        watch.hear_signs()
        for name, child in children.items():
            watch._judge(name, child)
        await asyncio.sleep(0)

    asyncio.run(look())
    for end in other:
        os.close(end)
    assert (well.restarted, unwatched.restarted) == ([], [])
    assert [reason.startswith("no sign of life for ") for reason in ill.restarted] == [True]
