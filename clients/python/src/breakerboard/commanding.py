"""Commanding: what the board orders, taken once and answered always.

Commands come by a long poll and in the answers to posts, possibly twice. The last 1,000 ids
are remembered: a second delivery gets the first one's result. An expired command, one for a
breaker not known here and an unknown action are refused with a sentence.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import quote

from breakerboard.board import Backoff, Board, Unreachable
from breakerboard.events import ACTIONS, Event, moment_of, stamp
from breakerboard.settings import Settings

log = logging.getLogger("breakerboard")


@dataclass(frozen=True)
class Order:
    """One command, as an adapter sees it. `until` is the end of the lease, in epoch seconds."""

    id: str
    breaker: str
    action: str
    reason: str
    requested_by: str
    expires_at: float | None
    until: float | None

    @classmethod
    def read(cls, command: Event) -> Order:
        return cls(
            id=str(command["id"]),
            breaker=str(command.get("breaker", "")),
            action=str(command.get("action", "")),
            reason=str(command.get("reason") or ""),
            requested_by=str(command.get("requested_by") or ""),
            expires_at=moment_of(command.get("expires_at")),
            until=moment_of(command.get("until")),
        )

    @classmethod
    def of_lease(cls, breaker: str, why: str) -> Order:
        """The release that an override gives itself."""
        return cls("", breaker, "release", why, "lease", None, None)

    @property
    def text(self) -> str:
        told = f"{self.action} ordered by {self.requested_by or 'the board'}"
        return f"{told}: {self.reason}" if self.reason else told


@dataclass(frozen=True)
class Outcome:
    applied: bool
    detail: str

    def body(self, instance: str) -> Event:
        return {"instance": instance, "status": "applied" if self.applied else "failed", "detail": self.detail}


class Commander:
    """Takes each command once. `carry_out(order, answer)` hands an order to its breaker, or says why not."""

    def __init__(
        self,
        settings: Settings,
        instance: str,
        carry_out: Callable[[Order, Callable[[Outcome], None]], Outcome | None],
        report: Callable[[str, Event], None],
    ) -> None:
        self._settings, self._instance = settings, instance
        self._carry_out, self._report = carry_out, report
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Outcome | None] = OrderedDict()  # None: being applied

    def take(self, commands: list[Any]) -> None:
        for command in commands:
            if isinstance(command, dict) and command.get("id") and self._is_ours(command):
                self._take(Order.read(command))

    def _is_ours(self, command: Event) -> bool:
        return command.get("instance") in (None, self._instance)

    def _take(self, order: Order) -> None:
        with self._lock:
            seen = order.id in self._known
            outcome = self._known.setdefault(order.id, None)
            while len(self._known) > self._settings.remembered:
                self._known.popitem(last=False)
        if not seen:
            outcome = self._refusal(order) or self._carry_out(order, lambda result: self._settle(order, result))
        if outcome is not None:
            self._settle(order, outcome)

    def _refusal(self, order: Order) -> Outcome | None:
        if order.expires_at is not None and self._settings.now() > order.expires_at:
            return Outcome(False, f"the command expired at {stamp(order.expires_at)}, before it came here")
        if order.action not in ACTIONS:
            return Outcome(False, f"this client does not know the action {order.action!r}")
        return None

    def _settle(self, order: Order, outcome: Outcome) -> None:
        with self._lock:
            self._known[order.id] = outcome
        self._report(order.id, outcome.body(self._instance))


class Poller:
    """The long poll: asks the board for commands for as long as there are breakers."""

    def __init__(self, board: Board, instance: str, take: Callable[[list[Any]], None], wanted: Callable[[], bool]):
        self._settings = board.settings
        self._connection = board.connection()
        self._path = f"/api/v1/commands?instance={quote(instance, safe='')}&wait={board.settings.poll_s:g}"
        self._take, self._wanted = take, wanted
        self._backoff = Backoff(board.settings)
        self._stop = threading.Event()

    def run(self) -> None:
        while self._wanted() and not self._stop.is_set():
            self._stop.wait(self._poll())
        self._connection.close()

    def stop(self) -> None:
        self._stop.set()
        self._connection.abort()

    def abandon(self) -> None:
        self._connection.abandon()

    def _poll(self) -> float:
        """One poll; how long to wait before the next."""
        began = time.monotonic()
        try:
            answer = self._connection.get(self._path, self._settings.poll_read_s)
        except Unreachable:
            return self._backoff.pause_s()
        if not answer.ok:
            return self._backoff.pause_s(answer)
        self._backoff.reset()
        if commands := answer.listed("commands"):
            self._take(commands)
            return 0.0
        # A board that shuts down answers at once: it is not asked in a tight loop.
        return max(0.0, self._settings.poll_least_s - (time.monotonic() - began))


class Applier:
    """Applies orders in a thread for each breaker, because a library may hold its lock for a whole call.

    A thread lives while its breaker has orders waiting. A call that hangs delays its own breaker only.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Callable[[], None]]] = {}

    def submit(self, breaker: str, job: Callable[[], None]) -> None:
        with self._lock:
            if breaker in self._waiting:
                self._waiting[breaker].append(job)
                return
            self._waiting[breaker] = deque([job])
        try:
            threading.Thread(
                target=self._run, args=(breaker,), name=f"breakerboard-apply-{breaker}", daemon=True
            ).start()
        except RuntimeError:
            with self._lock:
                del self._waiting[breaker]
            raise

    def _run(self, breaker: str) -> None:
        while True:
            with self._lock:
                if not self._waiting[breaker]:
                    del self._waiting[breaker]
                    return
                job = self._waiting[breaker].popleft()
            try:
                job()
            except Exception:
                log.exception("An order for the breaker %r went wrong.", breaker)
