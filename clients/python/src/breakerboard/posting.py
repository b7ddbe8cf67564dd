"""Posting: the thread that brings what is buffered to the board.

It sleeps until something is due, posts in batches, and keeps every event until the board
took it or refused it by name. While the board is away it waits with backoff; a wrong key is
tried again each minute. Results of commands follow the events that prove them.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from typing import Any, Callable, Protocol

from breakerboard.board import Answer, Backoff, Board, Unreachable
from breakerboard.buffer import Buffer, redacted
from breakerboard.events import Event

log = logging.getLogger("breakerboard")

NEVER = float("inf")

Batch = list[tuple[int, Event]]


class Host(Protocol):
    """What the poster asks of the reporter."""

    def beat_all(self) -> None:
        """Buffer a heartbeat of each breaker."""

    def look_at_leases(self) -> None:
        """Release what nobody released in time."""

    def beats_taken(self, events: list[Event]) -> None:
        """The board has these heartbeats."""

    def take_commands(self, commands: list[Any]) -> None:
        """Carry these out; at once, in threads of their own."""


class Poster:
    def __init__(self, board: Board, buffer: Buffer, host: Host, redact: Callable[[str], str] | None) -> None:
        self._board, self._buffer, self._host, self._redact = board, buffer, host, redact
        self._settings = board.settings
        self._connection = board.connection()
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put may interrupt itself: hooks use it
        self._backoff = Backoff(self._settings)
        self._limit = self._settings.batch
        self._results: deque[tuple[str, Event]] = deque()
        self._round = threading.Lock()
        self._settled = threading.Condition()
        self._not_before = 0.0
        self._hurried = self._stopped = self._unsent = False
        self.next_beat = time.monotonic() + self._settings.heartbeat_s
        self.counts = {"posts": 0, "failed_posts": 0, "sent": 0, "duplicates": 0, "refused": 0}
        self.trouble: str | None = None

    def run(self) -> None:
        while not self._stopped:
            self._sleep()
            try:
                if self._hurried or time.monotonic() >= self._next_round():
                    self.post_all()
                self._host.look_at_leases()
            except Exception:
                log.exception("Posting to the board went wrong; it goes on.")
                self._not_before = time.monotonic() + self._backoff.pause_s()
        self._connection.close()

    def wake(self) -> None:
        self._wakes.put(None)

    def stop(self) -> None:
        self._stopped = True
        self.wake()

    def abandon(self) -> None:
        self._connection.abandon()

    def result(self, command_id: str, body: Event) -> None:
        """Queue a command's result, behind the events buffered so far."""
        if all(command_id != waiting for waiting, _ in list(self._results)):
            self._results.append((command_id, body))
        self.wake()

    def hurry(self, timeout_s: float, once: bool) -> bool:
        """Have the thread post now, backoff or not; whether all that was seen by now is settled in time."""
        until = time.monotonic() + timeout_s
        mark = self._buffer.mark()
        failed = self.counts["failed_posts"]
        self._hurried = True
        self.wake()
        with self._settled:
            while self._waits(mark) and time.monotonic() < until:
                if once and self.counts["failed_posts"] > failed:
                    break
                self._settled.wait(until - time.monotonic())
        return not self._waits(mark)

    def post_all(self, read_s: float | None = None) -> bool:
        """Post all that is buffered, here and now; whether the board took it."""
        with self._round:
            self._hurried = False
            if time.monotonic() >= self.next_beat:
                self.next_beat = time.monotonic() + self._settings.heartbeat_s
                self._host.beat_all()
            results = len(self._results)  # the events that prove these are buffered already
            went = self._post_events(read_s or self._settings.read_s) and self._post_results(results)
        with self._settled:
            self._settled.notify_all()
        return went

    def _sleep(self) -> None:
        pause = max(0.0, self._next_round() - time.monotonic())
        try:
            # Leases are looked at as often as hearts beat, whatever else happens.
            self._wakes.get(timeout=min(pause, self._settings.heartbeat_s))
        except queue.Empty:
            return

    def _next_round(self) -> float:
        due = self._buffer.due
        waits = self._unsent or self._results
        first = 0.0 if waits else min(self.next_beat, NEVER if due is None else due)
        return max(first, self._not_before)

    def _waits(self, mark: int) -> bool:
        return self._buffer.holds_up_to(mark)

    def _post_events(self, read_s: float) -> bool:
        self._unsent = True
        mark = self._buffer.mark()  # what comes while this goes out adds up for the next round
        while batch := self._buffer.take(self._limit, mark):
            events = [redacted(event, self._redact) for _, event in batch]
            answer = self._ask("/api/v1/events", {"events": events}, read_s)
            if answer is None:
                return False
            if answer.ok:
                self._accepted(answer, batch)
            elif answer.status in (400, 413, 422):
                self._refused(answer, batch)
            else:
                self._later(f"the board answered {answer.status}", answer)
                return False
            with self._settled:
                self._settled.notify_all()
        self._unsent = False
        return True

    def _accepted(self, answer: Answer, batch: Batch) -> None:
        self._buffer.done(batch)
        self._fine()
        refused = answer.listed("rejected")
        if not refused:
            self._host.beats_taken([event for _, event in batch if event["type"] == "heartbeat"])
        duplicates = answer.body.get("duplicates", 0)
        self.counts["refused"] += len(refused)
        self.counts["duplicates"] += duplicates
        self.counts["sent"] += len(batch) - len(refused)
        self._limit = min(self._settings.batch, self._limit * 2)
        if refused:
            log.warning("The board refused %d of %d events, the first: %s", len(refused), len(batch), refused[0])
        if commands := answer.listed("commands"):
            self._host.take_commands(commands)

    def _refused(self, answer: Answer, batch: Batch) -> None:
        """Drop what is named; where nothing is, find it by halving."""
        named = {entry.get("index") for entry in answer.listed("rejected") if isinstance(entry, dict)}
        lost = [entry for index, entry in enumerate(batch) if index in named]
        if not lost and len(batch) == 1:
            lost = batch
        if lost:
            log.warning("The board refused %d events (%d): %s", len(lost), answer.status, answer.body.get("detail"))
            self.counts["refused"] += len(lost)
            self._buffer.done(lost)
        else:
            self._limit = max(1, len(batch) // 2)

    def _post_results(self, count: int) -> bool:
        for _ in range(count):
            command_id, body = self._results[0]
            answer = self._ask(f"/api/v1/commands/{command_id}/result", body, self._settings.read_s)
            if answer is None:
                return False
            if answer.status in (401, 403, 408, 425, 429) or answer.status >= 500:
                self._later(f"the board answered {answer.status}", answer)
                return False
            self._results.popleft()  # taken, or of no use to the board any more
        return True

    def _ask(self, path: str, body: Event, read_s: float) -> Answer | None:
        self.counts["posts"] += 1
        began = time.monotonic()
        try:
            return self._connection.post(path, body, read_s)
        except Unreachable as why:
            self._later(str(why), None, time.monotonic() - began)
            return None

    def _later(self, why: str, answer: Answer | None, took_s: float = 0.0) -> None:
        self.counts["failed_posts"] += 1
        self._not_before = time.monotonic() + self._backoff.pause_s(answer, took_s)
        if self.trouble is None:
            log.warning("Breakerboard at %s does not take events (%s); they are kept.", self._board.url, why)
        self.trouble = why

    def _fine(self) -> None:
        self._backoff.reset()
        if self.trouble is not None:
            log.info("Breakerboard at %s takes events again.", self._board.url)
        self.trouble = None
