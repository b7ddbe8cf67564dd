"""The hub: one a process. It learns that the board moved, reads once what changed, and hands each view its frames.

Woken by this process's own commits, by the bus, and by a timer: each 5 s, each second while the bus is away.
The first change goes out at once; after it, at most one look at the board in 50 ms, and looking stays a small part of the time.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError
from msgspec import UNSET

from breakers.errors import NotFound
from breakers.models.fields import to_us
from breakers.queries import CardFilter
from dashboard.live import snapshot
from dashboard.live.bus import Listener
from dashboard.live.filters import AlertFilter, Filter, filter_of
from dashboard.live.messages import Subscribe
from dashboard.live.opening import Opener
from dashboard.live.reading import Reader
from dashboard.live.snapshot import Changes, Place
from dashboard.live.sockets import Socket
from dashboard.live.topics import Cursor, Topic, parse_cursor
from dashboard.live.upkeep import Upkeep
from dashboard.live.views import Change, Subscription, View, news, removed

TICK = 0.05  # s from one look at the board to the next
SAFETY = 5.0  # s, the longest without one
POLL = 1.0  # s, the longest without one while the bus is away, or after the database failed
# What was read is not read again for this many times as long as it took.
REST = 3
SLOW = 5.0  # s that a look may take; longer, and nobody is told any more that what they see is current
# More changed cards at once than this are told by snapshots.
MOST_CHANGES = 20_000

log = structlog.get_logger(__name__)


class Hub:
    """All sockets of this process, and the views that they share."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.sockets: set[Socket] = set()
        self.place: Place | None = None
        self._looking_since: float | None = None
        self._failing = False
        self._views: dict[tuple[Topic, Filter], View] = {}
        self._recount: set[CardFilter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen. Called by the server's lifespan, and by the first socket where there is none."""
        if self._loop is asyncio.get_running_loop():
            return
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._board_lock = asyncio.Lock()
        self.reader = Reader()
        self._opener = Opener(self)
        self.upkeep = Upkeep(self)
        self.bus = Listener(settings.REDIS_URL, self._hear, self._turn)
        for work in (self._watch_the_board(), self.bus.run(), *self.upkeep.duties()):
            self._spawn(work)

    async def stop(self) -> None:
        """End everything. The server closes the sockets itself (1012)."""
        if self._loop is None:
            return
        self._loop = None
        while self._tasks:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.wait(list(self._tasks), timeout=1)
        for socket in list(self.sockets):
            self.leave(socket)
        self._views, self.place = {}, None
        self._looking_since, self._failing = None, False
        await self.reader.close()

    def wake(self) -> None:
        """The board may have moved. From any thread; returns at once."""
        if self._loop is not None and not self._woken.is_set():
            self._call_soon(self._nudge)

    def hear(self, word: str) -> None:
        """A word of the bus, told in this process. From any thread; returns at once."""
        self._call_soon(self._hear, word)

    async def join(self, socket: Socket) -> None:
        """A connection was accepted."""
        await self.start()
        self.sockets.add(socket)

    def leave(self, socket: Socket) -> None:
        """A connection is over."""
        socket.leave()
        self.sockets.discard(socket)
        self._drop_empty_views()

    def subscribe(self, socket: Socket, topic: Topic, wish: Subscribe) -> None:
        """Join the view, with its frames held; read, send, and release those that are newer. Errors: Invalid (the filter)."""
        where = filter_of(topic, wish.filter or "", bound=socket.identity.query)
        self.unsubscribe(socket, topic)
        view = self._views.setdefault((topic, where), View(topic, where))
        cursor = parse_cursor(wish.cursor)
        subscription = Subscription(socket, view, wish.limit, cursor or Cursor("0", 0), self._opener.open)
        self._opener.open(subscription, cursor)

    def unsubscribe(self, socket: Socket, topic: Topic) -> None:
        """Leave the view, and forget that it was paused."""
        socket.paused.pop(topic.name, None)
        if subscription := socket.subscriptions.get(topic.name):
            subscription.end()
            self._drop_empty_views()

    def pause(self, socket: Socket, topic: Topic) -> None:
        """Leave the view, and remember up to where everything went out."""
        if subscription := socket.subscriptions.get(topic.name):
            sent = self.sent_up_to(subscription)
            self.unsubscribe(socket, topic)
            socket.paused[topic.name] = sent

    def sent_up_to(self, subscription: Subscription) -> Cursor:
        """Where this subscription may be resumed from without a gap."""
        view = subscription.view
        if self.place is None or not subscription.settled or view.dirty or view.refreshing:
            return subscription.place
        return self.place.of(view.topic)

    @property
    def bus_lost_at(self) -> datetime | None:
        """Since when this process hears nothing from Redis; None: it does, or is no server."""
        return self.bus.lost_at if self._loop is not None else None

    @property
    def blind(self) -> bool:
        """Whether the board can't be read now: a sign of life would say that all is well."""
        began = self._looking_since
        return self._failing or (began is not None and asyncio.get_running_loop().time() - began > SLOW)

    def views_of(self, kind: str) -> list[View]:
        """The views of one kind of topic."""
        return [view for view in self._views.values() if view.topic.kind == kind]

    def timed_views(self) -> list[tuple[View, CardFilter]]:
        """The views in which what matches changes with the time alone."""
        return [(v, v.where) for v in self._views.values() if isinstance(v.where, CardFilter) and v.where.is_timed]

    async def baseline(self) -> Place:
        """The place from which changes are told; every snapshot must be read after it was set."""
        async with self._board_lock:
            if self.place is None:
                self.place = await self.reader.read(snapshot.place)
            return self.place

    async def _watch_the_board(self) -> None:
        rest = SAFETY
        while True:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: Python 3.11's loses a cancellation that comes together with the result.
                async with asyncio.timeout(rest):
                    await self._woken.wait()
            self._woken.clear()
            began = self._looking_since = asyncio.get_running_loop().time()
            try:
                await self._look()
                rest, self._failing = SAFETY if self.bus.ok else POLL, False
            except DatabaseError as error:
                log.warning("the board could not be read; trying again", error=str(error))
                rest, self._failing = POLL, True
            except Exception:
                log.exception("a look at the board failed; trying again")
                rest, self._failing = POLL, True
            self._looking_since = None
            await self._rest(began)

    async def _look(self) -> None:
        """Read once what changed for all views, and tell each."""
        if not self._views:
            self.place = None
            return
        before = (await self.baseline()).cursor
        filters = {view.where for view in self._views.values() if isinstance(view.where, CardFilter)}
        recount, self._recount = self._recount & filters, set()
        changes = await self.reader.read(snapshot.changes, before, filters, self.clock(), limit=MOST_CHANGES)
        if recount and not changes.counts:
            changes.counts.update(await self.reader.read(snapshot.counts, recount, self.clock()))
        self._tell(before, changes, recount)

    def _tell(self, before: Cursor, changes: Changes, recount: set[CardFilter]) -> None:
        after = changes.place.cursor
        views = list(self._views.values())
        self.place = changes.place
        if changes.cards is None:
            for view in views:
                view.start_again()
            return
        cards = news(changes.cards)
        changed = {card.id for card in changes.cards} | set(changes.removed)
        now = to_us(self.clock())
        for view in views:
            if isinstance(view.where, CardFilter):
                counts = changes.counts.get(view.where)
                if counts is None and changed:
                    # It came while we read: its cards go out now, its counts with the next look.
                    self._recount.add(view.where)
                    self._woken.set()
                if not changed and view.where not in recount:
                    continue
                changed_here = view.changed(cards, changes.removed, after.version, now)
                view.publish(before, after, changed_here, UNSET if counts is None else counts)
            elif after != before and (view.topic.kind == "alerts" or view.topic.breaker in changed):
                view.place = view.place or before
                self._refresh_soon(view)
            elif view.topic.kind == "breaker":
                # Not changed: no event of it came up to here.
                view.seen_event_id = max(view.seen_event_id, changes.place.last_event_id)

    def _refresh_soon(self, view: View) -> None:
        view.dirty = True
        if not view.refreshing:
            view.refreshing = True
            self._spawn(self._refresh(view))

    async def _refresh(self, view: View) -> None:
        """Read a page and send it, as long as it changes; each read is followed by a rest, so that reading stays a small part."""
        try:
            while view.dirty and view.subscriptions:
                view.dirty = False
                began = asyncio.get_running_loop().time()
                try:
                    await (
                        self._publish_alerts(view) if isinstance(view.where, AlertFilter) else self._publish_page(view)
                    )
                except Exception:
                    log.exception("a page could not be read; trying again", topic=view.topic.name)
                    view.dirty = True
                    await asyncio.sleep(POLL)
                await self._rest(began)
        finally:
            view.refreshing = False

    async def _publish_alerts(self, view: View) -> None:
        if not isinstance(view.where, AlertFilter):
            return
        before = view.place or (await self.baseline()).cursor
        changes = await self.reader.read(snapshot.alert_changes, before, view.where)
        view.place = after = changes.place.cursor
        if changes.cards is None:
            view.start_again()
            return
        changed = view.changed(news(changes.cards), changes.removed, after.version, to_us(self.clock()))
        if changed:
            view.publish(before, after, changed, changes.counts.get(view.where, UNSET))

    async def _publish_page(self, view: View) -> None:
        here = await self.baseline()
        before, seen = here.cursor, view.seen_event_id or here.last_event_id
        try:
            place, page = await self.reader.read(snapshot.breaker, view.topic.breaker, seen, self.clock())
        except NotFound:
            view.publish(before, before, [removed(view.topic.breaker, before.version)])
            return
        view.seen_event_id = place.last_event_id
        view.publish(here.of(view.topic), place.of(view.topic), [Change(page.id, page.version, page)])

    async def _rest(self, began: float) -> None:
        took = asyncio.get_running_loop().time() - began
        await asyncio.sleep(max(TICK - took, REST * took))

    def _drop_empty_views(self) -> None:
        self._views = {key: view for key, view in self._views.items() if view.subscriptions}

    def _hear(self, word: str) -> None:
        if word.startswith("auth:"):
            self.upkeep.look_at(word)
        elif self.place is None or not word.isdigit() or int(word) > self.place.cursor.version:
            self._nudge()

    def _turn(self, ok: bool) -> None:
        self._nudge()
        self.upkeep.ping_all()

    def _nudge(self) -> None:
        self._woken.set()

    def _call_soon(self, call: Callable[..., None], *args: object) -> None:
        # The loop may be closing just now.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *args)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


hub = Hub()
