"""The crew: the daemon threads of one reporter in one process.

They start at the first event and once more whenever they are found gone: after a fork, or
for a poller that had no breaker to ask for. Where no thread can start, at the end of the
process, the caller posts by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Callable

from breakerboard import process
from breakerboard.adapters.base import Adapter
from breakerboard.board import Board
from breakerboard.buffer import Buffer
from breakerboard.commanding import Applier, Commander, Order, Outcome, Poller
from breakerboard.events import ACTIONS, Event, stamp
from breakerboard.posting import Poster


class Crew:
    def __init__(
        self, board: Board, buffer: Buffer, adapters: Mapping[str, Adapter], redact: Callable[[str], str] | None
    ) -> None:
        self._settings = board.settings
        self._adapters = adapters
        self._starting = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._leaving = False
        self._releasing: set[str] = set()
        self.poster = Poster(board, buffer, self, redact)
        self.applier = Applier()
        self._commander = Commander(self._settings, buffer.instance, self._carry_out, self.poster.result)
        self._poller = Poller(board, buffer.instance, self._commander.take, lambda: bool(self._adapters))

    def wake(self) -> None:
        """Something is due. Called from hooks: it may start a thread, it never waits for one's work."""
        self._ensure()
        self.poster.wake()

    def flush(self, timeout_s: float, once: bool = False) -> bool:
        self._ensure()
        poster = self._threads.get("post")
        if poster is not None and poster.is_alive():
            return self.poster.hurry(timeout_s, once)
        return self.poster.post_all(min(timeout_s, self._settings.read_s))

    def leave(self) -> None:
        """Take no more orders."""
        self._leaving = True

    def stop(self) -> None:
        self._leaving = True
        self.poster.stop()
        self._poller.stop()

    def abandon(self) -> None:
        """In a forked child, where none of these threads lives: let go of their connections."""
        self.poster.abandon()
        self._poller.abandon()

    def beat_all(self) -> None:
        for adapter in list(self._adapters.values()):
            with suppress(Exception):  # a store that does not answer costs its own breaker's beat only
                adapter.beat()

    def beats_taken(self, events: list[Event]) -> None:
        for event in events:
            if adapter := self._adapters.get(event["breaker"]):
                adapter.beat_taken(event)

    def take_commands(self, commands: list[Any]) -> None:
        self._commander.take(commands)

    def look_at_leases(self) -> None:
        now = self._settings.now()
        for name, adapter in list(self._adapters.items()):
            override = adapter.overdue(now)
            if override is not None and name not in self._releasing:
                self._releasing.add(name)
                why = f"it ended at {stamp(override.until)} and no release came"
                self.applier.submit(name, partial(self._release, adapter, Order.of_lease(name, why)))

    def _release(self, adapter: Adapter, order: Order) -> None:
        try:
            adapter.apply(order)
        finally:
            self._releasing.discard(order.breaker)

    def _carry_out(self, order: Order, answer: Callable[[Outcome], None]) -> Outcome | None:
        adapter = self._adapters.get(order.breaker)
        if adapter is None:
            return Outcome(False, f"no breaker {order.breaker!r} is attached in this instance")
        if order.action not in adapter.actions:
            can = ", ".join(action for action in ACTIONS if action in adapter.actions)
            return Outcome(False, f"{adapter.library} {adapter.library_version} cannot {order.action}; it can: {can}")
        if self._leaving:
            return Outcome(False, "this instance is shutting down")
        self.applier.submit(order.breaker, lambda: answer(adapter.apply(order)))
        return None

    def _ensure(self) -> None:
        if self._leaving or not self._starting.acquire(blocking=False):
            return
        try:
            if not self._threads:
                process.flush_at_child_exit()
            self._start("post", self.poster.run)
            if self._adapters:
                self._start("poll", self._poller.run)
        except RuntimeError:
            return  # no thread can start, as at the end of the process: `flush` does without
        finally:
            self._starting.release()

    def _start(self, name: str, run: Callable[[], None]) -> None:
        thread = self._threads.get(name)
        if thread is None or not thread.is_alive():
            self._threads[name] = thread = threading.Thread(target=run, name=f"breakerboard-{name}", daemon=True)
            thread.start()
