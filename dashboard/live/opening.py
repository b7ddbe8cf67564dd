"""Opening: how a subscription starts. Its frames are held while this reads, so that nothing falls in between."""

import asyncio
from typing import TYPE_CHECKING

import structlog
from msgspec import UNSET

from breakers.errors import NotFound
from breakers.models.fields import to_us
from breakers.queries import CardFilter
from dashboard.live import snapshot
from dashboard.live.filters import AlertFilter, Filter
from dashboard.live.messages import Error, Event, Snapshot, event
from dashboard.live.snapshot import Place
from dashboard.live.topics import Cursor, Topic
from dashboard.live.views import Change, Counts, Subscription, View, cells, matching, news, removed

if TYPE_CHECKING:
    from dashboard.live.hub import Hub

FRESH = 2.0  # s that a snapshot is handed to others, of a board that did not move
AGAIN = 1.0  # s between tries while the database can't be read
log = structlog.get_logger(__name__)

Key = tuple[Topic, Filter, int | Cursor]
Resumed = tuple[Cursor, list[Change], Counts] | None


class Opener:
    """Reads what subscriptions start from. Many that ask for the same snapshot share one read."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._built: dict[Key, tuple[float, Cursor, Event]] = {}
        self._told: dict[Key, tuple[float, Cursor, Resumed]] = {}
        self._building: dict[Key, asyncio.Lock] = {}

    def open(self, subscription: Subscription, cursor: Cursor | None = None) -> None:
        """Begin, or begin again, in a task of the socket."""
        subscription.socket.spawn(self._open(subscription, cursor))

    async def _open(self, subscription: Subscription, cursor: Cursor | None) -> None:
        told = False
        while subscription.active:
            try:
                if await self._try(subscription, cursor):
                    return
                cursor = None
            except NotFound as error:
                subscription.end()
                await self._say(subscription, Error("not_found", str(error), subscription.view.topic.name))
                return
            except Exception as error:
                log.warning("a snapshot could not be read; trying again", error=str(error))
                if not told:
                    told = True
                    sentence = "the board can't be read now; it is tried again each second"
                    await self._say(subscription, Error("unavailable", sentence, subscription.view.topic.name))
                await asyncio.sleep(AGAIN)

    async def _try(self, subscription: Subscription, cursor: Cursor | None) -> bool:
        """Send the start; False where too much changed meanwhile, and a newer one must be read."""
        view, place = subscription.view, await self._hub.baseline()
        view.seen_event_id = view.seen_event_id or place.last_event_id
        resumed = await self._resumed(view, cursor, place.cursor) if cursor else None
        snapshot_ = None if resumed else await self._snapshot(view, subscription.limit, place.cursor)
        await subscription.socket.idle()
        if subscription.needs_snapshot:
            subscription.hold()
            return False
        if subscription.active and resumed:
            subscription.resume_with(*resumed)
        elif subscription.active and snapshot_:
            subscription.open_with(*snapshot_)
        return True

    async def _resumed(self, view: View, cursor: Cursor, at_least: Cursor) -> Resumed:
        """What changed since a cursor. After a restart a thousand come back from the same place: one read tells them all."""
        key = (view.topic, view.where, cursor)
        loop = asyncio.get_running_loop()
        async with self._building.setdefault(key, asyncio.Lock()):
            self._forget_old(loop.time())
            known = self._told.get(key)
            if known is None or known[1].epoch != at_least.epoch or known[1].version < at_least.version:
                resumed = await self._changes(view, cursor)
                known = self._told[key] = (loop.time(), resumed[0] if resumed else at_least, resumed)
            return known[2]

    async def _changes(self, view: View, cursor: Cursor) -> Resumed:
        """What changed since a cursor; None where a snapshot tells it better."""
        read, where = self._hub.reader.read, view.where
        if isinstance(where, CardFilter):
            # What time alone made match has no version to resume from.
            if where.is_timed:
                return None
            changes = await read(snapshot.changes, cursor, {where}, self._hub.clock())
        elif isinstance(where, AlertFilter):
            changes = await read(snapshot.alert_changes, cursor, where)
        else:
            return None
        if changes.cards is None:
            return None
        after = changes.place.cursor
        gone = [removed(id, after.version) for id in changes.removed]
        told = cells if view.topic.kind == "cells" else matching
        return (
            after,
            told(where, news(changes.cards), to_us(self._hub.clock())) + gone,
            changes.counts.get(where, UNSET),
        )

    async def _snapshot(self, view: View, limit: int, at_least: Cursor) -> tuple[Event, Cursor]:
        """The snapshot's frame and its place: one that is just built where it is new enough, else a new one."""
        key = (view.topic, view.where, limit)
        loop = asyncio.get_running_loop()
        async with self._building.setdefault(key, asyncio.Lock()):
            self._forget_old(loop.time())
            timed = isinstance(view.where, CardFilter) and view.where.is_timed
            built = None if timed or view.topic.kind == "doubts" else self._built.get(key)
            if built is None or built[1].epoch != at_least.epoch or built[1].version < at_least.version:
                place, data = await self._read(view, limit)
                frame = event(Snapshot(view.topic.name, str(place.cursor), data))
                built = self._built[key] = (loop.time(), place.cursor, frame)
            return built[2], built[1]

    async def _read(self, view: View, limit: int) -> tuple[Place, object]:
        read, now = self._hub.reader.read, self._hub.clock()
        if isinstance(view.where, CardFilter):
            if view.topic.kind == "cells":
                return await read(snapshot.cells, view.where, now)
            return await read(snapshot.wall, view.where, limit, now)
        if isinstance(view.where, AlertFilter):
            return await read(snapshot.alerts, view.where, limit)
        if view.topic.kind == "doubts":
            return await read(snapshot.doubts, now, self._hub.bus_lost_at)
        return await read(snapshot.breaker, view.topic.breaker, None, now)

    def _forget_old(self, now: float) -> None:
        self._built = {key: built for key, built in self._built.items() if now - built[0] < FRESH}
        self._told = {key: told for key, told in self._told.items() if now - told[0] < FRESH}
        known = self._built.keys() | self._told.keys()
        self._building = {key: lock for key, lock in self._building.items() if lock.locked() or key in known}

    async def _say(self, subscription: Subscription, error: Error) -> None:
        await subscription.socket.idle()
        subscription.socket.say(event(error))
