"""Remembering: settings that an instance told anew are kept beside those before, so that a page can show their history.

Part of the recording: called inside its transaction, never alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from breakers.models import SettingsChange
from breakers.models.fields import from_us
from breakers.rows import BreakerRow, InstanceRow, decode


class Told(NamedTuple):
    """Settings of an instance, and what held before."""

    breaker_id: int
    instance: str
    at_us: int
    before: dict[str, Any]
    after: dict[str, Any]


def told(breaker: BreakerRow, copy: InstanceRow, config: dict[str, Any], at_us: int) -> Iterable[Told]:
    """What is to be kept of new settings. A new instance that is set as the others are is no change."""
    before = decode(copy.config) or decode(breaker.config)
    if before != config:
        yield Told(breaker.id, copy.name, at_us, before, config)


def write(changes: Sequence[Told]) -> None:
    """Keep them."""
    if not changes:
        return
    SettingsChange.objects.bulk_create(
        SettingsChange(
            breaker_id=change.breaker_id,
            instance_name=change.instance,
            at=from_us(change.at_us),
            before=change.before,
            after=change.after,
        )
        for change in changes
    )
