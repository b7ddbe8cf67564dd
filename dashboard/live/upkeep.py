"""Upkeep: signs of life, sockets that can't keep up, and credentials that have ended."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from django.db import DatabaseError

from dashboard import doubting
from dashboard.live import credentials, snapshot
from dashboard.live.messages import DoubtsData, Event, Ping, Snapshot, event, moment
from dashboard.live.sockets import NO_ROLE, SIGNED_OUT, TOO_SLOW, Socket
from dashboard.live.topics import Cursor

if TYPE_CHECKING:
    from dashboard.live.hub import Hub

PING = 5.0  # s
WATCH = 0.5  # s between two looks at the busy ones
TOO_LONG = 2.0  # s busy, and a socket starts again with a snapshot
LOST = 20.0  # s busy, and it is closed
TIMED = 5.0  # s between two looks at what time alone changes
DOUBT = 5.0  # s between two looks at ourselves
SWEEP = 60.0  # s between two looks at all credentials
log = structlog.get_logger(__name__)


class Upkeep:
    """What the hub does for its sockets besides telling them changes."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._goodbyes: set[asyncio.Task[None]] = set()
        # The doubts that were told last, and since when the database could not be read.
        self._doubts: DoubtsData | None = None
        self._unreadable_since: datetime | None = None

    def duties(self) -> list[Coroutine[Any, Any, None]]:
        """The loops that run as long as the hub does."""
        return [
            self._every(PING, self.ping_all),
            self._every(WATCH, self.watch_busy),
            self._sweep(),
            self._watch_time(),
            self._watch_doubts(),
        ]

    def ping_all(self) -> None:
        """One ping to each socket that is not busy; those that are equally far share it.

        None while the board can't be read: the pages then say by themselves that what they show is old.
        """
        if self._hub.blind:
            return
        at, bus = moment(self._hub.clock()), "ok" if self._hub.bus.ok else "degraded"
        frames: dict[tuple[tuple[str, str], ...], Event] = {}
        for socket in list(self._hub.sockets):
            cursors = {name: str(place) for name, place in socket.paused.items()}
            for name, subscription in socket.subscriptions.items():
                cursors[name] = str(self._hub.sent_up_to(subscription))
            key = tuple(sorted(cursors.items()))
            if key not in frames:
                frames[key] = event(Ping(at, cursors, bus))
            socket.say(frames[key])

    def watch_busy(self) -> None:
        """Start those again that are busy for too long, and let go of those that are lost."""
        for socket in list(self._hub.sockets):
            busy_for = socket.busy_for()
            if busy_for > LOST:
                log.info("a socket took nothing for too long and is closed", owner=socket.identity.owner)
                self.close(socket, TOO_SLOW)
            elif busy_for > TOO_LONG:
                for subscription in socket.subscriptions.values():
                    subscription.forget()

    def close(self, socket: Socket, code: int) -> None:
        """Say goodbye to a socket; it leaves the hub at once."""
        self._hub.leave(socket)
        goodbye = asyncio.create_task(socket.close(code))
        self._goodbyes.add(goodbye)
        goodbye.add_done_callback(self._goodbyes.discard)

    def look_at(self, word: str) -> None:
        """`auth:user:<id>`, `auth:token:<id>`: are they still good? `auth:session:<hash of its key>`: it was signed out."""
        kind, _, name = word.removeprefix("auth:").partition(":")
        if kind == "session":
            for socket in list(self._hub.sockets):
                if name and socket.identity.session == name:
                    self.close(socket, SIGNED_OUT)
            return
        concerned = [socket for socket in self._hub.sockets if tuple(map(str, socket.identity.owner)) == (kind, name)]
        if concerned:
            check = asyncio.create_task(self.check(concerned))
            self._goodbyes.add(check)
            check.add_done_callback(self._goodbyes.discard)

    async def _watch_time(self) -> None:
        while True:
            await asyncio.sleep(TIMED)
            try:
                await self.follow_time()
            except Exception as error:
                log.warning("what time alone changes could not be read; trying again", error=str(error))

    async def follow_time(self) -> None:
        """Start views again in which breakers came or went by the time alone (`open>5m`): no change tells of those."""
        for view, where in self._hub.timed_views():
            members = await self._hub.reader.read(snapshot.members, where, self._hub.clock())
            view.roll.saw(map(str, members))
            if members != view.members:
                view.members = members
                view.start_again()

    async def _watch_doubts(self) -> None:
        while True:
            await asyncio.sleep(DOUBT)
            try:
                await self.follow_doubts()
            except Exception:
                log.exception("doubts could not be told; trying again")

    async def follow_doubts(self) -> None:
        """Tell every page what is ill with the board itself, where that changed. The database may be what is ill."""
        views, now = self._hub.views_of("doubts"), self._hub.clock()
        if not views:
            self._doubts = None
            return
        try:
            place, data = await self._hub.reader.read(snapshot.doubts, now, self._hub.bus_lost_at)
            self._unreadable_since, cursor = None, place.cursor
        except DatabaseError:
            self._unreadable_since = self._unreadable_since or now
            data = DoubtsData([doubting.doubt("database", self._unreadable_since)])
            cursor = self._hub.place.cursor if self._hub.place else Cursor("0", 0)
        if data == self._doubts:
            return
        self._doubts = data
        frame = event(Snapshot("doubts", str(cursor), data))
        for subscription in [one for view in views for one in list(view.subscriptions)]:
            if subscription.ready:
                subscription.open_with(frame, cursor)
            else:
                subscription.forget()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            await self.check(list(self._hub.sockets))

    async def check(self, sockets: Iterable[Socket]) -> None:
        """Close those whose credential is no longer good (4401) or lost its role (4403)."""
        identities = {socket.identity for socket in sockets}
        if not identities:
            return
        try:
            ended = await self._hub.reader.read(credentials.ended, identities, self._hub.clock())
        except DatabaseError as error:
            log.warning("credentials could not be checked; the next sweep does it", error=str(error))
            return
        for socket in sockets:
            if socket.identity in ended and socket in self._hub.sockets:
                self.close(socket, SIGNED_OUT if ended[socket.identity] else NO_ROLE)

    async def _every(self, seconds: float, duty: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                duty()
            except Exception:
                log.exception("upkeep failed; it goes on")
