"""Sharing: instances that keep one state in a store of theirs tell the same change each, sooner or later.

Part of the recording, called inside its transaction. The same change told by several within 10 s is one, with several witnesses.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from breakers.domain.reports import Report
from breakers.domain.silence import SECOND
from breakers.domain.states import State
from breakers.headlining import Step
from breakers.models import Event, Transition
from breakers.models.fields import from_us
from breakers.rows import InstanceRow

TOGETHER = 10 * SECOND
DAY = 86_400 * SECOND


def bears_witness(copy: InstanceRow, report: Report, steps: Iterable[Step], events: Sequence[tuple[Any, ...]]) -> bool:
    """Whether this change of the instance was told by another one already, and by this one not yet.

    steps, events: of this batch, not yet written; the report's own event is the last one.
    """
    first, last = report.at_us - TOGETHER, report.at_us + TOGETHER
    told = _told_by(copy, report, first, last, events[:-1])
    moved = [
        event_id
        for event_id in (
            *Transition.objects.filter(
                instance_id=copy.id, to_state=report.state, at__gte=from_us(first), at__lte=from_us(last)
            ).values_list("event_id", flat=True),
            *(s.event_id for s in steps if s.instance is copy and s.to_state == report.state and first <= s.at <= last),
        )
        if event_id is not None
    ]
    by_others = [event_id for event_id in moved if event_id not in told]
    by_itself = len(moved) - len(by_others)
    # What it told and what did not move it was its word on what others had told.
    return len(by_others) > len(told) - by_itself


def newest_of(copies: Iterable[InstanceRow]) -> InstanceRow | None:
    """Whose state was told last; None where nobody told one."""
    told = [copy for copy in copies if copy.left_at is None and copy.state_at is not None]
    return max(told, key=lambda copy: copy.state_at or 0, default=None)


def is_silent(copy: InstanceRow) -> bool:
    """Whether silence hides what it told last; one that told nothing yet is unknown for another reason."""
    return copy.state == State.STALE or (copy.state == State.UNKNOWN and copy.reported_state is not None)


def _told_by(copy: InstanceRow, report: Report, first: int, last: int, events: Sequence[tuple[Any, ...]]) -> set[int]:
    """The ids of its own changes to this state in that time."""
    stored = Event.objects.filter(
        breaker_id=copy.breaker_id,
        day__gte=first // DAY,
        day__lte=last // DAY,
        at__gte=from_us(first),
        at__lte=from_us(last),
        instance_id=copy.id,
        type="state_change",
        to_state=report.state,
    ).values_list("pk", flat=True)
    pending = (
        row[0]
        for row in events
        if row[4] == copy.id and row[7] == "state_change" and row[11] == report.state and first <= row[6] <= last
    )
    return {*stored, *pending}
