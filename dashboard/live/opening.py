"""Opening: how a subscription starts. Its frames are held while this reads, so that nothing falls in between."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from msgspec import UNSET

from alerts.shapes import AlertView
from breakers.errors import NotFound
from breakers.models.fields import to_us
from breakers.queries import CardFilter
from breakers.queries.shapes import Card
from dashboard.live import snapshot
from dashboard.live.filters import AlertFilter, Filter
from dashboard.live.messages import AlertsData, Cell, Error, Event, Snapshot, WallData, event
from dashboard.live.snapshot import Place
from dashboard.live.topics import Cursor, Topic
from dashboard.live.views import Change, Counts, Subscription, View, news

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
        view = subscription.view
        await self._hub.baseline()
        await self._call_the_roll(view)
        place = await self._hub.baseline()
        # Whoever left before the roll was called is in no picture from here on.
        at_least = replace(place.cursor, version=max(place.cursor.version, view.roll.first))
        view.seen_event_id = view.seen_event_id or place.last_event_id
        resumed = await self._resumed(view, cursor, at_least) if cursor else None
        snapshot_ = None if resumed else await self._snapshot(view, subscription.limit, at_least)
        await subscription.socket.idle()
        if subscription.needs_snapshot:
            subscription.hold()
            return False
        if resumed and subscription.awaits(resumed[0]) and view.topic.kind == "breaker":
            # Its events would be counted twice, or not at all.
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
        known = view.place or (await self._hub.baseline()).cursor
        if view.topic.kind == "breaker":
            return await self._page_since(view, cursor)
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
        after, now = changes.place.cursor, to_us(self._hub.clock())
        told = view.changed_since(
            cursor.version, known.version, news(changes.cards), changes.removed, after.version, now
        )
        return None if told is None else (after, told, changes.counts.get(where, UNSET))

    async def _page_since(self, view: View, cursor: Cursor) -> Resumed:
        """A breaker's page with what came since a cursor; None where that is too long ago, or of another board."""
        now = self._hub.clock()
        # Ids are the microsecond of receipt.
        if cursor.event <= to_us(now - snapshot.FIRST_STRETCH):
            return None
        place, page = await self._hub.reader.read(snapshot.breaker, view.topic.breaker, cursor.event, now)
        here = place.of(view.topic)
        if cursor.epoch != here.epoch or cursor.version > here.version or cursor.event > here.event:
            return None
        news_of_it = page.version > cursor.version or page.new_events
        return place.of(view.topic), [Change(page.id, page.version, page)] if news_of_it else [], UNSET

    async def _call_the_roll(self, view: View) -> None:
        """Who stands behind a filter, before anybody is shown it."""
        if view.whole or view.roll.known or view.where is None:
            return
        place, inside = await self._hub.reader.read(snapshot.inside, view.where, self._hub.clock())
        if not view.roll.known:
            view.roll.begin(inside, place.cursor.version)

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
                if isinstance(data, WallData | AlertsData):
                    view.roll.saw(item.id for item in data.items if isinstance(item, Card | Cell | AlertView))
                frame = event(Snapshot(view.topic.name, str(place.of(view.topic)), data))
                built = self._built[key] = (loop.time(), place.of(view.topic), frame)
            return built[2], built[1]

    async def _read(self, view: View, limit: int) -> tuple[Place, object]:
        read, now = self._hub.reader.read, self._hub.clock()
        if isinstance(view.where, CardFilter):
            if view.topic.kind == "tally":
                return await read(snapshot.tally, now)
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
