"""The buffer: what was seen and not yet taken by the board.

Outcomes of one second add up to one event; state changes stand alone. An event gets its id
and its sequence when it is first taken to be posted, the oldest first: so numbers and times
are in one order, over all breakers, and posting it again is a duplicate. It holds `capacity`
events: full, it drops successes first, then the oldest counts, a state change never (of
thousands, the first and the last of each breaker stay), and counts what it dropped. A number
is left out for each event that is dropped, so that the board can tell that something is missing.

The lock is reentrant: a generator may be collected, and with it a guarded call end, in the
middle of any line here. That is why a dictionary is taken out before it is walked.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Callable, NamedTuple

from breakerboard.aggregate import MOST_COUNT, Aggregate, Key
from breakerboard.events import Event, Subject, clean, message_of, stamp
from breakerboard.settings import Settings

MOST_KEYS = 64  # kinds of outcome of one breaker in one second; more errors than that share one


class Seen(NamedTuple):
    """An event that waits for its number."""

    at: float
    event: Event


Rank = OrderedDict[int, Seen]  # by place, in the order in which they were put here


class Buffer:
    def __init__(self, settings: Settings, instance: str, wake: Callable[[], None]) -> None:
        self._settings = settings
        self._wake = wake
        self.reset(instance)

    def reset(self, instance: str) -> None:
        """Begin anew under another name, as a forked child does: what the parent saw is the parent's."""
        self._lock = threading.RLock()
        self.instance = instance
        self._run = os.urandom(8).hex()
        self._clock = (float("-inf"), 0.0)
        self._open: dict[Subject, dict[Key, Aggregate]] = {}
        self._successes: Rank = OrderedDict()
        self._counts: Rank = OrderedDict()
        self._singles: Rank = OrderedDict()
        self._beats: Rank = OrderedDict()
        self._beat_of: dict[str, int] = {}
        self._numbered: OrderedDict[int, tuple[int, Event]] = OrderedDict()  # by sequence, with their places
        self._place = 0
        self._sequence = 0
        self._numbered_at = float("-inf")
        self._left_out = 0
        self.due: float | None = None  # monotonic; None: nothing waits
        self.dropped = 0

    def outcome(
        self,
        subject: Subject,
        kind: str,
        duration_ms: float | None = None,
        error: BaseException | None = None,
        count: int = 1,
    ) -> None:
        at = self._now()
        second = int(at)
        key: Key = (kind, type(error).__name__ if error is not None else None, duration_ms is not None)
        known = self._open.get(subject, {}).get(key)
        # The message is read outside the lock: `__str__` is the host's code.
        message = message_of(error) if error is not None and (known is None or known.second != second) else None
        with self._lock:
            lane = self._open.setdefault(subject, {})
            if error is not None and key not in lane and len(lane) >= MOST_KEYS:
                key = (kind, "(other)", key[2])
            aggregate = lane.get(key)
            if aggregate is None or aggregate.second != second or aggregate.count + count > MOST_COUNT:
                if aggregate is not None:
                    self._seal(subject, key, aggregate)
                if message is None and known is not None:
                    message = known.message  # put into an event between the look above and the lock
                lane[key] = aggregate = Aggregate(at, second, message, key[2])
            aggregate.add(count, duration_ms)
            sooner = self.due is None and self._bring_forward(self._settings.second_s)
            if error is not None:
                if at - subject.last_error_at >= self._settings.quiet_s:
                    sooner = self._bring_forward(self._settings.gather_s) or sooner
                subject.last_error_at = at
        if sooner:
            self._wake()

    def single(self, subject: Subject, kind: str, fields: Event) -> None:
        """An event of its own, told at once, after the counts that led to it."""
        with self._lock:
            self._seal_all(subject)
            self._put(self._singles, subject, {"type": kind, **fields}, self._now())
            sooner = self._bring_forward(self._settings.gather_s)
        if sooner:
            self._wake()

    def beat(self, subject: Subject, fields: Event) -> None:
        """A heartbeat: it takes the place of one that is still waiting and was not posted yet."""
        with self._lock:
            self._beats.pop(self._beat_of.pop(subject.breaker, 0), None)
            place = self._put(self._beats, subject, {"type": "heartbeat", **fields}, self._now())
            if place in self._beats:  # else a full buffer had no room for it
                self._beat_of[subject.breaker] = place
            sooner = self._bring_forward(self._settings.gather_s)
        if sooner:
            self._wake()

    def mark(self) -> int:
        """The place of the last event, when all that was counted so far is put into events."""
        self.due = None
        for subject in list(self._open):
            with self._lock:  # for each breaker anew: a thousand of them must not make a call wait
                self._seal_all(subject)
        return self._place

    def take(self, limit: int, mark: int) -> list[tuple[int, Event]]:
        """The oldest events up to the mark, with their sequences. They stay here until they are `done`.

        What was taken before comes again before anything else. Only one thread takes at a time.
        """
        with self._lock:
            waiting = [] if self._numbered else [entry for rank in self._ranks() for entry in rank.items()]
        # Sorted outside the lock: ten thousand of them must not make a call wait.
        oldest = sorted((entry for entry in waiting if entry[0] <= mark), key=lambda entry: (entry[1].at, entry[0]))
        fresh = []
        with self._lock:
            for place, seen in oldest[:limit]:
                if self._remove(place):  # else it was dropped meanwhile
                    self._sequence += 1 + self._left_out
                    self._left_out = 0
                    self._numbered[self._sequence] = place, seen.event
                    fresh.append((self._sequence, seen))
        for sequence, seen in fresh:
            # What began while the last ones were taken can be older than they are, by that moment.
            self._numbered_at = max(self._numbered_at, seen.at)
            seen.event.update(id=f"{self._run}-{sequence}", sequence=sequence, occurred_at=stamp(self._numbered_at))
        with self._lock:
            taken = itertools.islice(self._numbered.items(), limit)
            return [(sequence, event) for sequence, (place, event) in taken if place <= mark]

    def done(self, batch: Iterable[tuple[int, Event]]) -> None:
        """The board has these, or will not have them."""
        with self._lock:
            for sequence, _ in batch:
                self._numbered.pop(sequence, None)

    def holds_up_to(self, mark: int) -> bool:
        with self._lock:
            numbered = any(place <= mark for place, _ in self._numbered.values())
            return numbered or any(next(iter(rank)) <= mark for rank in self._ranks() if rank)

    def __len__(self) -> int:
        return self._size() + sum(map(len, list(self._open.values())))

    def _ranks(self) -> tuple[Rank, Rank, Rank, Rank]:
        return self._successes, self._counts, self._singles, self._beats

    def _size(self) -> int:
        return len(self._numbered) + sum(map(len, self._ranks()))

    def _bring_forward(self, delay_s: float) -> bool:
        due = time.monotonic() + delay_s
        if self.due is not None and self.due <= due:
            return False
        self.due = due
        return True

    def _now(self) -> float:
        """The wall clock's time, never older than before: set back, it goes on at half its pace until it is right."""
        wall, steady = self._settings.now(), time.monotonic()
        last, then = self._clock
        at = max(wall, last + (steady - then) / 2)
        self._clock = at, steady
        return at

    def _seal_all(self, subject: Subject) -> None:
        for key, aggregate in self._open.pop(subject, {}).items():
            self._seal(subject, key, aggregate)

    def _seal(self, subject: Subject, key: Key, aggregate: Aggregate) -> None:
        rank = self._successes if key[0] == "success" else self._counts
        self._put(rank, subject, aggregate.event(key), aggregate.at)

    def _put(self, rank: Rank, subject: Subject, fields: dict[str, Any], at: float) -> int:
        self._place = place = self._place + 1
        about = {"breaker": subject.breaker, "dependency": subject.dependency, "instance": self.instance}
        rank[place] = Seen(at, {**about, **fields})
        self._trim()
        return place

    def _trim(self) -> None:
        while self._size() > self._settings.capacity:
            rank = self._successes or self._counts or self._beats
            if rank:
                self._lose(next(iter(rank)))
            elif not self._thin():
                return

    def _thin(self) -> bool:
        """Drop a tenth of the single events: the oldest between the first and the last of a breaker."""
        last = {seen.event["breaker"]: place for place, seen in self._singles.items()}
        met: set[str] = set()
        between, partings = [], []
        for place, (_, event) in self._singles.items():
            if event["breaker"] in met and place != last[event["breaker"]]:
                between.append(place)
            elif event["type"] != "state_change":
                partings.append(place)
            met.add(event["breaker"])
        lost = (between or partings)[: max(1, self._settings.capacity // 10)]
        for place in lost:
            self._lose(place)
        return bool(lost)

    def _lose(self, place: int) -> None:
        beat = place in self._beats
        seen = self._remove(place)
        if seen is not None and not beat:  # the next heartbeat says what a lost one said
            self.dropped += seen.event.get("count", 1)
            self._left_out += 1

    def _remove(self, place: int) -> Seen | None:
        for rank in self._ranks():
            seen = rank.pop(place, None)
            if seen is not None:
                if rank is self._beats:
                    self._beat_of.pop(seen.event["breaker"], None)
                return seen
        return None


def redacted(event: Event, redact: Callable[[str], str] | None) -> Event:
    """The event with its error's message passed through the host's function."""
    if redact is None or "error" not in event:
        return event
    try:
        message = clean(str(redact(event["error"]["message"])))
    except Exception as broken:
        message = f"(left out: the redact function raised {type(broken).__name__})"
    return {**event, "error": {**event["error"], "message": message}}
