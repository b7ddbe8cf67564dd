"""Checking: posted events become reports, or refusals by their index. No I/O, no clock."""

from datetime import timedelta
from typing import Any

from breakers.domain.fields import FIELDS, bounded, more
from breakers.domain.keeping import EVERYTHING, Keeping
from breakers.domain.reports import (
    DROPPED,
    KEPT,
    MOST_DEEP,
    TYPES,
    Alert,
    BadBody,
    BadLine,
    Batch,
    Refusal,
    Report,
    key_of,
    named_type,
    shown,
)

_MICROSECOND = timedelta(microseconds=1)
_TYPES = frozenset(TYPES)


class _Refused(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def check(
    events: list[Any],
    received_us: int,
    *,
    idempotency_key: str | None = None,
    keeping: Keeping = EVERYTHING,
    kept_for: timedelta = KEPT,
) -> Batch:
    """Check each event, and keep of its texts what may be kept. Errors: BadBody 400 where one is nested too deep.

    kept_for: how long raw events are kept; older ones are refused.
    """
    if keeping.depth < MOST_DEEP:
        _require_flat(events, keeping.depth)
    reports: list[Report] = []
    refusals: list[Refusal] = []
    dropped = 0
    alerts = False
    oldest_us = received_us - kept_for // _MICROSECOND
    for index, event in enumerate(events):
        try:
            if not isinstance(event, dict):
                if event is DROPPED:
                    dropped += 1
                    continue
                raise _unreadable(event)
            report = _report(index, event, received_us)
            if isinstance(event, Alert):
                report.alert, report.fires, alerts = event.alert, event.fires, True
            if report.at_us < oldest_us:
                raise _too_old(event, kept_for)
            _keep(report, keeping)
        except _Refused as refused:
            if isinstance(event, dict):
                # Where it is nested too deep, that comes first, whatever else is wrong with it.
                bounded(event, 1)
            refusals.append(Refusal(index, refused.code, str(refused)))
            continue
        if report.key is None and idempotency_key is not None:
            report.key = key_of(f"{idempotency_key}\n{index}")
        reports.append(report)
    return Batch(reports, refusals, len(events), dropped, alerts)


def _report(index: int, event: dict[str, Any], received_us: int) -> Report:
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        if kind is None:
            raise _Refused("missing_field", "'type' is missing; every event needs a type and a breaker")
        spelt = named_type(kind) if isinstance(kind, str) else None
        if spelt is None:
            raise _Refused("unknown_type", f"unknown type {shown(kind)}; expected one of {', '.join(TYPES)}")
        kind = spelt
    if event.get("breaker") is None:
        raise _Refused("missing_field", "'breaker' is missing; every event needs a type and a breaker")
    report = Report(index, kind, "", received_us)
    for field, value in event.items():
        take = FIELDS.get(field)
        if take is None:
            more(report, "attributes", field, bounded(value))
        elif value is not None:
            try:
                take(report, value)
            except ValueError as error:
                raise _Refused("bad_value", f"'{field}': {error}") from error
    if report.at_us > received_us:
        more(report, "attributes", "occurred_at", event["occurred_at"])
        report.at_us = received_us
    _needs_its_state(report)
    return report


def _keep(report: Report, keeping: Keeping) -> None:
    """Of what the service says beside numbers and names, what may be kept; how much was cut is said with the event."""
    if report.error_type is not None:
        report.error_type = keeping.kind(report.error_type)
    if report.error_message is not None:
        report.error_message = keeping.message(report.error_message)
    if report.dependency is not None:
        report.dependency = keeping.name(report.dependency)
    extra = report.extra
    cut: dict[str, int] = {}
    if report.reason is not None:
        report.reason, cut["reason"] = keeping.reason(report.reason)
    if report.config is not None:
        report.config, cut["config"] = keeping.config(report.config)
    if report.labels is not None:
        report.labels = keeping.labels(report.labels)
    if extra is not None and "attributes" in extra:
        kept, cut["attributes"] = keeping.attributes(extra["attributes"])
        # The event's own: what is remembered is others' too, and more may be added to it.
        extra["attributes"] = dict(kept)
    if any(cut.values()):
        report.extra = {**(extra or {}), "cut": {part: size for part, size in cut.items() if size}}


def _too_old(event: dict[str, Any], kept_for: timedelta) -> _Refused:
    at = event["occurred_at"]
    return _Refused("too_old", f"'occurred_at' {at} is older than the {kept_for.days} days that events are kept")


def _unreadable(event: Any) -> _Refused:
    if isinstance(event, BadLine):
        return _Refused(event.code, event.detail)
    return _Refused("bad_json", f"{shown(event)} is no object")


def _needs_its_state(report: Report) -> None:
    if report.type == "state_change":
        report.state = (report.extra or {}).pop("to_state", None)
        if report.state is None:
            raise _Refused("missing_field", "'to_state' is missing; a state_change needs one")
    elif report.type == "heartbeat":
        report.state = (report.extra or {}).pop("state", None)
        if report.state is None:
            raise _Refused("missing_field", "'state' is missing; a heartbeat needs one")
    elif report.extra:
        report.extra.pop("to_state", None)
        report.extra.pop("state", None)
    if not report.extra:
        report.extra = None


def _require_flat(value: Any, depth: int, at: int = 1) -> None:
    """Errors: BadBody where it is nested deeper than the service may."""
    if isinstance(value, dict | list):
        if at > depth:
            raise BadBody(400, f"the body is nested deeper than {depth}, the limit of this service")
        for inner in value.values() if isinstance(value, dict) else value:
            _require_flat(inner, depth, at + 1)
