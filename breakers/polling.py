"""Polling: services that wait for commands. One look at the database a second for all that wait, and a nudge at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog

from breakers import commanding
from breakers.bodies import Disconnected, Receive
from breakers.database_thread import DatabaseThreads
from breakers.errors import StoreUnavailable
from breakers.signals import Changes, breakers_changed

LOOK_EVERY = 1.0  # s; orders of other processes
# Of one service in one process: more than instances, and few enough that no key can take all connections.
MOST_WAITING = 2_000

log = structlog.get_logger(__name__)
Who = tuple[int, str]


class TooManyPolls(Exception):
    """The service has as many waiting polls as it may have."""


class Polls:
    """The long polls of one web process."""

    def __init__(self, threads: DatabaseThreads) -> None:
        self._threads = threads
        self._waiting: dict[Who, set[asyncio.Event]] = {}
        self._counts: Counter[int] = Counter()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to hear of orders."""
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._look = self._loop.create_task(self._look_often())
        breakers_changed.connect(self._hear, weak=False, dispatch_uid=self)

    def stop(self) -> None:
        """Answer every waiting poll with an empty list."""
        breakers_changed.disconnect(dispatch_uid=self)
        self._stopping.set()
        self._wake(list(self._waiting))
        if self._look is not None:
            self._look.cancel()

    async def wait(
        self, service_id: int, instance: str, seconds: int, receive: Receive, still: Callable[[], Awaitable[object]]
    ) -> list[dict[str, Any]]:
        """The commands that wait for the instance, at once or as soon as one is ordered; empty after `seconds`.

        `still` raises where the key is no longer good: a poll outlives it, what is ordered after it must not go out.
        Errors: Disconnected where the client went away, and nothing is handed to it then; TooManyPolls.
        """
        who = (service_id, instance)
        if self._counts[service_id] >= MOST_WAITING:
            raise TooManyPolls(f"the service has {MOST_WAITING:,} polls waiting; at most {MOST_WAITING:,} are taken")
        self._counts[service_id] += 1
        event = asyncio.Event()
        self._waiting.setdefault(who, set()).add(event)
        try:
            found = await self._fetch(who)
            if found or not seconds:
                return found
            await self._sleep(event, seconds, receive)
            if self._stopping.is_set():
                return []
            await still()
            return await self._fetch(who)
        finally:
            self._counts[service_id] -= 1
            events = self._waiting[who]
            events.discard(event)
            if not events:
                del self._waiting[who]

    async def _sleep(self, event: asyncio.Event, seconds: int, receive: Receive) -> None:
        """Until the event, the end of the time or the client's leaving."""
        woken = asyncio.ensure_future(event.wait())
        gone = asyncio.ensure_future(_gone(receive))
        try:
            done, _ = await asyncio.wait({woken, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            gone.cancel()
        if gone in done:
            raise Disconnected

    async def _fetch(self, who: Who) -> list[dict[str, Any]]:
        return await self._threads.run(commanding.fetch, *who, datetime.now(UTC))

    def _hear(self, sender: object, changes: Changes, **_: object) -> None:
        """An order of this process; called on any thread."""
        if changes.commands and self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake, list(changes.commands))

    def _wake(self, whom: list[Who]) -> None:
        for who in whom:
            for event in self._waiting.get(who, ()):
                event.set()

    async def _look_often(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if not self._waiting:
                continue
            try:
                self._wake(await self._threads.run(commanding.never_delivered, datetime.now(UTC)))
            except StoreUnavailable as error:
                log.warning("orders can't be looked for", error=str(error))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
