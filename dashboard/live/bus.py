"""The bus: a nudge from process to process, by Redis. The tables are the truth, so a lost message does no harm.

Nobody waits for it: words are sent from a thread of their own with short time limits, one try a second while it fails.
A word is a version (`"412"`: the board is that far), or `"auth:<kind>:<id>"`: look again at the sockets of that one.
"""

import asyncio
import atexit
import contextlib
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import redis
import redis.asyncio
import redis.asyncio.retry
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

CHANNEL = "bb:live"
TIME_LIMIT = 0.5  # s, for the sender
REST = 1.0  # s between tries while Redis is away
SPACING = 0.05  # s between versions: frames go out each 100 ms at most, so more often would be work for nothing
SILENCE = 2.0  # s without a word before we ask whether the line still stands
MOST_WORDS = 1_000
DRAINED_WITHIN = 1.0  # s, at the end of a process
log = structlog.get_logger(__name__)


class Sender:
    """Says words on the bus, from whichever process and thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Condition()
        self._version = 0
        self._words: list[str] = []
        self._process: int | None = None
        # Taken from the list, and not yet with Redis.
        self._saying = False

    def say_version(self, version: int) -> None:
        """The board is this far. Only the newest is said."""
        with self._lock:
            waits = bool(self._version)
            self._version = max(self._version, version)
            if not waits:
                self._wake()

    def say(self, word: str) -> None:
        """Any other word; kept while Redis is away, the oldest dropped where there are too many."""
        with self._lock:
            self._words = [*self._words, word][-MOST_WORDS:]
            self._wake()

    def drain(self, within_s: float = DRAINED_WITHIN) -> bool:
        """Wait until all is said; whether it is. A process that ends at once (a command beside the board) takes no word along."""
        with self._lock:
            return self._lock.wait_for(lambda: not (self._version or self._words or self._saying), within_s)

    def _wake(self) -> None:
        # A forked worker inherits this object, but not its thread.
        if self._process != os.getpid():
            self._process = os.getpid()
            atexit.register(self.drain)
            threading.Thread(target=self._run, name="live-bus", daemon=True).start()
        self._lock.notify()

    def _run(self) -> None:
        client = redis.Redis.from_url(
            self._url, socket_timeout=TIME_LIMIT, socket_connect_timeout=TIME_LIMIT, retry=Retry(NoBackoff(), 0)
        )
        while True:
            with self._lock:
                while not (self._version or self._words):
                    self._lock.wait()
                version, words = self._version, self._words
                self._version, self._words = 0, []
                self._saying = True
            try:
                for word in [*words, *([str(version)] if version else [])]:
                    client.publish(CHANNEL, word)
            except redis.RedisError:
                log.debug("the bus did not take a word", exc_info=True)
                with self._lock:
                    self._version = max(self._version, version)
                    self._words = [*words, *self._words][-MOST_WORDS:]
                    self._saying = False
                time.sleep(REST)
            else:
                with self._lock:
                    self._saying = False
                    self._lock.notify_all()
                time.sleep(SPACING)


class Listener:
    """Hears the words on the bus, on the hub's event loop, and knows whether the line stands."""

    def __init__(self, url: str, heard: Callable[[str], None], turned: Callable[[bool], None]) -> None:
        self._url = url
        self._heard = heard
        self._turned = turned
        self.ok = False
        # Since when nothing is heard; None: the line stands, or nobody tried yet.
        self.lost_at: datetime | None = None

    async def run(self) -> None:
        """Listen until cancelled; connect again, once a second, for as long as it takes."""
        while True:
            try:
                await self._listen()
            except (redis.RedisError, OSError, TimeoutError) as error:
                (log.warning if self.ok else log.debug)("the bus is away: changes are polled", error=str(error))
            self.lost_at = self.lost_at or datetime.now(UTC)
            self._turn(False)
            await asyncio.sleep(REST)

    async def _listen(self) -> None:
        # No quiet reconnecting inside: a line that broke may have lost words, and the hub must know.
        retry = redis.asyncio.retry.Retry(NoBackoff(), 0)
        client = redis.asyncio.Redis.from_url(
            self._url, socket_connect_timeout=SILENCE, socket_timeout=SILENCE, retry=retry
        )
        line = client.pubsub()
        try:
            async with asyncio.timeout(SILENCE):
                await line.subscribe(CHANNEL)
            asked = False
            while True:
                message = await line.get_message(timeout=SILENCE)
                if message is None:
                    # A frozen server keeps its connections: only an answer proves that it lives.
                    if asked:
                        raise TimeoutError("Redis does not answer")
                    async with asyncio.timeout(SILENCE):
                        await line.ping()
                    asked = True
                    continue
                asked = False
                self._turn(True)
                if message["type"] == "message":
                    self._heard(message["data"].decode())
        finally:
            with contextlib.suppress(redis.RedisError, OSError, TimeoutError):
                async with asyncio.timeout(SILENCE):
                    await line.aclose()
                    await client.aclose()

    def _turn(self, ok: bool) -> None:
        if ok:
            self.lost_at = None
        if ok is not self.ok:
            self.ok = ok
            self._turned(ok)
