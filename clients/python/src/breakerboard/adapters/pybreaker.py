"""pybreaker watched: through a listener and a wrapped `call`.

Its hooks run in the calling thread inside the breaker's lock, and what they raise would
replace the call's result: each is guarded and short. It does not announce rejections:
they are `CircuitBreakerError`s out of a call that was never let through. While its
state changes, `current_state` is still the old one, and reading `state` may change it:
no hook asks for either.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import threading
import time
from functools import wraps
from importlib.metadata import version
from types import GeneratorType
from typing import Any, Callable, Protocol

import pybreaker

from breakerboard.adapters.base import Reason, log
from breakerboard.adapters.calls import Call, current, enter, innermost, leave
from breakerboard.adapters.pybreaker_orders import STATES, PybreakerOrders
from breakerboard.adapters.pybreaker_reasons import why_moved
from breakerboard.events import CLOSED, DISABLED, FORCED_CLOSED, FORCED_OPEN, OPEN, Event, is_timeout, stamp

UNDER = {FORCED_OPEN: OPEN, FORCED_CLOSED: CLOSED}  # what the library's state is under an override
BLOCK = "CircuitBreaker.calling.<locals>._wrapper"  # what `with breaker.calling():` calls


class Named(Protocol):
    @property
    def name(self) -> str: ...


def guarded(hook: Callable[..., None]) -> Callable[..., None]:
    """Nothing that goes wrong behind this door comes out into the host's call."""

    @wraps(hook)
    def safe(self: PybreakerAdapter, *about: Any) -> None:
        try:
            if self.active:
                hook(self, *about)
        except Exception:
            with contextlib.suppress(Exception):
                self.guard_failed()

    return safe


def makes_coroutine(func: Callable[..., Any]) -> bool:
    code = getattr(func, "__code__", None)  # a plain function or method: quicker than to ask `inspect`
    return inspect.iscoroutinefunction(func) if code is None else bool(code.co_flags & inspect.CO_COROUTINE)


class PybreakerAdapter(PybreakerOrders):
    library_version = version("pybreaker")

    def __init__(self, breaker: pybreaker.CircuitBreaker, *about: Any) -> None:
        super().__init__(breaker, *about)
        self._listener = Listener(self)
        self._call_before: Callable[..., Any] | None = None
        self._call_watched: Callable[..., Any] | None = None
        self._warned = False

    def install(self) -> None:
        self._call_before = self._breaker.__dict__.get("call")
        self._call_watched = self._watched(self._breaker.call)
        self._breaker.__dict__["call"] = self._call_watched
        self._breaker.add_listener(self._listener)

    def remove(self) -> None:
        self.active = False
        self._put_back()
        if self._breaker.__dict__.get("call") is self._call_watched:
            del self._breaker.__dict__["call"]
            if self._call_before is not None:
                self._breaker.__dict__["call"] = self._call_before
        with contextlib.suppress(ValueError):  # the host took it off already
            self._breaker.remove_listener(self._listener)

    def shared(self) -> bool:
        return self._storage() != "memory"

    def details(self) -> Event:
        found: Event = {"failure_count": self._breaker.fail_counter, "storage": self._storage()}
        if self._opened_at is not None and self._native != CLOSED:
            found["opened_at"] = stamp(self._opened_at)
        return found

    def after_fork(self) -> None:
        if self._override is None:
            self._put_back()  # an order was under way in the parent; it is the parent's
        super().after_fork()

    @guarded
    def call_began(self, func: Callable[..., Any]) -> None:
        call = current(self)
        if call is None or call.started is not None:
            return
        if makes_coroutine(func):
            call.hollow = True
            self._warn(func)
        call.started = time.perf_counter()

    @guarded
    def call_failed(self, error: BaseException) -> None:
        call = current(self)
        self._count("timeout" if is_timeout(error) else "failure", call, error)

    @guarded
    def call_succeeded(self) -> None:
        """Also told for an error that the breaker is set to ignore: then one is being handled."""
        call = current(self)
        error = sys.exc_info()[1]
        if call is not None and call.hollow:
            return
        if error is None or isinstance(error, StopIteration) or (call is not None and error is call.handled):
            self._count("success", call)
        else:
            self._count("ignored", call, error)

    @guarded
    def call_rejected(self) -> None:
        self._buffer.outcome(self.subject, "rejected")

    @guarded
    def moved(self, state: Named) -> None:
        native = STATES[state.name]
        with self._lock:
            before, self._native = self._native, native
            if native == OPEN:
                self._opened_at = self._settings.now()
            applying = self._applying
            if applying is not None and applying.thread == threading.get_ident():
                self._override = applying.override
                self.tell({"metric": "manual", "text": applying.order.text})
            elif native != before:
                if self._ends_override(native):
                    self._override = None
                    self._put_back()
                self.tell(self._optional(lambda: self._reason(before, native)))

    def _count(self, kind: str, call: Call | None, error: BaseException | None = None) -> None:
        # A generator's end belongs to no call under way: counted, without a duration.
        self._buffer.outcome(self.subject, kind, None if call is None else call.elapsed_ms(), error)
        if call is not None and call.block:
            leave(call)

    def _ends_override(self, native: str) -> bool:
        """The library moved without an order: the host's own doing ends an override."""
        if self._override is None:
            return False
        if self._override.state == DISABLED:
            return current(self) is None  # a call under way when it was disabled does not
        return UNDER[self._override.state] != native

    def _reason(self, before: str, native: str) -> Reason:
        return why_moved(self._breaker, before, native, self._setting("reset_timeout"), current(self) is not None)

    def _storage(self) -> str:
        return str(getattr(getattr(self._breaker, "_state_storage", None), "name", "memory"))

    def _watched(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def watched(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if not self.active:
                return call(func, *args, **kwargs)
            if self._override is not None and self._override.state == DISABLED:
                return func(*args, **kwargs)
            outer = innermost.get()
            if outer is not None and outer.owner is self and outer.started is None:
                return call(func, *args, **kwargs)  # going half-open, the library calls again from within
            here = enter(self, outer)
            try:
                result = call(func, *args, **kwargs)
                here.block = type(result) is GeneratorType and getattr(func, "__qualname__", "") == BLOCK
                return result
            except pybreaker.CircuitBreakerError:
                if here.started is None:
                    self.call_rejected()
                raise
            finally:
                if not here.block:
                    leave(here)

        return watched

    def _warn(self, func: Callable[..., Any]) -> None:
        if self._warned:
            return
        self._warned = True
        log.warning(
            "pybreaker guards the coroutine function %s, but sees only that a coroutine is made: its failures never "
            "open the breaker %r, and nothing is reported of them. Guard the plain call inside it, or use aiobreaker.",
            getattr(func, "__qualname__", func),
            self.subject.breaker,
        )


class Listener(pybreaker.CircuitBreakerListener):
    """pybreaker's hooks, handed to the adapter."""

    def __init__(self, adapter: PybreakerAdapter) -> None:
        self._adapter = adapter

    def before_call(self, cb: pybreaker.CircuitBreaker, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._adapter.call_began(func)

    def failure(self, cb: pybreaker.CircuitBreaker, exc: BaseException) -> None:
        self._adapter.call_failed(exc)

    def success(self, cb: pybreaker.CircuitBreaker) -> None:
        self._adapter.call_succeeded()

    def state_change(self, cb: pybreaker.CircuitBreaker, old_state: object, new_state: Named) -> None:
        self._adapter.moved(new_state)
