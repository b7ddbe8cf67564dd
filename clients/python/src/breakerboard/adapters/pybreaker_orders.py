"""pybreaker commanded: each action by its own methods, an override by a setting it is held with.

Forced open is a reset timeout of ten years, forced closed a threshold that no count reaches,
disabled a `call` that passes everything through. What was set before is put back at the end.
The methods wait for the breaker's lock, which a guarded call holds to its end.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Callable

import pybreaker

from breakerboard.adapters.base import Adapter, Applying, Cannot, Override
from breakerboard.commanding import Order
from breakerboard.events import CLOSED, DISABLED, FORCED_CLOSED, FORCED_OPEN, HALF_OPEN, OPEN, Event, stamp

STATES = {"closed": CLOSED, "open": OPEN, "half-open": HALF_OPEN}
HELD_OPEN_S = 315_360_000  # ten years: much more overflows in every call


class PybreakerOrders(Adapter):
    library = "pybreaker"

    def __init__(self, breaker: pybreaker.CircuitBreaker, *about: Any) -> None:
        super().__init__(*about)
        self._breaker = breaker
        self._kept: tuple[str, Any, Any] | None = None  # a setting, its own value, the override's
        self._opened_at: float | None = None

    def native_state(self) -> str:
        return STATES[self._breaker.current_state]

    def next_probe_at(self) -> float:
        return (self._opened_at or self._settings.now()) + float(self._setting("reset_timeout"))

    def config(self) -> Event:
        return {
            "failure_threshold": self._setting("fail_max"),
            "reset_timeout_ms": round(self._setting("reset_timeout") * 1000),
            "success_threshold": self._breaker.success_threshold,
        }

    def _probe(self, order: Order) -> str:
        state = self._override.state if self._override else self.native_state()
        if state in (CLOSED, FORCED_CLOSED, DISABLED):
            raise Cannot(f"the circuit is {state.replace('_', ' ')}: nothing to probe")
        if state == FORCED_OPEN:
            raise Cannot("the circuit is forced open: release it first")
        if state == OPEN:
            self._ordered(order, None, self._breaker.half_open)
        return "half-open: the next call is the trial"

    def _reset(self, order: Order) -> str:
        self._close(order)
        self._buffer.single(self.subject, "reset", {"reason": {"metric": "manual", "text": order.text}})
        return "closed, and its counts cleared"

    def _force_open(self, order: Order) -> str:
        return self._hold(order, FORCED_OPEN, "reset_timeout", HELD_OPEN_S, self._breaker.open)

    def _force_closed(self, order: Order) -> str:
        return self._hold(order, FORCED_CLOSED, "fail_max", sys.maxsize, self._breaker.close)

    def _disable(self, order: Order) -> str:
        with self._lock:
            self._put_back()
            self._override = self.lease(order, DISABLED)
        return f"disabled until {stamp(self._override.until)}: every call passes, none is counted"

    def _release(self, order: Order) -> str:
        override = self._override
        if override is None:
            return "nothing was forced"
        if override.state == FORCED_CLOSED:
            self._close(order)
        elif override.state == FORCED_OPEN and self.native_state() == OPEN:
            # Back to automatic means to find out: open would be a trip that never was.
            self._lay_down(order, self._breaker.half_open)
        else:
            with self._lock:
                self._override = None
                self._put_back()
        return f"released, and {self.native_state().replace('_', '-')}"

    def _close(self, order: Order) -> None:
        self._lay_down(order, self._breaker.close)

    def _lay_down(self, order: Order, move: Callable[[], object]) -> None:
        """Move the library by hand, and end the override."""
        try:
            self._ordered(order, None, move)
        finally:
            with self._lock:
                self._override = None
                self._put_back()

    def _hold(self, order: Order, state: str, setting: str, held: Any, move: Callable[[], object]) -> str:
        with self._lock:
            self._put_back()
            self._kept = (setting, getattr(self._breaker, setting), held)
            setattr(self._breaker, setting, held)
        override = self.lease(order, state)
        try:
            self._ordered(order, override, move)
        except BaseException:
            with self._lock:
                self._override = None
                self._put_back()
            raise
        return f"{state.replace('_', ' ')} until {stamp(override.until)}"

    def _ordered(self, order: Order, override: Override | None, move: Callable[[], object]) -> None:
        """Move the library in the name of an order. It may have to wait for a call to end."""
        self._applying = Applying(order, override, threading.get_ident())
        move()

    def _put_back(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None and getattr(self._breaker, kept[0]) == kept[2]:  # else the host has set it since
            setattr(self._breaker, kept[0], kept[1])

    def _setting(self, name: str) -> Any:
        kept = self._kept
        return kept[1] if kept is not None and kept[0] == name else getattr(self._breaker, name)
