"""How fast a service may post: alone, beside other web processes, and while Redis is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from breakers.database_thread import DatabaseThreads
from breakers.domain.limits import Bucket, Limits, whole_seconds
from breakers.domain.networks import network_of
from breakers.errors import OverLimit, StoreUnavailable
from breakers.intake import Intake
from breakers.limiting import MOST_NETWORKS, Ledger, Limiter
from breakers.models import ReachedLimit, Service
from breakers.submissions import Submission
from tests.servers import valkey_server

UNDER_WAY: list[asyncio.Future[Any]] = []
SLOW = Limits(requests_per_s=10, requests_burst=20, events_per_s=100, events_burst=500)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def threads() -> Any:
    made = DatabaseThreads(1, "test")
    yield made
    made.stop()


def limiter(clock: Clock, threads: DatabaseThreads, url: str = "", processes: int = 1) -> Limiter:
    return Limiter(url, processes, threads, clock)


def admitted(one: Limiter, service: int = 1, limits: Limits = SLOW, most: int = 1_000) -> int:
    """How many requests pass before one is refused."""
    for count in range(most):
        try:
            one.admit(service, limits)
        except OverLimit:
            return count
    return most


def test_a_burst_passes_and_then_the_rate(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    assert admitted(one) == 20
    clock.now += 1
    assert admitted(one) == 10
    clock.now += 3_600
    assert admitted(one) == 20
    assert admitted(one, service=2) == 20, "another service has buckets of its own"


def test_who_is_too_fast_is_told_how_long_to_wait(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    one.admit(1, SLOW)
    one.spend(1, 500)
    with pytest.raises(OverLimit) as raised:
        one.spend(1, 250)
    assert (raised.value.retry_after, str(raised.value)) == (
        3,
        "the service posts more than its 100 events a second (after calm, 500 at once); nothing of this was taken",
    )
    clock.now += 2.5
    one.spend(1, 250)


def test_a_batch_larger_than_the_burst_passes_a_full_bucket_and_owes_the_rest(
    clock: Clock, threads: DatabaseThreads
) -> None:
    one = limiter(clock, threads)
    one.admit(1, SLOW)
    one.spend(1, 800)
    with pytest.raises(OverLimit) as raised:
        one.spend(1, 1)
    assert raised.value.retry_after == 4  # 300 owed, and 1
    clock.now += 3.1
    one.spend(1, 1)


def test_other_limits_hold_from_the_next_request(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    assert admitted(one) == 20
    clock.now += 1
    assert admitted(one, limits=Limits(requests_per_s=10, requests_burst=3)) == 3


def test_a_check_costs_a_few_microseconds(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    limits = Limits(
        requests_per_s=1_000_000, requests_burst=10_000_000, events_per_s=1_000_000, events_burst=10_000_000
    )

    def one_round() -> float:
        began = time.thread_time()
        for _ in range(2_000):
            one.admit(1, limits)
            one.spend(1, 1)
        return (time.thread_time() - began) / 2_000

    assert min(one_round() for _ in range(20)) < 5e-6


def test_bytes_that_were_looked_at_are_owed(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    limits = Limits(bytes_per_s=1_000, bytes_burst=5_000)
    one.admit(1, limits)
    one.weigh(1, 5_000)
    one.admit(1, limits)
    one.weigh(1, 2_000)
    with pytest.raises(OverLimit, match="more than its 1,000 bytes a second") as refused:
        one.admit(1, limits)
    assert refused.value.retry_after == 2
    clock.now += 2
    one.admit(1, limits)
    # Calm for long, it has no more than the burst.
    clock.now += 3_600
    one.weigh(1, 5_001)
    with pytest.raises(OverLimit):
        one.admit(1, limits)


def test_a_clock_that_stands_or_steps_back_gives_nothing() -> None:
    bucket = Bucket(10, 10, 100.0)
    assert bucket.take(10, 100.0) == 0
    assert bucket.take(1, 99.0) == pytest.approx(0.1)
    assert bucket.take(1, 100.1) == 0
    assert [whole_seconds(wait) for wait in (0.001, 1, 1.2)] == [1, 1, 2]


def test_an_address_that_guesses_keys_waits_and_others_do_not(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    for _ in range(30):
        one.require_tries("10.0.0.7")
        one.failed_key("10.0.0.7")
    with pytest.raises(OverLimit, match="unknown or revoked keys came from this address"):
        one.require_tries("10.0.0.7")
    one.require_tries("10.0.0.8")
    clock.now += 1
    one.require_tries("10.0.0.7")
    one.failed_key("10.0.0.7")
    with pytest.raises(OverLimit) as raised:
        one.require_tries("10.0.0.7")
    assert raised.value.retry_after == 1


def test_a_network_of_ipv6_addresses_guesses_as_one(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    for number in range(30):
        one.failed_key(f"2001:db8:0:7::{number:x}")
    with pytest.raises(OverLimit):
        one.require_tries("2001:db8:0:7:ffff::1")
    one.require_tries("2001:db8:0:8::1")


def test_addresses_that_tried_once_push_out_no_guesser(clock: Clock, threads: DatabaseThreads) -> None:
    one = limiter(clock, threads)
    for _ in range(40):
        one.failed_key("10.0.0.7")
    clock.now += 1
    for number in range(2 * MOST_NETWORKS):
        one.failed_key(f"10.{1 + number // 65_536}.{number // 256 % 256}.{number % 256}")
    assert len(one._tries) <= MOST_NETWORKS
    one.failed_key("10.0.0.7")
    with pytest.raises(OverLimit):
        one.require_tries("10.0.0.7")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff::", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
        ("x" * 1_000, "x" * 64),
    ],
)
def test_which_addresses_are_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.storage
def test_what_was_refused_is_written_down(transactional_db: None, clock: Clock, threads: DatabaseThreads) -> None:
    service = Service.objects.create(name="checkout", created_at=datetime(2026, 11, 23, 8, 0, tzinfo=UTC))
    one = limiter(clock, threads)
    assert admitted(one, service.pk) == 20
    assert admitted(one, service.pk) == 0
    asyncio.run(one.tell())
    asyncio.run(one.tell())
    row = ReachedLimit.objects.get()
    assert (row.service_id, row.what, row.times, row.detail) == (
        service.pk,
        "requests",
        2,
        "the service posts more than its 10 requests a second (after calm, 20 at once); nothing of this was taken",
    )


@pytest.fixture
async def ledger(valkey: str) -> AsyncIterator[Callable[[], Ledger]]:
    made: list[Ledger] = []

    def make() -> Ledger:
        made.append(Ledger(valkey))
        return made[-1]

    yield make
    made[0]._client.flushdb()
    for one in made:
        one.stop()


@pytest.mark.asyncio
async def test_four_processes_share_one_rate(clock: Clock, threads: DatabaseThreads, ledger: Any) -> None:
    four = [(limiter(clock, threads), ledger()) for _ in range(4)]
    began = time.monotonic()
    # Before they told each other, each lets a burst pass.
    assert [admitted(one) for one, _ in four] == [20, 20, 20, 20]
    for one, book in [*four, *four]:
        await one.share(book)
    # By Redis's own clock, which no test can hold, some of the rate came back meanwhile.
    passed = time.monotonic() - began
    # Then they owe it together: 60 requests, six seconds of the rate.
    clock.now += 0.2
    assert [admitted(one) for one, _ in four] == [0, 0, 0, 0]
    owed = -four[-1][0]._pairs[1].requests.level
    assert 58 - 10 * passed - 0.1 <= owed <= 58


@pytest.mark.asyncio
async def test_a_service_within_its_rate_passes_in_each_process(
    clock: Clock, threads: DatabaseThreads, ledger: Any
) -> None:
    two = [(limiter(clock, threads), ledger()) for _ in range(2)]
    for _ in range(9):
        for one, book in two:
            one.admit(1, SLOW)
            await one.share(book)
    assert 0 < two[0][0]._pairs[1].requests.level <= 4


@pytest.mark.asyncio
async def test_while_redis_is_away_each_measures_alone_and_nobody_waits(
    clock: Clock, threads: DatabaseThreads, tmp_path: Path
) -> None:
    with valkey_server(tmp_path) as server:
        url = server.url
        book = Ledger(url)
        one = limiter(clock, threads)
        assert admitted(one) == 20
        await one.share(book)
    began = time.monotonic()
    await one.share(book)
    await one.share(book)
    assert time.monotonic() - began < 2
    assert admitted(one) == 0
    clock.now += 1
    assert admitted(one) == 10
    await one.share(book)
    assert one._pairs[1].requests.spent == 10, "told when Redis is back"
    book.stop()


def submission(events: int, size: int = 100) -> Submission:
    return Submission(1, [None] * events, [], size=size)  # type: ignore[list-item]  # only counted


async def waits_full(fill: Callable[[Intake], Awaitable[None]]) -> str:
    intake = Intake()
    intake._loop = asyncio.get_running_loop()  # Gathers, and no thread takes: a database that does not answer.
    intake.require_room()
    await fill(intake)
    with pytest.raises(StoreUnavailable) as raised:
        intake.require_room()
    assert raised.value.retry_after == 2
    with pytest.raises(StoreUnavailable):
        await intake.submit(submission(1))
    while UNDER_WAY:
        UNDER_WAY.pop().cancel()
    return str(raised.value)


def posts(intake: Intake, one: Submission) -> None:
    UNDER_WAY.append(asyncio.ensure_future(intake.submit(one)))


@pytest.mark.asyncio
async def test_a_slow_database_sheds_load_early_by_events() -> None:
    async def fill(intake: Intake) -> None:
        for _ in range(20):
            posts(intake, submission(1_000))
        await asyncio.sleep(0)

    assert await waits_full(fill) == "the database is slow: 20,000 events (2,000 bytes) wait for it already"


@pytest.mark.asyncio
async def test_a_slow_database_sheds_load_early_by_bytes() -> None:
    async def fill(intake: Intake) -> None:
        for _ in range(8):
            posts(intake, submission(1, 8 << 20))
        await asyncio.sleep(0)

    assert await waits_full(fill) == "the database is slow: 8 events (67,108,864 bytes) wait for it already"


@pytest.mark.asyncio
async def test_a_slow_database_sheds_load_early_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fill(intake: Intake) -> None:
        posts(intake, submission(1))
        await asyncio.sleep(0)
        intake.require_room()
        intake._waiting_since -= 3.1

    assert await waits_full(fill) == "the database is slow: others wait for it for more than 3 s already"
