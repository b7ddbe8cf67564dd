"""Watching: a part that runs and does nothing is worse than one that died. It is started again.

Workers and beat by their pulse, the web process by an answer (one of several by its signs of life), Valkey by a ping; workers by their memory too.
"""

import asyncio
import http.client
import json
import os
import time
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, connection

from dashboard import health, living, valkey
from dashboard.parts import THREADS
from dashboard.supervising import Child

LOOK_EVERY = 5.0  # s
DEAD_AFTER = 60.0  # s without a sign of life; also the time that a new process has for its first
MOST_MEMORY = 300 * 1024 * 1024  # bytes of a worker
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (not listened on here)
PULSES = {"evaluate": "worker:evaluate", "deliver": "worker:deliver", "beat": "beat"}
WATCHED = {"valkey", "web", *PULSES}


class Watch:
    """Looks at each child every few seconds."""

    def __init__(self, children: dict[str, Child], host: str, port: int, server: valkey.Embedded | None) -> None:
        self._children = children
        self._address = (WILDCARDS.get(host, host), port)
        self._valkey = server
        self._seen_at: dict[str, float] = {}
        self._restarts: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._look()

    async def readiness(self) -> dict[str, Any] | None:
        """What `/readyz` tells; None where nothing answers."""
        return await asyncio.to_thread(get, self._address, "/readyz")

    async def _look(self) -> None:
        broker_answers = await self._broker_answers()
        if broker_answers:
            self._seen("valkey")
        if await asyncio.to_thread(get, self._address, "/livez") is not None:
            self._seen("web")
        self.hear_signs()
        # Without a broker no pulse can arrive, on a full disk none can be written: then a worker's silence says nothing of the worker.
        database = (await self.readiness() or {}).get("database", {})
        ages = await asyncio.to_thread(_ages) if broker_answers and database.get("ok") else None
        # The scheduler asks the workers for their pulse: while it stands still they are judged as of its last sign.
        beat = None if ages is None else ages["beat"]
        unasked = beat if beat is not None and beat >= health.PULSE_DEAD_AFTER else 0.0
        for name, part in PULSES.items():
            age = 0.0 if ages is None else ages[part]
            if age is not None and name != "beat":
                age = max(0.0, age - unasked)
            if age is not None:
                self._seen(name, age)
        for name, child in self._children.items():
            self._judge(name, child)

    def hear_signs(self) -> None:
        """Those that say themselves that they live."""
        for name, child in self._children.items():
            if child.part.signs is not None and living.has_shown(child.part.signs):
                self._seen(name)

    async def _broker_answers(self) -> bool:
        if self._valkey is not None:
            return await self._valkey.answers()
        return bool((await health.asked(health.broker()))["ok"])

    def _seen(self, name: str, seconds_ago: float = 0.0) -> None:
        # Never back: after a broker or a database that was away, a pulse has its time to come.
        self._seen_at[name] = max(self._seen_at.get(name, 0.0), time.monotonic() - seconds_ago)

    def _judge(self, name: str, child: Child) -> None:
        if (name not in WATCHED and child.part.signs is None) or child.pid is None:
            return
        silent = min(time.monotonic() - self._seen_at.get(name, 0.0), child.age)
        held = resident(child.pid) if name in THREADS else 0
        if silent > DEAD_AFTER:
            self._restart(child, f"no sign of life for {silent:.0f} s")
        elif held > MOST_MEMORY:
            self._restart(child, f"it holds {held // 1024 // 1024} MB of memory")

    def _restart(self, child: Child, reason: str) -> None:
        running = self._restarts.get(child.name)
        if running is None or running.done():
            self._restarts[child.name] = asyncio.create_task(child.restart(reason))


def get(address: tuple[str, int], path: str) -> dict[str, Any] | None:
    """The JSON that our own web process answers within 5 s; None where it does not."""
    client = http.client.HTTPConnection(*address, timeout=5)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        told: dict[str, Any] = {**json.loads(answer.read(65_536)), "http": answer.status}
        return told
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return None
    finally:
        client.close()


def resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where the system does not say (Linux does)."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _ages() -> dict[str, float | None] | None:
    """How old each pulse is; None while the database does not say."""
    try:
        return health.pulse_ages(datetime.now(UTC))
    except DatabaseError:
        return None
    finally:
        connection.close()
