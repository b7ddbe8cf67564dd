"""Filing: a report as the row of an event."""

from typing import Any

from breakers import bulk
from breakers.domain.reports import Report
from breakers.domain.silence import SECOND
from breakers.rows import as_json

DAY = 86_400 * SECOND

insert_events = bulk.insert(
    "breakers_event",
    {
        "id": "bigint",
        "service_id": "bigint",
        "key": "bytea",
        "breaker_id": "bigint",
        "instance_id": "bigint",
        "day": "int",
        "at": "bigint",
        "type": "text",
        "count": "int",
        "duration_ms": "float8",
        "duration_max_ms": "float8",
        "to_state": "text",
        "error_type": "text",
        "error_message": "text",
        "extra": "jsonb",
    },
)


def event_row(event_id: int, service_id: int, breaker_id: int, instance_id: int, report: Report) -> tuple[Any, ...]:
    extra = report.extra
    told = _told_beside(report)
    if told:
        extra = {**(extra or {}), **told}
    return (
        event_id,
        service_id,
        report.key or _random_key(event_id),
        breaker_id,
        instance_id,
        report.at_us // DAY,
        report.at_us,
        report.type,
        report.count,
        report.duration_ms,
        report.duration_max_ms,
        report.state,
        report.error_type,
        report.error_message,
        as_json(extra) if extra else None,
    )


def _told_beside(report: Report) -> dict[str, Any]:
    """The fields that have no column: kept in `extra`."""
    told: dict[str, Any] = {}
    if report.sequence >= 0:
        told["sequence"] = report.sequence
    if report.from_state is not None:
        told["from_state"] = report.from_state
    if report.reason is not None:
        told["reason"] = report.reason
    if report.durations is not None:
        told["durations"] = report.durations
    if report.shared:
        told["scope"] = "shared"
    return told


def _random_key(event_id: int) -> bytes:
    """The key of an event without an id: its own, which no other event has, out of the way of hashed ones."""
    return b"\x00" * 8 + event_id.to_bytes(8, "big")
