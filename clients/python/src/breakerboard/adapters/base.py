"""What every adapter does alike: tell each change once, beat, keep an override's lease.

The state told is the library's, or the override's that lies over it. Telling and beating
share one lock, so that a heartbeat can't carry a state older than the change before it.
What a subclass answers for its library stands in the abstract methods.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Callable, TypeVar

from breakerboard.buffer import Buffer
from breakerboard.commanding import Order, Outcome
from breakerboard.events import ACTIONS, OPEN, Event, Subject, stamp
from breakerboard.settings import Settings

log = logging.getLogger("breakerboard")

Reason = dict[str, Any]
T = TypeVar("T")

BELIEVED_S = 1.0  # a library may write its state only after its listeners: just told beats just read


class Cannot(Exception):
    """An order that can't be carried out; the message is what the operator reads."""


@dataclass(frozen=True)
class Override:
    """An operator's hold on the breaker, with its end in epoch seconds."""

    state: str
    until: float


@dataclass(frozen=True)
class Applying:
    """The order under way, and the thread in which the library's hooks belong to it."""

    order: Order
    override: Override | None
    thread: int


class Adapter(ABC):
    library = ""
    library_version = ""
    actions: tuple[str, ...] = ACTIONS

    def __init__(self, subject: Subject, labels: dict[str, str], buffer: Buffer, settings: Settings) -> None:
        self.subject = subject
        self.labels = labels
        self.active = False
        self.hook_errors = 0
        self._buffer, self._settings = buffer, settings
        self._lock = threading.RLock()
        self._told = ""
        self._native = ""
        self._moved_at = 0.0
        self._override: Override | None = None
        self._applying: Applying | None = None
        self._config_told: Event | None = None

    @abstractmethod
    def native_state(self) -> str:
        """The library's state in our words, read without changing anything."""

    @abstractmethod
    def config(self) -> Event:
        """What the breaker is set to; under an override, what it will be set to again."""

    @abstractmethod
    def details(self) -> Event:
        """What else a heartbeat shows, for its attributes."""

    @abstractmethod
    def shared(self) -> bool:
        """Whether several processes keep one state."""

    @abstractmethod
    def next_probe_at(self) -> float:
        """When an open breaker means to go half-open, in epoch seconds."""

    @abstractmethod
    def install(self) -> None:
        """Begin to watch."""

    @abstractmethod
    def remove(self) -> None:
        """Leave no trace on the breaker: neither hooks nor an override's settings."""

    def attach(self) -> None:
        self._native = self._told = self.native_state()
        self.active = True
        self.install()
        self.beat()

    def stopped(self) -> None:
        self._buffer.single(self.subject, "stopped", {})

    def tell(self, reason: Reason | None) -> None:
        """Post the state shown now, unless it was the last one told."""
        with self._lock:
            state = self._override.state if self._override else self._native
            if state == self._told:
                return
            change: Event = {"from_state": self._told, "to_state": state}
            self._told = state
            self._moved_at = time.monotonic()
            if reason is not None:
                change["reason"] = reason
            if self.shared():
                change["scope"] = "shared"
            if state == OPEN and (probe := self._optional(lambda: stamp(self.next_probe_at()))):
                change["next_probe_at"] = probe
            self._buffer.single(self.subject, "state_change", change)

    def beat(self) -> None:
        moved_at = self._moved_at
        native = self.native_state()
        config = self._optional(self.config)
        details = self._optional(self.details) or {}
        if self._buffer.dropped:
            details["dropped"] = self._buffer.dropped
        with self._lock:
            if moved_at == self._moved_at and time.monotonic() - moved_at > BELIEVED_S:
                self._native = native  # a store of several processes moves without a hook
            self._told = self._override.state if self._override else self._native
            beat: Event = {
                "state": self._told,
                "interval_s": max(1, round(self._settings.heartbeat_s)),
                "library": self.library,
                "library_version": self.library_version,
                "commands": list(self.actions),
                "attributes": details,
            }
            if self.labels:
                beat["labels"] = self.labels
            if self.shared():
                beat["scope"] = "shared"
            if config is not None and config != self._config_told:
                beat["config"] = config
            self._buffer.beat(self.subject, beat)

    def beat_taken(self, beat: Event) -> None:
        """The board has this heartbeat: its settings need not be told again."""
        self._config_told = beat.get("config", self._config_told)

    def apply(self, order: Order) -> Outcome:
        """Carry the order out, then read the state back and buffer it."""
        act: Callable[[Order], str] = getattr(self, f"_{order.action}")
        try:
            outcome = Outcome(True, act(order))
        except Cannot as why:
            outcome = Outcome(False, str(why))
        except Exception as broken:
            outcome = Outcome(False, f"{self.library} {self.library_version}: {type(broken).__name__}: {broken}")
        finally:
            self._applying = None
        native = self.native_state()
        with self._lock:
            self._native = native
        self.tell({"metric": "manual", "text": order.text})
        self.beat()
        return outcome

    def overdue(self, at: float) -> Override | None:
        """The override whose end is so long past that no release will come."""
        override = self._override
        over = override is not None and at >= override.until + self._settings.lease_grace_s
        return override if over else None

    def after_fork(self) -> None:
        self._lock = threading.RLock()
        self._config_told = None
        self._applying = None

    def lease(self, order: Order, state: str) -> Override:
        return Override(state, order.until or self._settings.now() + self._settings.lease_s)

    def guard_failed(self) -> None:
        """A hook of ours raised: said once, counted always, kept from the host."""
        self.hook_errors += 1
        if self.hook_errors == 1:
            log.exception("Watching the breaker %r went wrong; its calls are not touched.", self.subject.breaker)

    def _optional(self, ask: Callable[[], T]) -> T | None:
        # A setting that can't be put into words must not cost the state that it goes with.
        try:
            return ask()
        except Exception:
            return None

    @abstractmethod
    def _probe(self, order: Order) -> str:
        """Each of these carries out one action and says what it did, or raises `Cannot`."""

    @abstractmethod
    def _reset(self, order: Order) -> str: ...

    @abstractmethod
    def _force_open(self, order: Order) -> str: ...

    @abstractmethod
    def _force_closed(self, order: Order) -> str: ...

    @abstractmethod
    def _disable(self, order: Order) -> str: ...

    @abstractmethod
    def _release(self, order: Order) -> str: ...
