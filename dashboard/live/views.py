"""Views: a topic with a filter. All subscriptions of a view share its frames, each serialised once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from alerts.shapes import AlertView
from breakers.queries import CardFilter
from breakers.queries.shapes import Card
from dashboard.live.filters import AlertFilter, Filter
from dashboard.live.messages import MOST_CARDS, BreakerData, Cell, Delta, Event, Removed, event, raw
from dashboard.live.rolls import Roll
from dashboard.live.sockets import Socket
from dashboard.live.topics import Cursor, Topic

# More changed cards than this waiting for a busy socket, and it gets a snapshot instead.
MOST_PENDING = 256

Counts = dict[str, int] | UnsetType
Told = tuple[Card | AlertView, "Change"]


@dataclass(frozen=True, slots=True)
class Change:
    """One card, alert or page at its newest; `body` is what the frame carries."""

    id: str
    version: int
    body: object

    def after(self, older: "Change | None") -> "Change":
        """This change in the place of one that never went out: only counts of new events add up."""
        if older is None or not isinstance(self.body, BreakerData) or not isinstance(older.body, BreakerData):
            return self
        new_events = self.body.new_events + older.body.new_events
        return Change(self.id, self.version, msgspec.structs.replace(self.body, new_events=new_events))


def removed(id: str, version: int) -> Change:
    """What stands for a thing that is gone, or matches no more."""
    return Change(id, version, Removed(id, version))


def news(cards: Iterable[Card | AlertView]) -> list[Told]:
    """Changed cards or alerts, each serialised once for all views."""
    return [(card, Change(card.id, card.version, raw(card))) for card in cards]


def deltas(
    topic: str, before: Cursor, after: Cursor, changes: Sequence[Change], counts: Counts
) -> Iterator[tuple[Event, Sequence[Change]]]:
    """Frames of at most 200 changes, each with the changes in it. Only the last moves the cursor to `after`."""
    for start in range(0, max(len(changes), 1), MOST_CARDS):
        chunk = changes[start : start + MOST_CARDS]
        last = start + MOST_CARDS >= len(changes)
        data: list[object] = [change.body for change in chunk]
        yield event(Delta(topic, str(after if last else before), data, counts)), chunk


class View:
    """Who looks at one topic through one filter."""

    def __init__(self, topic: Topic, where: Filter) -> None:
        self.topic = topic
        self.where = where
        self.subscriptions: set[Subscription] = set()
        # Of timed views: who was in it at the last look. None: nobody looked yet.
        self.members: frozenset[int] | None = None
        # Of views that are read on their own (breakers, alerts): up to where they were, and the newest event told of.
        self.place: Cursor | None = None
        self.seen_event_id = 0
        self.dirty = False
        self.refreshing = False
        # Where all match, and where nobody is told of, nobody leaves but by being deleted.
        self.whole = where in (None, CardFilter(), AlertFilter()) or topic.kind == "tally"
        self.roll = Roll()

    def changed(self, things: Iterable[Told], gone: Iterable[str], version: int, now: int) -> list[Change]:
        """What changed things mean here: those that match, and those that did until now. `now` in microseconds."""
        if self.topic.kind == "tally":
            return []
        if self.whole:
            return [self._body(thing, change) for thing, change in things] + [removed(id, version) for id in gone]
        found = []
        for thing, change in things:
            if self.roll.follow(thing.id, matches := self._matches(thing, now), thing.version):
                found.append(self._body(thing, change) if matches else removed(thing.id, thing.version))
            elif self._passed(thing, now):
                found.append(removed(thing.id, thing.version))
        return found + [removed(id, version) for id in gone if self.roll.follow(id, False, version)]

    def changed_since(
        self, since: int, newest: int, things: Sequence[Told], gone: Sequence[str], version: int, now: int
    ) -> list[Change] | None:
        """The same for who comes back from a version; None where it can't be known who left meanwhile.

        `newest`: up to where the roll was kept.
        """
        if self.whole:
            return self.changed(things, gone, version, now)
        matching = [(thing, change) for thing, change in things if self._matches(thing, now)]
        inside = {thing.id for thing, _ in matching}
        others = [(thing.id, thing.version) for thing, _ in things if thing.id not in inside]
        others += [(id, version) for id in gone]
        if others and not self.roll.reaches(since, newest):
            return None
        self.roll.saw(inside)
        left = [removed(id, at) for id, at in others if self.roll.had(id, since)]
        return [self._body(thing, change) for thing, change in matching] + left

    def _matches(self, thing: Card | AlertView, now: int) -> bool:
        where: Any = self.where
        return bool(where.matches(thing, now))

    def _passed(self, thing: Card | AlertView, now: int) -> bool:
        """Whether it came and went between two looks: somebody may have read the board just then."""
        if not isinstance(thing, Card):
            return False
        states = {span.state for span in thing.strip_15m} - {thing.state}
        return any(self._matches(msgspec.structs.replace(thing, state=state), now) for state in states)

    def _body(self, thing: Card | AlertView, change: Change) -> Change:
        # Of the cells of a large wall the state is all that they show.
        if self.topic.kind == "cells" and isinstance(thing, Card):
            return Change(thing.id, thing.version, Cell(thing.id, thing.version, thing.state))
        return change

    def publish(self, before: Cursor, after: Cursor, changes: Sequence[Change], counts: Counts = UNSET) -> None:
        """Send the changes to everyone who is ready for them, and let them wait for the others."""
        frames: list[tuple[Event, Sequence[Change]]] = []
        for subscription in list(self.subscriptions):
            if not subscription.ready:
                subscription.fold(after, changes, counts)
                continue
            frames = frames or list(deltas(self.topic.name, before, after, changes, counts))
            subscription.send(frames, after, counts)

    def start_again(self) -> None:
        """Nobody here can be told what changed one by one: a snapshot for each."""
        for subscription in list(self.subscriptions):
            subscription.forget()
            subscription.flush()


class Subscription:
    """One socket in one view: how far it is, and what waits for it."""

    def __init__(
        self, socket: Socket, view: View, limit: int, place: Cursor, ask: Callable[["Subscription"], None]
    ) -> None:
        self.socket = socket
        self.view = view
        self.limit = limit
        # Everything up to here went out.
        self.place = place
        # A snapshot or a resume is being read: changes wait until it is out.
        self.holding = True
        self.needs_snapshot = False
        self._ask = ask
        self._pending: dict[str, Change] = {}
        self._pending_place: Cursor | None = None
        self._counts: Counts = UNSET
        view.subscriptions.add(self)
        socket.subscriptions[view.topic.name] = self

    @property
    def ready(self) -> bool:
        """Whether a frame can go out at once."""
        return not (self.holding or self.needs_snapshot or self.socket.busy)

    @property
    def active(self) -> bool:
        """Whether it still is its socket's subscription."""
        return not self.socket.gone and self.socket.subscriptions.get(self.view.topic.name) is self

    @property
    def settled(self) -> bool:
        """Whether nothing waits: all that the view was told, this socket was sent."""
        return self.ready and self._pending_place is None

    def send(self, frames: Sequence[tuple[Event, Sequence[Change]]], after: Cursor, counts: Counts) -> None:
        """Write frames one after the other; what a busy socket can't take waits."""
        for number, (frame, _) in enumerate(frames):
            if self.socket.busy:
                for _, chunk in frames[number:]:
                    self.fold(after, chunk, counts)
                return
            self.socket.write(frame)
        self.place = after

    def fold(self, after: Cursor, changes: Sequence[Change], counts: Counts) -> None:
        """Let changes wait, the newest of each card."""
        if self.needs_snapshot:
            return
        self._pending_place = after
        self._counts = self._counts if counts is UNSET else counts
        for change in changes:
            self._pending[change.id] = change.after(self._pending.get(change.id))
        if len(self._pending) > MOST_PENDING:
            self.forget()

    def forget(self) -> None:
        """Too far behind: everything that waits is dropped for a snapshot."""
        self.needs_snapshot = True
        self._pending.clear()
        self._pending_place = None
        self._counts = UNSET

    def flush(self) -> None:
        """Send what waits, now that the socket takes frames again."""
        if self.holding or self.socket.busy:
            return
        if self.needs_snapshot:
            self.hold()
            self._ask(self)
            return
        if self._pending_place is None:
            return
        after, changes, counts = self._pending_place, list(self._pending.values()), self._counts
        self._pending, self._pending_place, self._counts = {}, None, UNSET
        self.send(list(deltas(self.view.topic.name, self.place, after, changes, counts)), after, counts)

    def awaits(self, place: Cursor) -> bool:
        """Whether something newer than a place waits."""
        return self._pending_place is not None and self._pending_place.version > place.version

    def hold(self) -> None:
        """From here on changes wait; they belong behind what is being read."""
        self.holding = True
        self.needs_snapshot = False

    def open_with(self, frame: Event, place: Cursor) -> None:
        """Send the snapshot, then what changed after it."""
        self._keep_after(place)
        self.socket.write(frame)
        self.place = place
        self.holding = False
        self.flush()

    def resume_with(self, place: Cursor, changes: Sequence[Change], counts: Counts) -> None:
        """Send what changed since the client's cursor (nothing, too), together with what changed after it."""
        self._keep_after(place)
        self._pending = {change.id: change for change in changes} | self._pending
        self._pending_place = self._pending_place or place
        self._counts = counts if self._counts is UNSET else self._counts
        self.holding = False
        self.flush()

    def end(self) -> None:
        """Leave the view."""
        self.view.subscriptions.discard(self)
        if self.socket.subscriptions.get(self.view.topic.name) is self:
            del self.socket.subscriptions[self.view.topic.name]

    def _keep_after(self, place: Cursor) -> None:
        if self._pending_place is None:
            return
        if self._pending_place.version <= place.version:
            self._pending, self._pending_place, self._counts = {}, None, UNSET
        else:
            self._pending = {id: change for id, change in self._pending.items() if change.version > place.version}
