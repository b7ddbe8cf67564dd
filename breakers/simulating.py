"""Simulating: an invented fleet (`domain/traffic.py`) posts to a board over HTTP, as services would.

Each instance's posts keep their order: a lane posts one after the other. What the board can't take now (429, 503, no connection)
is posted again, with the same ids, after a growing pause with jitter. When the board is slower than asked, the fleet waits for it.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import httpx
import msgspec

from breakers.domain.traffic import Fleet, Post
from breakers.times import rfc3339

TICK = 0.5  # s
LONGEST_PAUSE = 30.0  # s
FIRST_PAUSE = 0.25  # s
DRAINED_WITHIN = 5.0  # s
# Latencies that the summary looks at: the newest.
REMEMBERED = 100_000
encode = msgspec.json.Encoder().encode


class Plan(NamedTuple):
    """Where it posts, with which keys (one a service), for how long, and how."""

    url: str
    keys: tuple[str, ...]
    duration_s: float | None = None
    batch: int = 200
    lanes: int = 4
    # This share (0 to 1) of the requests is posted a second time.
    repeated: float = 0
    leaves: bool = False


class Refused(Exception):
    """The board will not take any of it; the message says why."""


class Tally:
    """What became of it all."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.sent = self.accepted = self.duplicates = self.rejected = self.requests = self.retries = self.given_up = 0
        self.refused: Counter[str] = Counter()
        self.latencies: deque[float] = deque(maxlen=REMEMBERED)
        self.behind_s = 0.0

    def line(self, fleet: Fleet) -> str:
        """Where it stands, for the progress line."""
        seconds = max(time.monotonic() - self.began, 0.001)
        parts = [
            f"{seconds:5.0f} s",
            f"{self.sent:,} sent ({self.sent / seconds:,.0f}/s)",
            f"{self.accepted:,} accepted",
            f"{self.duplicates + self.rejected:,} duplicate or rejected",
            f"{fleet.open:,} of {len(fleet):,} not closed",
        ]
        if self.retries:
            reason, _ = self.refused.most_common(1)[0]
            parts.append(f"{self.retries:,} retries (most: {reason})")
        if self.behind_s >= 1:
            parts.append(f"{self.behind_s:,.0f} s behind")
        return " · ".join(parts)

    def summary(self) -> dict[str, object]:
        """The numbers at the end."""
        seconds = time.monotonic() - self.began
        return {
            "seconds": round(seconds, 1),
            "sent": self.sent,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "given_up": self.given_up,
            "events_per_s": round(self.sent / max(seconds, 0.001), 1),
            "requests": self.requests,
            "retries": self.retries,
            "refused": dict(sorted(self.refused.items())),
            "p50_ms": self._percentile(0.50),
            "p99_ms": self._percentile(0.99),
            "behind_s": round(self.behind_s, 1),
        }

    def _percentile(self, share: float) -> float | None:
        ordered = sorted(self.latencies)
        return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1_000, 2) if ordered else None


