"""Filling: a store with as many events as asked for, straight into the tables, as if they had been posted over the last days."""

import time
import uuid
from datetime import UTC, datetime

from django.db import connection

from breakers import bulk, migrating
from breakers.domain.checking import check
from breakers.models import Service
from breakers.models.fields import to_us
from breakers.recording import record
from breakers.submissions import Submission

DAY_S = 86_400
BREAKERS = 2_000
# Of 100 events, this many belong to five busy breakers, the others to all.
BUSY = 25


def submission(service_id: int, breaker: str, instance: str = "a", count: int = 1) -> Submission:
    """One post of plain failures, as of now."""
    now = datetime.now(UTC)
    events = [
        {"id": str(uuid.uuid4()), "type": "failure", "breaker": breaker, "instance": instance, "duration_ms": 12.5}
        for _ in range(count)
    ]
    batch = check(events, to_us(now))
    return Submission(service_id, batch.reports, batch.refusals)


def begin() -> tuple[int, int]:
    """2,000 breakers with an instance each; (the service's id, the first breaker's id). Their ids follow each other, as do their instances'."""
    service = Service.objects.create(name="bench", created_at=datetime.now(UTC))
    for start in range(0, BREAKERS, 500):
        record([submission(service.pk, f"breaker-{n}") for n in range(start, start + 500)], datetime.now(UTC))
    [[first]] = bulk.select("SELECT min(id) FROM breakers_breaker")
    return service.pk, int(first)


def fill(service_id: int, first: int, events: int, *, days: int, offset: int = 0) -> float:
    """So many more events over the last `days`, and the rollups of 90 days; how long it took in s.

    `offset`: 0 or 1, microseconds that keep these ids apart from those of another call.
    """
    begun = time.monotonic()
    # Even both: ids that an offset makes odd meet none of them.
    step = days * DAY_S * 1_000_000 // events // 2 * 2
    start = (to_us(datetime.now(UTC)) - days * DAY_S * 1_000_000 - 3_600_000_000) // 2 * 2
    [[first_copy]] = bulk.select("SELECT min(id) FROM breakers_instance")
    breaker = f"CASE WHEN (i * 7919) % 100 < {BUSY} THEN (i * 31) % 5 ELSE (i * 104729) % {BREAKERS} END"
    postgresql = bulk.is_postgresql()
    numbers = (
        f"SELECT i::bigint FROM generate_series(1, {events}) AS i"
        if postgresql
        else f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {events}) SELECT i FROM n"
    )
    key = f"decode(md5(({offset} * 100000000000 + i)::text), 'hex')" if postgresql else "randomblob(16)"
    with connection.cursor() as cursor:
        migrating.begin("default")
        _without_indexes(cursor, postgresql)
        cursor.execute(
            "INSERT INTO breakers_event (id, service_id, key, breaker_id, instance_id, day, at, type, count, duration_ms)"
            f" SELECT {start + offset} + i * {step}, {service_id}, {key}, {first} + ({breaker}), {first_copy} + ({breaker}),"
            f" ({start + offset} + i * {step}) / {DAY_S * 1_000_000}, {start + offset} + i * {step}, 'failure', 1, 12.5"
            f" FROM ({numbers}) AS numbers"
        )
        _with_indexes(cursor, postgresql)
        cursor.execute("DELETE FROM breakers_rollup")
        for width in (60, 900, 21_600):
            back = range(0, 90, days) if width == 21_600 else (0,)
            for shift in back:
                cursor.execute(
                    "INSERT INTO breakers_rollup (breaker_id, width, at, failure, duration_sum_ms, duration_max_ms, d4)"
                    f" SELECT breaker_id, {width}, at / {width * 1_000_000} * {width} - {shift * DAY_S} AS bucket,"
                    " count(*), 12.5 * count(*), 12.5, count(*) FROM breakers_event"
                    + (f" WHERE at > {start + (days - 14) * DAY_S * 1_000_000}" if width == 60 else "")
                    + " GROUP BY breaker_id, bucket ON CONFLICT DO NOTHING"
                )
        _busy_minutes(cursor, first)
        cursor.execute("UPDATE breakers_board SET folded_until = %s", [to_us(datetime.now(UTC))])
        cursor.execute("ANALYZE")
        migrating.end("default")
    return time.monotonic() - begun


def _busy_minutes(cursor: object, first: int) -> None:
    """A busy breaker has calls in every minute of the last day and in every quarter of a day, however many events there are.

    Else a small store would be one of emptier charts, and be compared with a large one of full charts.
    """
    now = int(time.time())
    for width, seconds in ((60, DAY_S), (21_600, 90 * DAY_S)):
        rows = [
            (breaker, width, at)
            for breaker in range(first, first + 5)
            for at in range((now - seconds) // width * width, now, width)
        ]
        cursor.executemany(  # type: ignore[attr-defined]
            "INSERT INTO breakers_rollup (breaker_id, width, at, failure, duration_sum_ms, duration_max_ms, d4)"
            " VALUES (%s, %s, %s, 1, 12.5, 12.5, 1) ON CONFLICT DO NOTHING",
            rows,
        )


def _without_indexes(cursor: object, postgresql: bool) -> None:
    run = cursor.execute  # type: ignore[attr-defined]
    run("DROP INDEX events_of_a_breaker")
    if postgresql:
        run("ALTER TABLE breakers_event DROP CONSTRAINT one_event_a_key")


def _with_indexes(cursor: object, postgresql: bool) -> None:
    run = cursor.execute  # type: ignore[attr-defined]
    run("CREATE INDEX events_of_a_breaker ON breakers_event (day, breaker_id, at)")
    if postgresql:
        run("ALTER TABLE breakers_event ADD CONSTRAINT one_event_a_key UNIQUE (service_id, key)")
