"""Limiting: how fast each service posts, and how often a network tries keys that are none.

Every process measures by buckets of its own, so that a check costs next to nothing and waits for nobody. Where there are
several web processes they tell each other what they spent, by Redis, every fifth of a second; while it is away each
measures alone. What was refused is written down every few seconds.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pybreaker
import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from breakers.database_thread import DatabaseThreads
from breakers.domain.limits import Bucket, Limits, whole_seconds
from breakers.domain.networks import network_of
from breakers.errors import BreakersError, OverLimit
from breakers.nudging import OPEN_FOR, Memory
from breakers.reaching import reach

SHARED_EVERY = 0.2  # s
TOLD_EVERY = 2.0  # s
TIME_LIMIT = 0.3  # s, for Redis to answer
# Who did not post for so long has nothing to tell; after longer its buckets are forgotten.
QUIET_AFTER, IDLE_AFTER = 5.0, 600.0  # s
TRIES_PER_S, MOST_TRIES = 1.0, 30
MOST_NETWORKS = 10_000
KEY = "bb:limit:{}"
# The buckets of a service in one hash. ARGV: rate, burst and spent, for requests, events and bytes. Answers their levels.
SPEND = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local known = redis.call('HMGET', KEYS[1], 'at', 'requests', 'events', 'bytes')
local passed = math.max(0, now - (tonumber(known[1]) or now))
local levels, full_in = {}, 0
for i = 0, 2 do
  local rate, burst, spent = tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2]), tonumber(ARGV[3 * i + 3])
  local level = math.min(burst, (tonumber(known[i + 2]) or burst) + passed * rate) - spent
  levels[i + 1] = string.format('%.6f', level)
  full_in = math.max(full_in, (burst - level) / rate)
end
redis.call('HSET', KEYS[1], 'at', string.format('%.6f', now), 'requests', levels[1], 'events', levels[2], 'bytes', levels[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(full_in * 1000) + 10000)
return levels
"""

log = structlog.get_logger(__name__)
Spending = tuple[int, Sequence[float]]


class _Buckets:
    """The three buckets of one service in this process."""

    __slots__ = ("all", "bytes", "events", "limits", "requests", "used_at")

    def __init__(self, limits: Limits, at: float) -> None:
        self.used_at = at
        self.limits = limits
        self.requests = Bucket(limits.requests_per_s, limits.requests_burst, at)
        self.events = Bucket(limits.events_per_s, limits.events_burst, at)
        self.bytes = Bucket(limits.bytes_per_s, limits.bytes_burst, at)
        self.all = (self.requests, self.events, self.bytes)

    def set(self, limits: Limits) -> None:
        self.limits = limits
        self.requests.set(limits.requests_per_s, limits.requests_burst)
        self.events.set(limits.events_per_s, limits.events_burst)
        self.bytes.set(limits.bytes_per_s, limits.bytes_burst)

    def spent(self) -> list[float]:
        """What goes to the others, and is counted as told."""
        told = [each for bucket in self.all for each in (bucket.rate, bucket.burst, bucket.spent)]
        for bucket in self.all:
            bucket.spent = 0.0
        return told


