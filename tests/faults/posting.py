"""Services that keep posting, whatever becomes of the board, and note what they were answered.

with Posters(board, key) as posters:
    posters.wait_for_taken(300)
    …
assert posters.taken() <= stored(board)
"""

import statistics
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from breakers.domain.reports import key_of
from tests.board import Board
from tests.faults.store import rows
from tests.servers import wait_for

EVENTS_A_POST = 3


@dataclass(frozen=True)
class Post:
    """One request: the ids of its events, what was answered (None: nothing was), when, and how long it took."""

    ids: tuple[str, ...]
    status: int | None
    retry_after: str | None
    at: float
    took: float


class Posters:
    """Threads that post one request after the other, each of its events with an id of its own."""

    def __init__(self, board: Board, key: str, *, threads: int = 8, pause: float = 0.005, name: str = "event") -> None:
        self.posts: list[Post] = []
        self._board = board
        self._key = key
        self._pause = pause
        self._name = name
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post_on, args=(number,)) for number in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def taken(self, since: float = 0) -> set[str]:
        """The ids that were answered with 202."""
        return {one for post in list(self.posts) if post.status == 202 and post.at >= since for one in post.ids}

    def statuses(self) -> set[int | None]:
        """All that was answered; None: the connection ended without an answer."""
        return {post.status for post in self.posts}

    def wait_for_taken(self, more: int, seconds: float = 30) -> None:
        """Until so many more events were taken, from now on."""
        now = time.monotonic()
        wait_for(lambda: len(self.taken(now)) >= more, seconds, f"{more} more events to be taken", every=0.05)

    def median_ms(self, begin: float, end: float) -> float:
        """Of the posts that were sent between these times."""
        return statistics.median(self._took_ms(begin, end))

    def p99_ms(self, begin: float, end: float) -> float:
        """Of the posts that were sent between these times."""
        return statistics.quantiles(self._took_ms(begin, end), n=100)[98]

    def _took_ms(self, begin: float, end: float) -> list[float]:
        return [post.took * 1000 for post in self.posts if begin <= post.at < end]

    def post_again(self) -> tuple[int, int]:
        """Post all of it once more: how many events were taken now, and how many were known."""
        accepted = duplicates = 0
        with self._client() as client:
            ids = [one for post in self.posts for one in post.ids]
            for start in range(0, len(ids), 500):
                answer = client.post("/api/v1/events", json=events(ids[start : start + 500]))
                assert answer.status_code == 202, answer.text
                accepted += answer.json()["accepted"]
                duplicates += answer.json()["duplicates"]
                assert answer.json()["rejected"] == []
        return accepted, duplicates

    def _post_on(self, thread: int) -> None:
        number = 0
        client = self._client()
        while not self._stop.wait(self._pause):
            number += 1
            ids = tuple(f"{self._name}-{thread}-{number}-{place}" for place in range(EVENTS_A_POST))
            started = time.monotonic()
            status, retry_after = None, None
            try:
                answer = client.post("/api/v1/events", json=events(ids))
                status, retry_after = answer.status_code, answer.headers.get("retry-after")
            except httpx.TransportError:
                client.close()
                client = self._client()
            self.posts.append(Post(ids, status, retry_after, started, time.monotonic() - started))
            if status is None:
                self._stop.wait(0.05)
        client.close()

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._board.url, headers={"Authorization": f"Bearer {self._key}"}, timeout=15, trust_env=False
        )


def events(ids: tuple[str, ...] | list[str]) -> list[dict[str, Any]]:
    """A successful call each, under these ids."""
    return [{"id": one, "type": "success", "breaker": "delivery-tracking", "instance": "orders-1"} for one in ids]


def opens(board: Board, key: str, name: str, **client: Any) -> None:
    """A breaker opens, and the board takes it."""
    _goes(board, key, name, "open", **client)


def closes(board: Board, key: str, name: str, **client: Any) -> None:
    """A breaker closes, and the board takes it."""
    _goes(board, key, name, "closed", **client)


def _goes(board: Board, key: str, name: str, state: str, **client: Any) -> None:
    event = {"type": "state_change", "breaker": name, "to_state": state}
    answer = httpx.post(
        f"{board.url}/api/v1/events", headers={"Authorization": f"Bearer {key}"}, json=event, timeout=15, **client
    )
    assert answer.status_code == 202, answer.text


def check_each_once(board: Board, posters: Posters, service: str) -> None:
    """What was answered 202 is stored, no request is stored by half; posted again the rest is taken, and nothing is doubled."""
    stored = set(_stored_keys(board, service))
    keys = {one: key_of(one) for post in posters.posts for one in post.ids}
    lost = [one for one in posters.taken() if keys[one] not in stored]
    assert not lost, f"{len(lost)} events were answered 202 and are not stored"
    halves = [post.ids for post in posters.posts if len({keys[one] in stored for one in post.ids}) == 2]
    assert not halves, f"requests that were stored by half: {halves}"
    counted = _counted(board, service)
    assert counted == len(stored), f"{len(stored)} events are stored, and {counted} calls are counted"
    assert posters.post_again() == (len(keys) - len(stored), len(stored))
    assert sorted(_stored_keys(board, service)) == sorted(keys.values())
    assert _counted(board, service) == len(keys)


def _stored_keys(board: Board, service: str) -> list[bytes]:
    sql = (
        f"SELECT e.key FROM breakers_event e JOIN breakers_service s ON s.id = e.service_id WHERE s.name = '{service}'"
    )
    return [bytes(row[0]) for row in rows(board, sql)]


def _counted(board: Board, service: str) -> int:
    """The successful calls that the timeline shows."""
    sql = (
        "SELECT coalesce(sum(r.success), 0) FROM breakers_rollup_10s r JOIN breakers_breaker b ON b.id = r.breaker_id"
        f" JOIN breakers_service s ON s.id = b.service_id WHERE s.name = '{service}'"
    )
    return int(rows(board, sql)[0][0])
