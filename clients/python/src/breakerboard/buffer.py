"""The buffer: what was seen and not yet taken by the board.

Outcomes of one second add up to one event; state changes stand alone. Each event gets its
id, sequence and time here, so that posting it again is a duplicate. It holds `capacity`
events: full, it drops successes first, then the oldest counts, a state change never (of
thousands, the first and the last of each breaker stay), and counts what it dropped.

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
from heapq import merge
from typing import Any, Callable

from breakerboard.aggregate import MOST_COUNT, Aggregate, Key
from breakerboard.events import Event, Subject, clean, message_of, stamp
from breakerboard.settings import Settings

MOST_KEYS = 64  # kinds of outcome of one breaker in one second; more errors than that share one

Rank = OrderedDict[int, Event]  # by sequence, oldest first


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
        self._sequence = itertools.count(int(time.time() * 1000))
        self._open: dict[Subject, dict[Key, Aggregate]] = {}
        self._successes: Rank = OrderedDict()
        self._counts: Rank = OrderedDict()
        self._singles: Rank = OrderedDict()
        self._beats: Rank = OrderedDict()
        self._beat_of: dict[str, int] = {}
        self._latest_at = 0.0
        self._last = 0
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
        at = self._settings.now()
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
            self._put(self._singles, subject, {"type": kind, **fields}, self._not_before_the_last())
            sooner = self._bring_forward(self._settings.gather_s)
        if sooner:
            self._wake()

    def beat(self, subject: Subject, fields: Event) -> None:
        """A heartbeat: it takes the place of one that is still waiting."""
        with self._lock:
            self._beats.pop(self._beat_of.pop(subject.breaker, 0), None)
            event = {"type": "heartbeat", **fields}
            sequence = self._put(self._beats, subject, event, self._not_before_the_last())
            if sequence in self._beats:  # else a full buffer had no room for it
                self._beat_of[subject.breaker] = sequence
            sooner = self._bring_forward(self._settings.gather_s)
        if sooner:
            self._wake()

    def mark(self) -> int:
        """The sequence of the last event, when all that was counted so far is put into events."""
        self.due = None
        for subject in list(self._open):
            with self._lock:  # for each breaker anew: a thousand of them must not make a call wait
                self._seal_all(subject)
        return self._last

    def take(self, limit: int, mark: int) -> list[tuple[int, Event]]:
        """The oldest events up to the mark, with their sequences. They stay here until they are `done`."""
        with self._lock:
            oldest = [list(itertools.islice(rank.items(), limit)) for rank in self._ranks()]
        ordered = merge(*oldest, key=lambda entry: entry[0])
        return [entry for entry in itertools.islice(ordered, limit) if entry[0] <= mark]

    def done(self, batch: Iterable[tuple[int, Event]]) -> None:
        """The board has these, or will not have them. One dropped while it was on its way was not lost."""
        with self._lock:
            for sequence, event in batch:
                held = [self._remove(rank, sequence) for rank in self._ranks()]
                if not any(held) and event["type"] != "heartbeat":
                    self.dropped -= event.get("count", 1)

    def holds_up_to(self, mark: int) -> bool:
        with self._lock:
            return any(next(iter(rank)) <= mark for rank in self._ranks() if rank)

    def __len__(self) -> int:
        return sum(map(len, self._ranks())) + sum(map(len, list(self._open.values())))

    def _ranks(self) -> tuple[Rank, Rank, Rank, Rank]:
        return self._successes, self._counts, self._singles, self._beats

    def _bring_forward(self, delay_s: float) -> bool:
        due = time.monotonic() + delay_s
        if self.due is not None and self.due <= due:
            return False
        self.due = due
        return True

    def _not_before_the_last(self) -> float:
        # A clock set back must not make a state older than the one before it.
        self._latest_at = max(self._latest_at, self._settings.now())
        return self._latest_at

    def _seal_all(self, subject: Subject) -> None:
        for key, aggregate in self._open.pop(subject, {}).items():
            self._seal(subject, key, aggregate)

    def _seal(self, subject: Subject, key: Key, aggregate: Aggregate) -> None:
        rank = self._successes if key[0] == "success" else self._counts
        self._put(rank, subject, aggregate.event(key), aggregate.at)

    def _put(self, rank: Rank, subject: Subject, fields: dict[str, Any], at: float) -> int:
        self._last = sequence = next(self._sequence)
        rank[sequence] = {
            "id": f"{self._run}-{sequence}",
            "breaker": subject.breaker,
            "dependency": subject.dependency,
            "instance": self.instance,
            "sequence": sequence,
            "occurred_at": stamp(at),
            **fields,
        }
        self._trim()
        return sequence

    def _trim(self) -> None:
        while sum(map(len, self._ranks())) > self._settings.capacity:
            rank = self._successes or self._counts or self._beats
            if rank:
                self._lose(rank, next(iter(rank)))
            elif not self._thin():
                return

    def _thin(self) -> bool:
        """Drop a tenth of the single events: the oldest between the first and the last of a breaker."""
        last = {event["breaker"]: sequence for sequence, event in self._singles.items()}
        seen: set[str] = set()
        between, partings = [], []
        for sequence, event in self._singles.items():
            if event["breaker"] in seen and sequence != last[event["breaker"]]:
                between.append(sequence)
            elif event["type"] != "state_change":
                partings.append(sequence)
            seen.add(event["breaker"])
        lost = (between or partings)[: max(1, self._settings.capacity // 10)]
        for sequence in lost:
            self._lose(self._singles, sequence)
        return bool(lost)

    def _lose(self, rank: Rank, sequence: int) -> None:
        event = self._remove(rank, sequence)
        if event is not None and rank is not self._beats:  # the next heartbeat says what a lost one said
            self.dropped += event.get("count", 1)

    def _remove(self, rank: Rank, sequence: int) -> Event | None:
        event = rank.pop(sequence, None)
        if event is not None and rank is self._beats:
            self._beat_of.pop(event["breaker"], None)
        return event


def redacted(event: Event, redact: Callable[[str], str] | None) -> Event:
    """The event with its error's message passed through the host's function."""
    if redact is None or "error" not in event:
        return event
    try:
        message = clean(str(redact(event["error"]["message"])))
    except Exception as broken:
        message = f"(left out: the redact function raised {type(broken).__name__})"
    return {**event, "error": {**event["error"], "message": message}}