class Limiter:
    """One per web process. `processes`: how many there are; alone, it has nobody to tell."""

    def __init__(
        self, redis_url: str, processes: int, threads: DatabaseThreads, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._pairs: dict[int, _Buckets] = {}
        self._tries: dict[str, Bucket] = {}
        self._refused: dict[tuple[int, str], tuple[int, str]] = {}
        self._threads = threads
        self._ledger = Ledger(redis_url) if processes > 1 else None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tell and to write down."""
        self._tasks = [asyncio.create_task(self._tell_for_ever())]
        if self._ledger is not None:
            self._tasks.append(asyncio.create_task(self._share_for_ever(self._ledger)))

    async def stop(self) -> None:
        """End, and write down what was not yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.tell()
        if self._ledger is not None:
            self._ledger.stop()

    def admit(self, service_id: int, limits: Limits) -> None:
        """One request. Errors: OverLimit."""
        at = self._clock()
        pair = self._pairs.get(service_id)
        if pair is None:
            pair = self._pairs[service_id] = _Buckets(limits, at)
        elif pair.limits is not limits and pair.limits != limits:
            pair.set(limits)
        pair.used_at = at
        wait = pair.requests.take(1, at)
        if wait:
            self._refuse(service_id, "requests", limits.requests_per_s, limits.requests_burst, wait)
        if pair.bytes.level < 0 and (wait := pair.bytes.wait(0, at)):
            self._refuse(service_id, "bytes", limits.bytes_per_s, limits.bytes_burst, wait)

    def weigh(self, service_id: int, size: int) -> None:
        """So many bytes were brought and looked at, whatever comes of them: what is owed after them refuses the next request."""
        self._pairs[service_id].bytes.owe(size, self._clock())

    def spend(self, service_id: int, events: int) -> None:
        """So many events of a request that was admitted. Errors: OverLimit; then none of them is counted."""
        pair = self._pairs[service_id]
        wait = pair.events.take(events, self._clock())
        if wait:
            self._refuse(service_id, "events", pair.limits.events_per_s, pair.limits.events_burst, wait)

    def require_tries(self, address: str) -> None:
        """Errors: OverLimit, where this address, or another of its network, tried too many keys that are none."""
        bucket = self._tries.get(network_of(address))
        if bucket is not None and (wait := bucket.wait(1, self._clock())):
            raise OverLimit(
                "too many posts with unknown or revoked keys came from this address; a good key that is new here has to wait too",
                whole_seconds(wait),
            )

    def failed_key(self, address: str) -> None:
        """This address tried a key that is none."""
        at, network = self._clock(), network_of(address)
        bucket = self._tries.get(network)
        if bucket is None:
            if len(self._tries) >= MOST_NETWORKS:
                self._tries = _worst(self._tries, at)
            bucket = self._tries[network] = Bucket(TRIES_PER_S, MOST_TRIES, at)
        bucket.take(1, at)

    async def share(self, ledger: "Ledger") -> None:
        """Tell the others what was spent here, and learn what they did."""
        at = self._clock()
        for service_id, pair in list(self._pairs.items()):
            if at - pair.used_at > IDLE_AFTER:
                del self._pairs[service_id]
        pairs = {service_id: pair for service_id, pair in self._pairs.items() if at - pair.used_at < QUIET_AFTER}
        spendings = [(service_id, pair.spent()) for service_id, pair in pairs.items()]
        levels = await ledger.spend(spendings)
        at = self._clock()
        answers: Sequence[Sequence[float] | None] = levels if levels is not None else [None] * len(spendings)
        for (service_id, told), known in zip(spendings, answers, strict=True):
            for place, bucket in enumerate(pairs[service_id].all):
                if known is None:
                    # Not told: it goes with the next.
                    bucket.spent = min(bucket.spent + told[3 * place + 2], bucket.burst)
                else:
                    # What was spent here while the others were asked is not in their answer.
                    bucket.level, bucket.at = min(bucket.burst, known[place] - bucket.spent), at

    async def tell(self) -> None:
        """Write down what was refused since the last time; what can't be written waits for the next."""
        refused, self._refused = self._refused, {}
        for (service_id, what), (times, detail) in refused.items():
            try:
                await self._threads.run(reach, service_id, what, times, detail, datetime.now(UTC))
            except BreakersError:
                before, _ = self._refused.get((service_id, what), (0, ""))
                self._refused[service_id, what] = before + times, detail
            except Exception:
                log.exception("a limit that was reached is not written down", service=service_id, what=what)

    def _refuse(self, service_id: int, what: str, rate: int, burst: int, wait: float) -> None:
        detail = f"the service posts more than its {rate:,} {what} a second (after calm, {burst:,} at once); nothing of this was taken"
        times, _ = self._refused.get((service_id, what), (0, ""))
        self._refused[service_id, what] = times + 1, detail
        raise OverLimit(detail, whole_seconds(wait))

    async def _tell_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TOLD_EVERY)
            await self.tell()

    async def _share_for_ever(self, ledger: "Ledger") -> None:
        while True:
            await asyncio.sleep(SHARED_EVERY)
            try:
                await self.share(ledger)
            except Exception:
                log.exception("limits are not shared")
                await asyncio.sleep(OPEN_FOR)


class Ledger:
    """What all web processes spent, in Redis. Behind a circuit breaker of our own: while it is away nobody waits for it."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=TIME_LIMIT, socket_connect_timeout=TIME_LIMIT, retry=Retry(NoBackoff(), 0)
        )
        self._script = self._client.register_script(SPEND)
        self._thread = ThreadPoolExecutor(1, "limits")
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=1,
            reset_timeout=OPEN_FOR,
            name="ledger",
            state_storage=Memory(pybreaker.STATE_CLOSED),
            throw_new_error_on_trip=False,
        )

    async def spend(self, spendings: Sequence[Spending]) -> list[list[float]] | None:
        """What is left for each service after these; None where Redis is away."""
        if not spendings:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._spend, spendings)

    def stop(self) -> None:
        """Wait for what is under way."""
        self._thread.shutdown()
        self._client.close()

    def _spend(self, spendings: Sequence[Spending]) -> list[list[float]] | None:
        try:
            answers = self._breaker.call(self._ask, spendings)
        except pybreaker.CircuitBreakerError:
            return None
        except (redis.RedisError, OSError) as error:
            log.warning("Redis is away: each web process limits by itself", error=str(error))
            return None
        return [[_finite(level) for level in levels] for levels in answers]

    def _ask(self, spendings: Sequence[Spending]) -> list[list[bytes]]:
        with self._client.pipeline(transaction=False) as pipeline:
            for service_id, told in spendings:
                self._script(keys=[KEY.format(service_id)], args=list(told), client=pipeline)
            answers: list[list[bytes]] = pipeline.execute()
            return answers


def _worst(tries: dict[str, Bucket], at: float) -> dict[str, Bucket]:
    """The half that is nearest to its limit. Who comes by with ever new addresses pushes out those that tried once, not the rest."""
    worst = sorted(tries.items(), key=lambda each: each[1].wait(MOST_TRIES, at), reverse=True)
    return dict(worst[: MOST_NETWORKS // 2])


def _finite(text: bytes) -> float:
    level = float(text)
    return level if math.isfinite(level) else 0.0
