"""Marking: what those above say on a card: the incident that a breaker is in, and until when its alerts are silenced.

The only writer of these two columns. Nothing below reads them but the cards.
"""

from collections.abc import Mapping
from datetime import datetime

from breakers import bulk
from breakers.models.fields import to_us

_incidents = bulk.update("breakers_breaker", {"incident": "text", "version": "bigint", "id": "bigint"})
_silences = bulk.update("breakers_breaker", {"silenced_until": "bigint", "version": "bigint", "id": "bigint"})


def incidents(marks: Mapping[int, str | None], version: int) -> None:
    """{breaker: its incident, or None}. Inside `bulk.writing()`; the caller announces the version."""
    _incidents([(incident, version, id) for id, incident in marks.items()])


def silences(marks: Mapping[int, datetime | None], version: int) -> None:
    """{breaker: until when it is silenced, or None}. Inside `bulk.writing()`; the caller announces the version."""
    _silences([(None if until is None else to_us(until), version, id) for id, until in marks.items()])
