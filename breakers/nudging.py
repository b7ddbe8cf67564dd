"""Nudging: telling a worker that rows wait. It never blocks and never raises; a nudge that is lost is found by the sweep.

Sent from one background thread, equal nudges at most once in 50 ms, behind a circuit breaker of our own: with the broker
dead or frozen one send in 5 s finds out, the others are dropped.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

import pybreaker
import structlog
from celery import current_app

SPACING = 0.05  # s between equal nudges
EXPIRES = 30  # s; older ones are the sweep's
OPEN_FOR = 5  # s
MOST_WAITING = 1_000

log = structlog.get_logger(__name__)
Nudge = tuple[str, tuple[object, ...]]


class Memory(pybreaker.CircuitMemoryStorage):
    """The breaker's memory by the monotonic clock: a wall clock that jumps back must not keep it open."""

    _opened: float | None = None

    @property
    def opened_at(self) -> datetime | None:
        """When it opened, as the wall clock would have it now."""
        if self._opened is None:
            return None
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._opened)

    @opened_at.setter
    def opened_at(self, value: datetime) -> None:
        self._opened = time.monotonic()


class Nudger:
    """The waiting nudges and the thread that sends them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Nudge, float] = {}
        self._sent_at: dict[Nudge, float] = {}
        self._sending = 0
        self._thread: threading.Thread | None = None
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=1,
            reset_timeout=OPEN_FOR,
            name="broker",
            state_storage=Memory(pybreaker.STATE_CLOSED),
            throw_new_error_on_trip=False,
        )

    def nudge(self, task: str, *args: object) -> None:
        """Have `task` sent soon; equal ones that wait become one."""
        key = (task, args)
        with self._changed:
            if key in self._due or len(self._due) >= MOST_WAITING:
                return
            self._due[key] = max(time.monotonic(), self._sent_at.get(key, 0) + SPACING)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send_for_ever, name="nudging", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def healthy(self) -> bool:
        """Whether the last send reached the broker."""
        return bool(self._breaker.current_state != pybreaker.STATE_OPEN)

    def drain(self, timeout: float) -> bool:
        """Wait until all waiting nudges were sent or dropped; whether they were in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._sending, timeout)

    def _send_for_ever(self) -> None:
        while True:
            task, args = self._next()
            try:
                self._breaker.call(_send, task, args)
            except pybreaker.CircuitBreakerError:
                pass  # Dropped: told once when it opened.
            except Exception as error:
                log.warning("the broker is not reachable: workers go by their sweeps", task=task, error=str(error))
            finally:
                with self._changed:
                    self._sending -= 1
                    self._changed.notify_all()

    def _next(self) -> Nudge:
        """Wait for a nudge that is due, and take it."""
        with self._changed:
            while True:
                now = time.monotonic()
                key = min(self._due, key=self._due.__getitem__, default=None)
                if key is not None and self._due[key] <= now:
                    del self._due[key]
                    self._sent_at = {k: at for k, at in self._sent_at.items() if now - at < SPACING}
                    self._sent_at[key] = now
                    self._sending += 1
                    return key
                self._changed.wait(None if key is None else self._due[key] - now)


def _send(task: str, args: tuple[object, ...]) -> None:
    current_app.send_task(task, args=args, expires=EXPIRES, retry=False)


_nudger = Nudger()
nudge = _nudger.nudge
healthy = _nudger.healthy
drain = _nudger.drain
