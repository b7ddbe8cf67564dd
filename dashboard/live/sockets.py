"""Sockets: one browser each. A frame is handed over in place; a socket that can't take it holds up nobody but itself.

While a socket is busy its changes wait as one card each, the newest; too many of them, or too long, and they are
forgotten for a fresh snapshot. So what a stuck client costs is bounded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

import structlog

from dashboard.live.credentials import Identity
from dashboard.live.messages import Event
from dashboard.live.topics import Cursor

if TYPE_CHECKING:
    from dashboard.live.views import Subscription

Send = Callable[[Event], Coroutine[Any, Any, None]]
log = structlog.get_logger(__name__)

TOO_SLOW = 1013
SIGNED_OUT = 4401
NO_ROLE = 4403
TOO_MANY = 4429
CLOSING_TIME = 5.0  # s, for the close frame itself


class Socket:
    """One accepted connection. Everything here happens on the hub's event loop."""

    def __init__(self, send: Send, identity: Identity, abort: Callable[[], None] = lambda: None) -> None:
        self.identity = identity
        self.subscriptions: dict[str, Subscription] = {}
        # Topics that the client paused, and up to where everything went out.
        self.paused: dict[str, Cursor] = {}
        self.busy_since: float | None = None
        self.gone = False
        self._send = send
        self._abort = abort
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a frame is still on its way, or none can go any more."""
        return self.gone or self.busy_since is not None

    def busy_for(self) -> float:
        """Seconds since the frame on its way was handed over; 0 when there is none."""
        return 0.0 if self.busy_since is None else asyncio.get_running_loop().time() - self.busy_since

    def write(self, event: Event) -> None:
        """Hand over one frame; only to a socket that is not busy.

        The send is stepped in place: most end there, with no task and no switch. The rest goes on in a task of its own.
        """
        sending = self._send(event)
        try:
            waiting = sending.send(None)
        except StopIteration:
            return
        except Exception:
            log.debug("a frame for a socket that is closing", exc_info=True)
            self.gone = True
            return
        self.busy_since = asyncio.get_running_loop().time()
        self._idle.clear()
        self._sending = self.spawn(self._finish(_Rest(sending, waiting)))

    def say(self, event: Event) -> None:
        """A frame outside any topic (ping, error): skipped when the socket is busy, as it would say nothing new later."""
        if not self.busy:
            self.write(event)

    async def idle(self) -> None:
        """Wait until a frame can be handed over, or never can be."""
        await self._idle.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something for this socket, until it ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, code: int) -> None:
        """Say goodbye; a client that does not even take that is cut off."""
        self.leave()
        if self._sending is not None:
            self._sending.cancel()
        closing = {"type": "websocket.close", "code": code}
        try:
            async with asyncio.timeout(CLOSING_TIME):
                await self._send(closing)  # type: ignore[arg-type]
        except Exception:
            log.debug("a socket that could not be closed in time", exc_info=True)
            self._abort()

    def leave(self) -> None:
        """End every subscription and all work; nothing is sent from now on."""
        self.gone = True
        for subscription in list(self.subscriptions.values()):
            subscription.end()
        for task in list(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        self._idle.set()

    async def _finish(self, rest: Awaitable[None]) -> None:
        try:
            await rest
        except Exception:
            log.debug("a socket that went while a frame was on its way", exc_info=True)
            self.gone = True
        self.busy_since = None
        self._idle.set()
        for subscription in list(self.subscriptions.values()):
            if self.busy:
                return
            subscription.flush()


class _Rest:
    """What is left of a coroutine that was stepped once: awaited, it goes on from there."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waiting: object) -> None:
        self._coroutine = coroutine
        self._waiting = waiting

    def __await__(self) -> Generator[Any, Any, None]:
        waiting = self._waiting
        try:
            while True:
                try:
                    value = yield waiting
                except BaseException as error:
                    waiting = self._coroutine.throw(error)
                else:
                    waiting = self._coroutine.send(value)
        except StopIteration:
            return
