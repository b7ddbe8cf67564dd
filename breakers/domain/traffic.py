"""Traffic: an invented fleet of services, and what its breakers would post. The same seed tells the same story.

Copies (one breaker in one instance) speak in turn. Now and then a dependency fails in a wave: every copy that calls it sees
its calls fail, opens, probes, and closes once the wave is over. The fleet has a clock of its own; the stamps come in by hand.
"""

import heapq
import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

SERVICES = (
    "checkout", "orders", "search", "catalogue", "accounts", "shipping", "invoices", "returns", "reviews", "pricing",
    "stock", "loyalty", "sign-in", "mailer", "reports", "carts",
)  # fmt: skip
DEPENDENCIES = (
    "payments-db", "inventory-api", "search-index", "tax-api", "mail-relay", "tracking-api", "fraud-check", "geo-api",
    "session-cache", "exchange-rates", "address-check", "media-store", "label-printer", "ledger", "vouchers", "sms-gateway",
)  # fmt: skip
ERRORS = (
    ("ConnectTimeout", "timed out after 1000 ms"),
    ("ConnectionRefused", "connection refused"),
    ("ServerError", "503 Service Unavailable"),
)
LIBRARIES = (("pybreaker", "1.4.1"), ("resilience4j", "2.3.0"), ("opossum", "9.0.0"), ("polly", "8.6.4"))
FAILURE_THRESHOLD = 5
SHORTEST_INTERVAL_S, LONGEST_INTERVAL_S = 10, 3_600
# A round of the fleet may take this part of the interval that its copies promise.
ROUND = 3


class Shape(NamedTuple):
    """How large a fleet is, and how it behaves. Rates are events a second, times seconds of the fleet's own clock."""

    services: int = 6
    breakers: int = 60
    instances: int = 3
    dependencies: int = 12
    rate: float = 50
    wave_every_s: float = 40
    wave_lasts_s: float = 45
    # Of all events, this share (0 to 1) is spoilt, so that the board refuses it.
    spoilt: float = 0
    seed: int = 1


class Post(NamedTuple):
    """An event, the service that posts it, and its instance: posts of one instance keep their order."""

    service: int
    instance: int
    event: dict[str, Any]


class _Dependency:
    def __init__(self, name: str, dice: random.Random) -> None:
        self.name = name
        self.usual_ms = dice.uniform(4, 120)
        self.fails_until = 0.0
        self.severity = 0.0
        self.copies: list[_Copy] = []


class _Copy:
    def __init__(
        self, service: int, instance: int, name: str, breaker: str, dependency: _Dependency, dice: random.Random
    ) -> None:
        self.service, self.instance, self.name, self.breaker, self.dependency = (
            service, instance, name, breaker, dependency,
        )  # fmt: skip
        self.state = "closed"
        self.told_at = 0.0
        self.calls_per_s = dice.lognormvariate(0.3, 1.0)
        self.reset_s = dice.choice((5, 10, 20, 30))
        self.waits = False
        self.probe_at = 0.0
        dependency.copies.append(self)