def pause(attempt: int, retry_after: str | None, dice: random.Random) -> float:
    """How long to wait before the next try: growing, with full jitter, and never less than the board asked for."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    return min(asked, LONGEST_PAUSE) + dice.random() * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 10))


class Simulation:
    """One run. `stop()` may be called from a signal handler: what was made is still posted, then it ends."""

    def __init__(
        self,
        plan: Plan,
        fleet: Fleet,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.plan, self.fleet, self.tally = plan, fleet, Tally()
        self._clock = clock
        self._transport = transport
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._lanes: list[asyncio.Queue[tuple[int, list[dict[str, object]]]]] = [
            asyncio.Queue(maxsize=8) for _ in range(plan.lanes)
        ]

    def stop(self) -> None:
        """End it soon; called again: at once."""
        (self._hurry if self._stopping.is_set() else self._stopping).set()

    async def run(self, tell: Callable[[str], None]) -> Tally:
        """Post until the duration is over or `stop()`; `tell` gets a line a second. Errors: Refused."""
        try:
            async with asyncio.TaskGroup() as tasks:
                lanes = [tasks.create_task(self._post_all(number)) for number in range(self.plan.lanes)]
                telling = tasks.create_task(self._tell(tell))
                try:
                    await self._produce()
                    await self._drain()
                finally:
                    for task in (*lanes, telling):
                        task.cancel()
        except ExceptionGroup as several:
            refused = several.subgroup(Refused)
            if refused is None:
                raise
            # One is as good as all. Not by `except*`: some Pythons 3.11 wrap what is raised there in a group once more.
            raise refused.exceptions[0] from None
        return self.tally

    async def _produce(self) -> None:
        await self._give(self.fleet.greet(self._clock()))
        begun = due = time.monotonic()
        while not self._stopping.is_set():
            if self.plan.duration_s is not None and time.monotonic() - begun >= self.plan.duration_s:
                break
            await self._give(self.fleet.step(TICK, self._clock()))
            due += TICK
            late = time.monotonic() - due
            if late > TICK:
                # What the board could not take in time is not made up for: the fleet's clock waits.
                self.tally.behind_s += late
                due += late
            await self._wait(self._stopping, due - time.monotonic())
        if self.plan.leaves and not self._hurry.is_set():
            await self._give(self.fleet.leave(self._clock()), over=self._hurry)

    async def _give(self, posts: Iterable[Post], over: asyncio.Event | None = None) -> None:
        """Hand posts to their lanes, in batches a service, until `over` is set. Waits while the lanes are full."""
        over = over or self._stopping
        batches: dict[tuple[int, int], list[dict[str, object]]] = {}
        for post in posts:
            place = (self._lane(post), post.service)
            batch = batches.setdefault(place, [])
            batch.append(post.event)
            if len(batch) == self.plan.batch:
                await self._put(place, batches.pop(place), over)
        for place, batch in batches.items():
            await self._put(place, batch, over)

    def _lane(self, post: Post) -> int:
        return (post.service * self.fleet.shape.instances + post.instance) % self.plan.lanes

    async def _put(self, place: tuple[int, int], batch: list[dict[str, object]], over: asyncio.Event) -> None:
        lane, service = place
        while not over.is_set():
            try:
                async with asyncio.timeout(TICK):
                    await self._lanes[lane].put((service, batch))
                    return
            except TimeoutError:
                continue

    async def _drain(self) -> None:
        waiting = asyncio.ensure_future(self._posted())
        hurried = asyncio.ensure_future(self._hurried())
        within = DRAINED_WITHIN if self._stopping.is_set() else None
        await asyncio.wait([waiting, hurried], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        waiting.cancel()
        await asyncio.gather(waiting, hurried, return_exceptions=True)
        answered = self.tally.accepted + self.tally.duplicates + self.tally.rejected
        queued = sum(len(lane.get_nowait()[1]) for lane in self._lanes for _ in range(lane.qsize()))
        self.tally.given_up = self.tally.sent - answered + queued

    async def _posted(self) -> None:
        for lane in self._lanes:
            await lane.join()

    async def _hurried(self) -> None:
        await self._hurry.wait()

    async def _post_all(self, number: int) -> None:
        dice = random.Random(f"{self.fleet.shape.seed}:{number}")  # noqa: S311
        lane = self._lanes[number]
        limits = httpx.Limits(max_connections=1, keepalive_expiry=30)
        # Not through the environment's proxy, and no longer than a service would wait.
        async with httpx.AsyncClient(
            base_url=self.plan.url, timeout=15, limits=limits, trust_env=False, transport=self._transport
        ) as client:
            while True:
                service, batch = await lane.get()
                body = encode({"events": batch})
                self.tally.sent += len(batch)
                await self._post(client, service, body, len(batch), dice)
                if dice.random() < self.plan.repeated:
                    self.tally.sent += len(batch)
                    await self._post(client, service, body, len(batch), dice)
                lane.task_done()

    async def _post(
        self, client: httpx.AsyncClient, service: int, body: bytes, events: int, dice: random.Random
    ) -> None:
        headers = {"Authorization": f"Bearer {self.plan.keys[service]}", "Content-Type": "application/json"}
        attempt = 0
        while True:
            began = time.monotonic()
            self.tally.requests += 1
            try:
                answer = await client.post("/api/v1/events", content=body, headers=headers)
            except httpx.TransportError as error:
                self.tally.refused[type(error).__name__] += 1
                await self._again(attempt, None, dice)
            else:
                if answer.status_code not in (429, 503):
                    return self._count(answer, events, time.monotonic() - began)
                self.tally.refused[str(answer.status_code)] += 1
                await self._again(attempt, answer.headers.get("retry-after"), dice)
            attempt += 1

    async def _again(self, attempt: int, retry_after: str | None, dice: random.Random) -> None:
        self.tally.retries += 1
        await asyncio.sleep(pause(attempt, retry_after, dice))

    def _count(self, answer: httpx.Response, events: int, seconds: float) -> None:
        self.tally.latencies.append(seconds)
        if answer.status_code in (401, 403, 404):
            raise Refused(f"the board answers {answer.status_code}: {_detail(answer)}")
        if answer.status_code != 202:
            self.tally.refused[str(answer.status_code)] += 1
            self.tally.rejected += events
            return
        told = answer.json()
        self.tally.accepted += told["accepted"]
        self.tally.duplicates += told["duplicates"]
        self.tally.rejected += len(told["rejected"])

    async def _tell(self, tell: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(1)
            tell(self.tally.line(self.fleet))

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await event.wait()
        except TimeoutError:
            return


def run_name(at: datetime, seed: int) -> str:
    """The name of a run: its ids begin with it, so that two runs of one seed are no duplicates of each other."""
    return f"sim-{seed}-{rfc3339(at)}"


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])[:300]
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
