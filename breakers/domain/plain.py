"""Plain: reports of outcomes that are told in the plainest way, read in one step.

What it gives is what `reports.check(reports.read_json(body), …)` gives, for a third of the work; None where the body is
anything else, or anything in it is to be refused, folded, cut short or kept aside: then that is asked.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from breakers.domain.keeping import EVERYTHING, Keeping
from breakers.domain.reports import (
    KEPT,
    LARGEST,
    MOST_EVENTS,
    NAME_LENGTH,
    TEXT_LENGTH,
    Report,
    key_of,
    moment_us,
)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]
# A quarter of the bytes that are kept: however long each character is, nothing is cut.
Text = Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH // 4)]
Duration = Annotated[float, msgspec.Meta(ge=0, le=LARGEST)]
# How deep an event's error lies in a body.
DEEPEST = 4


class _Error(msgspec.Struct, forbid_unknown_fields=True):
    type: Annotated[str, msgspec.Meta(max_length=NAME_LENGTH)] | None = None
    message: Text | None = None


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["failure", "timeout", "success", "rejected", "slow", "retry", "fallback", "ignored"]
    breaker: Name
    instance: Name = "default"
    dependency: Name | msgspec.UnsetType = msgspec.UNSET
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LENGTH)] | msgspec.UnsetType = msgspec.UNSET
    occurred_at: str | msgspec.UnsetType = msgspec.UNSET
    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = -1
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    duration_ms: Duration | msgspec.UnsetType = msgspec.UNSET
    duration_max_ms: Duration | msgspec.UnsetType = msgspec.UNSET
    error: _Error | msgspec.UnsetType = msgspec.UNSET


class _Several(msgspec.Struct, forbid_unknown_fields=True):
    events: list[_Plain]


_one = msgspec.json.Decoder(_Plain | list[_Plain]).decode
_several = msgspec.json.Decoder(_Several).decode


def plain(
    body: bytes, received_us: int, *, keeping: Keeping = EVERYTHING, kept_for: timedelta = KEPT
) -> list[Report] | None:
    """The reports of a body that holds plain outcomes and nothing else; None of any other."""
    if keeping.depth < DEEPEST:
        return None
    oldest_us = received_us - kept_for // timedelta(microseconds=1)
    try:
        if body.startswith(b'{"events"'):
            told = _several(body).events
        else:
            read = _one(body)
            told = read if isinstance(read, list) else [read]
        if len(told) > MOST_EVENTS:
            return None
        reports = [_report(index, event, received_us, oldest_us, keeping) for index, event in enumerate(told)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return reports if None not in reports else None  # type: ignore[return-value]


def _report(index: int, event: _Plain, received_us: int, oldest_us: int, keeping: Keeping) -> Report | None:
    unset = msgspec.UNSET
    told_at = event.occurred_at
    told_us = None if told_at is unset else moment_us(told_at)
    at_us = received_us if told_us is None else told_us
    dependency = None if event.dependency is unset else event.dependency
    if dependency is not None and ("://" in dependency or keeping.patterns):
        dependency = keeping.name(dependency)
    if not oldest_us <= at_us <= received_us or not _are_names(event.breaker, event.instance, dependency):
        return None
    error_type = error_message = None
    if event.error is not unset:
        error_type, error_message = event.error.type, event.error.message
        if "\x00" in (error_type or "") or "\x00" in (error_message or ""):
            return None
    return Report(
        index,
        event.type,
        event.breaker,
        at_us,
        told_us,
        event.instance,
        dependency,
        None if event.id is unset else key_of(event.id),
        event.sequence,
        event.count,
        None if event.duration_ms is unset else event.duration_ms,
        None if event.duration_max_ms is unset else event.duration_max_ms,
        error_type=None if error_type is None else keeping.kind(error_type),
        error_message=None if error_message is None else keeping.message(error_message),
    )


def _are_names(*names: str | None) -> bool:
    return all(name is None or (name.strip() and "\x00" not in name) for name in names)