class Fleet:
    """`greet()` once, then `step()` after `step()`; at the end perhaps `leave()`."""

    def __init__(self, shape: Shape, run: str) -> None:
        self.shape = shape
        self.services = [_named(SERVICES, number) for number in range(shape.services)]
        self._run = run
        self._dice = dice = random.Random(shape.seed)  # noqa: S311 (a story, no secret)
        self._clock = 0.0
        self._count = 0
        self._sequences: dict[tuple[int, int], int] = {}
        self._dependencies = [_Dependency(_named(DEPENDENCIES, n), dice) for n in range(shape.dependencies)]
        self._libraries = [dice.choice(LIBRARIES) for _ in self.services]
        self._copies = self._made()
        per_round = 1.5 * len(self._copies) / shape.rate
        self.interval_s = min(max(math.ceil(ROUND * per_round), SHORTEST_INTERVAL_S), LONGEST_INTERVAL_S)
        self._round = list(self._copies)
        dice.shuffle(self._round)
        self._turn = 0
        self._due: list[tuple[float, int, _Copy]] = []
        self._next_wave = dice.expovariate(1 / shape.wave_every_s) if shape.wave_every_s else math.inf
        self._credit = 0.0
        self.waves = 0

    def __len__(self) -> int:
        return len(self._copies)

    @property
    def open(self) -> int:
        """How many copies are not closed now."""
        return sum(copy.state != "closed" for copy in self._copies)

    def greet(self, at: datetime) -> Iterator[Post]:
        """A heartbeat of each copy, with all that it has to say of itself."""
        for copy in self._copies:
            library, version = self._libraries[copy.service]
            yield self._post(
                copy,
                at,
                "heartbeat",
                state=copy.state,
                interval_s=self.interval_s,
                library=library,
                library_version=version,
                labels={"env": "simulated", "team": f"team-{copy.service % 7 + 1}"},
                config={"failure_threshold": FAILURE_THRESHOLD, "reset_timeout_ms": copy.reset_s * 1_000},
            )

    def step(self, seconds: float, at: datetime) -> list[Post]:
        """What the fleet posts in its next `seconds`, stamped `at`: those who must speak first, then the others in turn."""
        self._clock += seconds
        self._credit = min(self._credit + self.shape.rate * seconds, self.shape.rate * max(seconds, 1))
        while self._next_wave <= self._clock:
            self._break_a_dependency()
        posts: list[Post] = []
        while self._credit > len(posts) and self._due and self._due[0][0] <= self._clock:
            copy = heapq.heappop(self._due)[2]
            copy.waits = False
            posts.extend(self._speak(copy, at))
        while self._credit > len(posts):
            copy = self._round[self._turn % len(self._round)]
            self._turn += 1
            posts.extend(self._speak(copy, at))
        self._credit -= len(posts)
        return posts

    def leave(self, at: datetime) -> Iterator[Post]:
        """Each copy says that it ends on purpose."""
        for copy in self._copies:
            yield self._post(copy, at, "stopped")

    def _made(self) -> list[_Copy]:
        shape, dice = self.shape, self._dice
        copies = []
        marks = [[f"{dice.getrandbits(20):05x}" for _ in range(shape.instances)] for _ in self.services]
        for number in range(shape.breakers):
            service, place = number % shape.services, number // shape.services
            # Neighbouring services begin elsewhere in the list, so that each dependency has callers in several.
            dependency = self._dependencies[(place + 3 * service) % shape.dependencies]
            again = place // shape.dependencies
            breaker = dependency.name + (f":{again + 1}" if again else "")
            for instance in range(shape.instances):
                name = f"{self.services[service]}-{marks[service][instance]}"
                copies.append(_Copy(service, instance, name, breaker, dependency, dice))
        return copies

    def _break_a_dependency(self) -> None:
        dice = self._dice
        dependency = dice.choice(self._dependencies)
        dependency.severity = dice.uniform(0.6, 1.0)
        dependency.fails_until = self._next_wave + self.shape.wave_lasts_s * dice.uniform(0.4, 1.6)
        self.waves += 1
        for copy in dependency.copies:
            self._speaks_at(copy, self._next_wave + dice.uniform(0.2, 4))
        self._next_wave += dice.expovariate(1 / self.shape.wave_every_s)

    def _speaks_at(self, copy: _Copy, when: float) -> None:
        if not copy.waits:
            copy.waits = True
            self._count += 1
            heapq.heappush(self._due, (when, self._count, copy))

    def _speak(self, copy: _Copy, at: datetime) -> list[Post]:
        """What this copy has to tell of the time since it last spoke."""
        dice, dependency = self._dice, copy.dependency
        passed = self._clock - copy.told_at
        copy.told_at = self._clock
        calls = max(1, round(min(copy.calls_per_s * passed, 10_000) * dice.uniform(0.7, 1.3)))
        failing = dependency.fails_until > self._clock
        posts = []
        if copy.state == "open":
            posts.append(self._post(copy, at, "rejected", count=calls))
            if self._clock < copy.probe_at:
                self._speaks_at(copy, copy.probe_at)
            else:
                copy.state = "half_open"
                posts.append(self._post(copy, at, "state_change", from_state="open", to_state="half_open"))
                self._speaks_at(copy, self._clock + dice.uniform(0.5, 2))
        elif copy.state == "half_open" and failing:
            posts += [self._failed(copy, at, 1), self._opened(copy, at, "half_open", "the probe failed", "probe")]
        elif copy.state == "half_open":
            posts.append(self._answered(copy, at, 1))
            copy.state = "closed"
            posts.append(self._post(copy, at, "state_change", from_state="half_open", to_state="closed"))
        elif failing and (failed := sum(dice.random() < dependency.severity for _ in range(min(calls, 20)))):
            posts.append(self._failed(copy, at, failed))
            if failed >= FAILURE_THRESHOLD:
                posts.append(self._opened(copy, at, "closed", f"{failed} failures in a row", "consecutive_failures"))
            else:
                self._speaks_at(copy, self._clock + dice.uniform(1, 5))
        else:
            posts.append(self._answered(copy, at, calls))
            if dice.random() < 0.04:
                posts.append(self._failed(copy, at, 1))
            if dice.random() < 0.25:
                posts.append(self._post(copy, at, "heartbeat", state=copy.state, interval_s=self.interval_s))
        if self.shape.spoilt and dice.random() < self.shape.spoilt:
            posts.append(self._post(copy, at, "state_change", to_state=dice.choice(("opne", "", None, "shut"))))
        return posts

    def _opened(self, copy: _Copy, at: datetime, before: str, text: str, metric: str) -> Post:
        copy.state = "open"
        copy.probe_at = self._clock + copy.reset_s
        self._speaks_at(copy, copy.probe_at)
        return self._post(
            copy,
            at,
            "state_change",
            from_state=before,
            to_state="open",
            reason={"metric": metric, "threshold": FAILURE_THRESHOLD, "text": text},
            next_probe_at=stamp(at + timedelta(seconds=copy.reset_s)),
        )

    def _answered(self, copy: _Copy, at: datetime, calls: int) -> Post:
        mean = copy.dependency.usual_ms * self._dice.uniform(0.8, 1.3)
        return self._post(
            copy, at, "success", count=calls, duration_ms=round(mean, 1), duration_max_ms=round(mean * 3, 1)
        )

    def _failed(self, copy: _Copy, at: datetime, calls: int) -> Post:
        error, message = self._dice.choice(ERRORS)
        kind = "timeout" if error.endswith("Timeout") else "failure"
        told = {"type": error, "message": f"{copy.dependency.name}: {message}"}
        return self._post(copy, at, kind, count=calls, duration_ms=round(self._dice.uniform(800, 1_200), 1), error=told)

    def _post(self, copy: _Copy, at: datetime, kind: str, **more: Any) -> Post:
        self._count += 1
        place = (copy.service, copy.instance)
        sequence = self._sequences[place] = self._sequences.get(place, 0) + 1
        event = {
            "id": f"{self._run}-{self._count}",
            "type": kind,
            "breaker": copy.breaker,
            "dependency": copy.dependency.name,
            "instance": copy.name,
            "sequence": sequence,
            "occurred_at": stamp(at),
            **more,
        }
        return Post(copy.service, copy.instance, event)


def stamp(at: datetime) -> str:
    """A moment as RFC 3339."""
    return at.isoformat().replace("+00:00", "Z")


def _named(names: tuple[str, ...], number: int) -> str:
    again = number // len(names)
    return names[number % len(names)] + (f"-{again + 1}" if again else "")
