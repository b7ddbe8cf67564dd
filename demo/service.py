"""One instance of a service: real calls, real circuit breakers, a fallback for each. Read this to connect your own.

    BREAKERBOARD_URL=… BREAKERBOARD_KEY=… PAYMENTS_URL=… python -m demo.service checkout checkout-1

What concerns the board is four lines: `Reporter(…)`, `attach`, `retry` and `fallback`. The rest is what a service with
breakers has anyway.
"""

import http.client
import json
import logging
import os
import random
import sys
import threading
import time
from urllib.parse import urlsplit

import pybreaker
from breakerboard import Reporter

from demo import shop
from demo.living import End, log_to_stdout
from demo.shop import Answer, Guard

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 2.0  # before a call is tried again
GOODBYE_S = 0.5

log = logging.getLogger(__name__)


class Unknown(Exception):
    """The dependency does not know what was asked for: an answer, and no failure of the dependency."""


class Failed(Exception):
    """The dependency answered with an error of its own."""


class Connection:
    """A kept connection to a dependency. Each answer must come within the timeout."""

    def __init__(self, url: str, timeout_s: float, caller: str) -> None:
        at = urlsplit(url)
        self._http = http.client.HTTPConnection(at.hostname or "", at.port, timeout=timeout_s)
        self._headers = {"User-Agent": caller}

    def get(self, path: str) -> Answer:
        """The answer.

        Errors: Unknown, Failed, TimeoutError, OSError, http.client.HTTPException.
        """
        try:
            self._http.request("GET", path, headers=self._headers)
            response = self._http.getresponse()
            body = response.read()
        except BaseException:
            self._http.close()  # an answer that comes too late must not be taken for the next one
            raise
        if response.status == 404:
            raise Unknown(path)
        if response.status != 200:
            raise Failed(f"GET {path.rsplit('/', 1)[0]} was answered {response.status} {response.reason}")
        answer: Answer = json.loads(body)
        return answer


class GuardedCall:
    """A call behind a breaker: tried again after a failure, replaced by a fallback while there is no answer."""

    def __init__(self, guard: Guard, connection: Connection, reporter: Reporter, labels: dict[str, str]) -> None:
        self._guard, self._connection, self._reporter = guard, connection, reporter
        self._last: tuple[float, Answer] | None = None
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=guard.fail_max,
            reset_timeout=guard.reset_timeout_s,
            exclude=[Unknown],
            listeners=[StateLog(guard)],
        )
        reporter.attach(self._breaker, name=guard.name, dependency=guard.dependency, labels=labels | guard.labels)

    def ask(self, number: int, end: End) -> Answer | None:
        """The dependency's answer, or the fallback; None where it answers that there is nothing of that number."""
        for attempt in range(1 + self._guard.retries):
            if attempt and end.wait(pause_s(attempt)):
                break
            if attempt:
                self._reporter.retry(self._guard.name)
            try:
                answer = self._breaker.call(self._connection.get, self._guard.path.format(number))
            except pybreaker.CircuitBreakerError:
                break  # it is open: trying again now would only be turned away
            except Unknown:
                return None
            except (Failed, OSError, http.client.HTTPException):
                continue
            self._last = (time.monotonic(), answer)
            return answer
        self._reporter.fallback(self._guard.name)
        return self._fallback()

    def _fallback(self) -> Answer:
        if self._last is not None and time.monotonic() - self._last[0] < self._guard.keep_s:
            return self._last[1]
        return self._guard.fallback


class StateLog(pybreaker.CircuitBreakerListener):
    """Logs when a breaker opens and closes; its trials in between are the board's to show."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def state_change(self, cb: pybreaker.CircuitBreaker, old_state: object, new_state: object) -> None:
        """Said once an outage: half-open and open again says nothing new."""
        before, now = getattr(old_state, "name", ""), getattr(new_state, "name", "")
        if (before, now) == ("closed", "open"):
            log.warning("%s opened", self._guard.name, extra={"about": {"dependency": self._guard.dependency}})
        elif before != now == "closed":
            log.info("%s closed", self._guard.name, extra={"about": {"dependency": self._guard.dependency}})


def pause_s(attempt: int) -> float:
    """Exponential backoff with full jitter, so that those who failed together do not come back together."""
    return random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1)))


def serve(call: GuardedCall, per_second: float, end: End) -> None:
    """Customers, at random moments: each needs one answer."""
    while not end.wait(random.expovariate(per_second)):
        call.ask(random.randrange(1_000_000), end)


def main(name: str, instance: str) -> None:
    """Run one instance until told to stop."""
    log_to_stdout(instance=instance)
    end = End()
    service = shop.SERVICES[name]
    reporter = Reporter(instance=instance)  # its address and key: BREAKERBOARD_URL, BREAKERBOARD_KEY
    for guard in service.guards:
        connection = Connection(os.environ[shop.url_setting(guard.dependency)], guard.timeout_s, instance)
        call = GuardedCall(guard, connection, reporter, {"team": service.team})
        # A thread each: a slow dependency holds up nobody but its own callers.
        threading.Thread(target=serve, args=(call, guard.per_second, end), name=guard.name, daemon=True).start()
    end.wait_for_it()
    logging.disable(logging.WARNING)  # the board may stop in the same moment
    reporter.close(GOODBYE_S)  # tells the board that this instance stops on purpose


if __name__ == "__main__":
    main(*sys.argv[1:])
