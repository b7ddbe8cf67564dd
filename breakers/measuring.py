"""Measuring: how large the store is, by kind of row. Counting reads whole indexes, so it is done now and then, not at each look."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import OperationalError
from django.db.models import Max, Sum

from breakers import bulk
from breakers.domain.retention import WIDTHS
from breakers.models import StoreSize
from breakers.models.fields import from_us

MEASURED_EVERY = timedelta(hours=1)
# A small store is counted in no time: each time that somebody asks.
SMALL = 2_000_000  # rows
# {kind: (table, the column that tells its age in microseconds)}
TABLES = {
    "events": ("breakers_event", "id"),
    "requests": ("breakers_request", "received_at"),
    "10s": ("breakers_rollup_10s", "at * 1000000"),
    "transitions": ("breakers_transition", "at"),
    "outages": ("breakers_outage", "started_at"),
    "commands": ("breakers_command", "issued_at"),
    "sources": ("breakers_source", "first_heard_at"),
    "refusals": ("breakers_refusal", "at"),
    "audit": ("breakers_audit", "at"),
}


class Disk(NamedTuple):
    """Bytes: of the database, of what it waits to write into it, free inside it for new rows, free on the disk (None: not known)."""

    database: int
    log: int
    reusable: int
    free: int | None


def measure(at: datetime) -> list[StoreSize]:
    """Count every kind, and keep what was found."""
    bytes_of = _bytes()
    sizes = []
    for kind, (table, age) in TABLES.items():
        [[rows, oldest]] = bulk.select(f"SELECT count(*), min({age}) FROM {table}")  # noqa: S608
        sizes.append(_size(kind, rows, bytes_of.get(table), oldest, at))
    wide = {
        row[0]: row[1:] for row in bulk.select("SELECT width, count(*), min(at) FROM breakers_rollup GROUP BY width")
    }
    total = sum(rows for rows, _ in wide.values())
    for kind, width in list(WIDTHS.items())[1:]:
        rows, oldest = wide.get(width, (0, None))
        share = bytes_of["breakers_rollup"] * rows // max(total, 1) if "breakers_rollup" in bytes_of else None
        sizes.append(_size(kind, rows, share, None if oldest is None else oldest * 1_000_000, at))
    fields = ["rows", "bytes", "oldest_at", "measured_at"]
    with bulk.writing():
        StoreSize.objects.bulk_create(sizes, update_conflicts=True, unique_fields=["kind"], update_fields=fields)
    return sizes


def measure_if_due(at: datetime) -> bool:
    """Measure where the last time was an hour ago, or the store was small then."""
    known = StoreSize.objects.aggregate(rows=Sum("rows"), at=Max("measured_at"))
    if known["rows"] is not None and known["rows"] > SMALL and known["at"] > at - MEASURED_EVERY:
        return False
    measure(at)
    return True


def disk() -> Disk:
    """What the store takes now. Cheap."""
    if bulk.is_postgresql():
        return Disk(int(bulk.select("SELECT pg_database_size(current_database())")[0][0]), 0, 0, None)
    [[page]], [[pages]], [[unused]] = (
        bulk.select(f"PRAGMA {name}") for name in ("page_size", "page_count", "freelist_count")
    )
    path = Path(str(settings.DATABASES["default"]["NAME"]))
    log = path.with_name(path.name + "-wal")
    return Disk(
        page * pages, log.stat().st_size if log.exists() else 0, page * unused, shutil.disk_usage(path.parent).free
    )


def _size(kind: str, rows: int, size: int | None, oldest: int | None, at: datetime) -> StoreSize:
    return StoreSize(
        kind=kind, rows=rows, bytes=size, oldest_at=None if oldest is None else from_us(oldest), measured_at=at
    )


def _bytes() -> dict[str, int]:
    """Bytes by table, with its indexes; empty where this SQLite can't tell."""
    if bulk.is_postgresql():
        return {
            row[0]: int(row[1])
            for row in bulk.select("SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'breakers_%%'")
        }  # fmt: skip
    try:
        rows = bulk.select(
            "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_master m ON m.name = d.name"
            " WHERE d.aggregate = 1 GROUP BY m.tbl_name"
        )
    except OperationalError:
        return {}
    return {row[0]: int(row[1]) for row in rows}
