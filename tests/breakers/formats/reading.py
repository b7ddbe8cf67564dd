"""Reads a body as the webhook does, without its HTTP."""

import json
from datetime import UTC, datetime
from typing import Any

from breakers.domain import formats
from breakers.domain.checking import check
from breakers.domain.foreign import Body
from breakers.domain.reports import Batch, Report
from breakers.models.fields import from_us, to_us

NOW = datetime(2026, 11, 23, 8, 5, tzinfo=UTC)


def read(name: str, body: object, kind: Body = Body.JSON, *, instance: str | None = None, now: datetime = NOW) -> Batch:
    """What becomes of a body: text and bytes as they are, anything else as JSON."""
    if isinstance(body, str):
        body = body.encode()
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    batch = check(formats.read(name, kind, instance, raw), to_us(now))
    assert len(batch.reports) + len(batch.refusals) + batch.dropped == batch.sent
    return batch


def lines(*items: object) -> str:
    """NDJSON."""
    return "\n".join(json.dumps(item) for item in items)


def streamed(*items: object) -> str:
    """Server-sent events."""
    return "".join(f"data: {json.dumps(item)}\n\n" for item in items)


def told(batch: Batch) -> list[str]:
    """What the reports say, one short line each; nothing may be refused."""
    assert batch.refusals == []
    return [_line(report) for report in batch.reports]


def refused(batch: Batch) -> list[tuple[int, str, str]]:
    """What was refused: index, code, sentence."""
    return [(refusal.index, refusal.code, refusal.detail) for refusal in batch.refusals]


def attributes(report: Report) -> dict[str, Any]:
    """What is kept with the event."""
    kept: dict[str, Any] = (report.extra or {}).get("attributes", {})
    return kept


def _line(report: Report) -> str:
    step = (
        f" {report.from_state or '?'} → {report.state}" if report.type == "state_change" else f" {report.state or ''}"
    )
    return f"{from_us(report.at_us):%H:%M:%S.%f} {report.instance}/{report.breaker} {report.type}{step}".rstrip()
