"""Health: alive, and ready. Each part is asked by itself and within 2 s; what does not answer in time is not well.

`GET /livez` asks nothing. `GET /readyz` names database, redis, worker and beat, 503 while one is not well;
`?for=ingest` asks only what posting events needs: a database that can be written.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import redis.asyncio
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from breakers.models import Board, Pulse

ANSWER_WITHIN = 2.0  # s
PULSE_DEAD_AFTER = 30.0  # s
# Three times the intake's: on a full disk the lock can still be had, and nothing written.
STORED_WITHIN = 15.0  # s
PARTS = {"worker:evaluate": "worker", "worker:deliver": "worker", "beat": "beat"}
Told = dict[str, Any]

# Their own threads: a database that hangs must not take those of the pages, nor a lock that is held the reading.
_readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health-read")
_writers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="health-write")
# Anyone may ask, and asking takes the writers' lock: at most once in this time, by the monotonic clock.
ASK_EVERY = 0.5  # s
_written: tuple[float, Told] | None = None


@require_safe
async def livez(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return _answer({"status": "ok"}, 200)


@require_safe
async def readyz(request: HttpRequest) -> JsonResponse:
    """Each part with `ok`, and what is known of it."""
    if request.GET.get("for") == "ingest":
        parts = {"database": await asked(_in_thread(_writers, _database_is_writable))}
    else:
        pulses, redis_server, database = await asyncio.gather(
            asked(_in_thread(_readers, _pulses)),
            asked(broker()),
            asked(_in_thread(_writers, _database_is_writable)),
        )
        unknown = {"ok": False, "detail": "not known while the database does not answer"}
        parts = {
            "database": database,
            "redis": redis_server,
            "worker": pulses.get("worker", unknown),
            "beat": pulses.get("beat", unknown),
        }
    ready = all(part["ok"] for part in parts.values())
    return _answer({"status": "ok" if ready else "not ready", **parts}, 200 if ready else 503)


def pulse_ages(now: datetime) -> dict[str, float | None]:
    """Seconds since each part of ours last proved that it works; None: it never did."""
    known = dict(Pulse.objects.filter(part__in=PARTS).values_list("part", "at"))
    return {part: (now - known[part]).total_seconds() if part in known else None for part in PARTS}


def _pulses() -> Told:
    """The worst pulse of the worker's queues, and beat's."""
    told: Told = {}
    ages = pulse_ages(datetime.now(UTC))
    beat = ages.get("beat")
    unasked = beat if beat is not None and beat >= PULSE_DEAD_AFTER else 0.0
    for part, age in ages.items():
        # Workers prove themselves when they are asked to, and the scheduler asks: while it stands still they are judged as of its last sign.
        ok = age is not None and age - (unasked if part != "beat" else 0.0) < PULSE_DEAD_AFTER
        one: Told = {"ok": ok, "age_s": None if age is None else round(max(age, 0.0), 1)}
        if part.startswith("worker:"):
            one["queue"] = part.partition(":")[2]
        name = PARTS[part]
        if name not in told or (told[name]["ok"] and (not ok or one["age_s"] > told[name]["age_s"])):
            told[name] = one
    return told


def _database_is_writable() -> Told:
    """Touch the board's row as a writer does, and leave everything as it was; see when the intake last stored its pulse."""
    global _written
    started = time.monotonic()
    if _written is not None and started - _written[0] < ASK_EVERY:
        return _written[1]
    with transaction.atomic():
        Board.objects.update(version=F("version"))
        stored_at = Board.objects.values_list("intake_pulse_at", flat=True).get()
        transaction.set_rollback(True)
    told: Told = {"ok": True, "ms": round((time.monotonic() - started) * 1000, 1)}
    age = None if stored_at is None else (datetime.now(UTC) - stored_at).total_seconds()
    if age is None or age >= STORED_WITHIN:
        told |= {
            "ok": False,
            "detail": "nothing was stored yet" if age is None else f"nothing was stored for {age:.0f} s",
        }
    _written = (time.monotonic(), told)
    return told


async def broker() -> Told:
    """Ask Redis, on a connection of its own: a pool may hold one that is frozen."""
    started = time.monotonic()
    client = redis.asyncio.Redis.from_url(
        settings.REDIS_URL, socket_timeout=ANSWER_WITHIN, socket_connect_timeout=ANSWER_WITHIN
    )
    try:
        await client.ping()
    finally:
        await client.aclose()
    return {"ok": True, "ms": round((time.monotonic() - started) * 1000, 1)}


async def _in_thread(threads: ThreadPoolExecutor, ask: Callable[[], Told]) -> Told:
    return await asyncio.get_running_loop().run_in_executor(threads, _with_connection, ask)


def _with_connection(ask: Callable[[], Told]) -> Told:
    """Threads of ours get no request signals that would tidy their connection."""
    try:
        connection.close_if_unusable_or_obsolete()
        return ask()
    except DatabaseError:
        connection.close()
        raise


async def asked(answer: Awaitable[Told]) -> Told:
    """The answer, or why there is none in time."""
    try:
        return await asyncio.wait_for(answer, ANSWER_WITHIN)
    except TimeoutError:
        return {"ok": False, "detail": f"no answer within {ANSWER_WITHIN:g} s"}
    except (DatabaseError, redis.RedisError, OSError) as error:
        # Anyone may read this page: the class says enough, the message may name hosts and people.
        return {"ok": False, "detail": type(error).__name__}


def _answer(told: Told, status: int) -> JsonResponse:
    response = JsonResponse(told, status=status)
    response["Cache-Control"] = "no-store"
    return response
