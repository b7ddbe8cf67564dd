"""A service with three real circuit breakers, and the truth about them: each outcome and each change, written down as it happens.

    BREAKERBOARD_URL=… BREAKERBOARD_KEY=… python -m tests.journeys.service INSTANCE TRUTH SEED

What it writes comes from the guarded function and from a listener of its own: nothing of it has been through the client.
SIGUSR1 ends the calls, and the last line says what the client thinks that it sent. It goes on beating until SIGTERM.
"""

import contextlib
import json
import random
import signal
import sys
import threading
import time
from typing import Any

import pybreaker
from breakerboard import Reporter, Settings

BREAKERS = ("payments", "search", "stock")
LEASE_GRACE_S = 2.0


class Truth(pybreaker.CircuitBreakerListener):
    """Appends to a file; each line is on its way to the disk before the next thing happens."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", buffering=1)  # noqa: SIM115 (for as long as the process)
        self._lock = threading.Lock()

    def write(self, **fields: Any) -> None:
        """A line."""
        with self._lock:
            self._file.write(json.dumps({"at": time.time(), **fields}) + "\n")

    def state_change(self, cb: pybreaker.CircuitBreaker, old_state: Any, new_state: Any) -> None:
        """Each change of the library's own state."""
        self.write(breaker=cb.name, state=new_state.name.replace("-", "_"))


class Customer(threading.Thread):
    """Calls behind one breaker, to a dependency that is down for some seconds now and then."""

    def __init__(self, breaker: pybreaker.CircuitBreaker, truth: Truth, seed: str, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self._breaker, self._truth, self._end = breaker, truth, end
        self._chance = random.Random(seed)
        self._down, self._turns_at = False, 0.0
        self._called: list[str] = []

    def run(self) -> None:
        """Call until it is the end."""
        while not self._end.wait(self._chance.uniform(0.02, 0.08)):
            if time.monotonic() >= self._turns_at:
                self._down = not self._down if self._turns_at else False
                self._turns_at = time.monotonic() + self._chance.uniform(2, 5)
            called = len(self._called)
            with contextlib.suppress(pybreaker.CircuitBreakerError, OSError):
                self._breaker.call(self._ask)
            if len(self._called) == called:
                self._truth.write(breaker=self._breaker.name, outcome="rejected")
            self._called.clear()

    def _ask(self) -> None:
        kind = "success" if not self._down else self._chance.choice(["failure", "failure", "timeout"])
        self._called.append(kind)
        self._truth.write(breaker=self._breaker.name, outcome=kind)
        if kind == "timeout":
            raise TimeoutError("no answer in time")
        if kind == "failure":
            raise ConnectionError("refused")


def main(instance: str, path: str, seed: str) -> None:
    """Run until told to stop."""
    truth, quiet, over = Truth(path), threading.Event(), threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: quiet.set())
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    reporter = Reporter(instance=instance, settings=Settings(lease_grace_s=LEASE_GRACE_S))
    customers = []
    for name in BREAKERS:
        breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=1.5, name=name, listeners=[truth])
        truth.write(breaker=name, state="closed")
        reporter.attach(breaker, dependency=f"{name}-api")
        customers.append(Customer(breaker, truth, f"{seed} {instance} {name}", quiet))
    for customer in customers:
        customer.start()
    while not quiet.wait(0.05) and not over.is_set():
        pass  # signals are handled between two waits
    for customer in customers:
        customer.join()
    truth.write(flushed=reporter.flush(30), stats=reporter.stats())
    while not over.wait(0.05):
        pass
    reporter.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
