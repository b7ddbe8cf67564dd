"""The rows that recording works on, as the store has them: structs, times microseconds, JSON columns their text.

Django's objects would cost more than the database.
"""

from typing import Any

import msgspec

from breakers import bulk
from breakers.models.rollup import COUNTERS

encode = msgspec.json.Encoder(order="deterministic").encode
decode = msgspec.json.decode


def as_json(value: object) -> str:
    """The text of a JSON column."""
    return encode(value).decode()


class BreakerRow(msgspec.Struct):
    """A breaker as stored, and what the batch did to it."""

    id: int
    service_id: int
    name: str
    dependency: str
    labels: str
    headline: str
    state: str
    since: int
    reported_state: str | None
    instances: str
    strip: str
    next_probe_at: int | None
    last_event_at: int | None
    last_error_type: str | None
    opened_reason: str | None
    config: str
    silence_due_at: int | None
    calls_1m: int
    failures_1m: int
    rejected_1m: int
    # More than the hot columns changed.
    changed: bool = False


class InstanceRow(msgspec.Struct):
    """An instance as stored, and what the batch did to it."""

    id: int
    breaker_id: int
    name: str
    state: str
    since: int
    reported_state: str | None
    newest_at: int
    newest_sequence: int
    state_at: int | None
    state_sequence: int
    first_heard_at: int
    heard_at: int
    interval_s: int | None
    left_at: int | None
    stopped: bool
    next_probe_at: int | None
    library: str | None
    library_version: str | None
    config: str
    commands: str | None
    last_error_type: str | None
    quiet_until: int | None = None
    touched: bool = False
    changed: bool = False

    @property
    def counted_state(self) -> str:
        """Its state in the headline's counts: `gone` when it left."""
        return "gone" if self.left_at is not None else self.state


class Step(msgspec.Struct):
    """One change of one instance's state, not yet written. `to_state` is `gone` where it left the counts."""

    instance: InstanceRow
    from_state: str
    to_state: str
    at: int
    event_id: int | None = None
    sequence: int = -1
    gap: bool = False
    # It changed history, not the present.
    late: bool = False
    reason: dict[str, Any] | None = None
    # Since when the instance had been in `from_state`.
    after: int = 0


BREAKER_COLUMNS = (
    "id, service_id, name, dependency, {labels}, headline, state, since, reported_state, {instances}, {strip}, "
    "next_probe_at, last_event_at, last_error_type, {opened_reason}, {config}, silence_due_at, calls_1m, failures_1m, rejected_1m"
)
INSTANCE_COLUMNS = (
    "id, breaker_id, name, state, since, reported_state, newest_at, newest_sequence, state_at, state_sequence, "
    "first_heard_at, heard_at, interval_s, left_at, stopped, next_probe_at, library, library_version, {config}, "
    "{commands}, last_error_type, quiet_until"
)

add_to_rollups = bulk.add_up(
    "breakers_rollup_10s",
    {"at": "bigint", "breaker_id": "bigint"},
    {name: "float8" if name.startswith("duration") else "bigint" for name in COUNTERS},
    largest=("duration_max_ms",),
)
add_to_wide_rollups = bulk.add_up(
    "breakers_rollup",
    {"breaker_id": "bigint", "width": "bigint", "at": "bigint"},
    {name: "float8" if name.startswith("duration") else "bigint" for name in COUNTERS},
    largest=("duration_max_ms",),
)
touch_instances = bulk.update(
    "breakers_instance",
    {
        "newest_at": "bigint",
        "newest_sequence": "bigint",
        "heard_at": "bigint",
        "last_error_type": "text",
        "id": "bigint",
    },
)
save_instances = bulk.update(
    "breakers_instance",
    {
        "state": "text",
        "since": "bigint",
        "reported_state": "text",
        "newest_at": "bigint",
        "newest_sequence": "bigint",
        "state_at": "bigint",
        "state_sequence": "bigint",
        "heard_at": "bigint",
        "interval_s": "int",
        "left_at": "bigint",
        "stopped": "bool",
        "next_probe_at": "bigint",
        "library": "text",
        "library_version": "text",
        "config": "jsonb",
        "commands": "jsonb",
        "last_error_type": "text",
        "quiet_until": "bigint",
        "id": "bigint",
    },
)
touch_breakers = bulk.update(
    "breakers_breaker",
    {
        "version": "bigint",
        "last_event_at": "bigint",
        "last_error_type": "text",
        "calls_1m": "bigint",
        "failures_1m": "bigint",
        "rejected_1m": "bigint",
        "id": "bigint",
    },
)
save_breakers = bulk.update(
    "breakers_breaker",
    {
        "version": "bigint",
        "dependency": "text",
        "labels": "jsonb",
        "state": "text",
        "since": "bigint",
        "reported_state": "text",
        "instances": "jsonb",
        "strip": "jsonb",
        "next_probe_at": "bigint",
        "last_event_at": "bigint",
        "last_error_type": "text",
        "opened_reason": "jsonb",
        "config": "jsonb",
        "silence_due_at": "bigint",
        "calls_1m": "bigint",
        "failures_1m": "bigint",
        "rejected_1m": "bigint",
        "id": "bigint",
    },
)


def json_texts(columns: str) -> str:
    """Column names, JSON ones as text: PostgreSQL's driver would make objects of them."""
    names = ("labels", "instances", "strip", "opened_reason", "config", "commands", "limits")
    suffix = "::text" if bulk.is_postgresql() else ""
    return columns.format(**{name: name + suffix for name in names})
