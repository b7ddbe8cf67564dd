"""Headlining: what the steps of instances make of their breaker: its headline, strip, outage and counts.

Part of the recording: called inside its transaction, never alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from breakers.domain.headlines import GONE, counted, folded, headline
from breakers.domain.silence import SECOND, judged
from breakers.domain.states import State
from breakers.models import Outage, Transition
from breakers.models.fields import from_us, to_us
from breakers.rows import BreakerRow, InstanceRow, as_json, decode
from breakers.workingset import WorkingSet

STRIP = 15 * 60 * SECOND


class Step(msgspec.Struct):
    """One change of one instance's state. `to_state` is `gone` where it left the counts."""

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


def apply(working: WorkingSet, breaker: BreakerRow, steps: Sequence[Step], listening_since: int) -> bool:
    """Write the steps, and draw the breaker anew; whether its headline changed."""
    _write_steps(breaker, steps, working.now)
    instances = working.of_breaker(breaker.id)
    present = [step for step in steps if not step.late]
    moved = {id(step.instance) for step in present}
    newest = max((copy.since for copy in instances if id(copy) not in moved), default=0)
    disordered = any(step.late for step in steps) or any(step.at < newest for step in present)
    if disordered or (present and min(step.at for step in present) < breaker.since):
        changed = _drawn_again(breaker, instances, min(step.at for step in steps), working.now)
    else:
        changed = _drawn_on(breaker, instances, present, working.now)
    refresh(breaker, instances, listening_since, working.now)
    return changed


def judge_anew(working: WorkingSet, breaker: BreakerRow, listening_since: int) -> bool:
    """The headline by the breaker's rule as it is now, from this moment on; whether it changed. What was stays drawn."""
    instances = working.of_breaker(breaker.id)
    state = str(headline(counted(copy.counted_state for copy in instances), breaker.headline))
    changed = state != breaker.state
    if changed:
        _write_changes(breaker, [(working.now, breaker.state, state)], {}, working.now)
    refresh(breaker, instances, listening_since, working.now)
    return changed


def refresh(breaker: BreakerRow, instances: Iterable[InstanceRow], listening_since: int, now: int) -> None:
    """Count the instances, and find the next moment at which silence may change one."""
    live = [copy for copy in instances if copy.left_at is None]
    breaker.instances = as_json(counted(copy.state for copy in live))
    probes = [copy.next_probe_at for copy in live if copy.state == State.OPEN and copy.next_probe_at is not None]
    breaker.next_probe_at = min(probes, default=None) if breaker.state == State.OPEN else None
    due = [judged(copy.state, max(copy.heard_at, listening_since), copy.interval_s, now)[2] for copy in live]
    breaker.silence_due_at = min((moment for moment in due if moment is not None), default=None)
    breaker.changed = True


def _write_steps(breaker: BreakerRow, steps: Iterable[Step], now: int) -> None:
    Transition.objects.bulk_create(
        Transition(
            breaker_id=breaker.id,
            instance_id=step.instance.id,
            instance_name=step.instance.name,
            from_state=step.from_state,
            to_state=step.to_state,
            at=from_us(step.at),
            sequence=step.sequence,
            recorded_at=from_us(now),
            event_id=step.event_id,
            gap=step.gap,
            late=step.late,
            reason=step.reason,
        )
        for step in steps
    )


def arrive_earlier(copy: InstanceRow, at: int) -> None:
    """It was there before we heard of it: what it tells first is older than the event that it arrived with."""
    Transition.objects.filter(instance_id=copy.id, from_state=GONE).update(at=from_us(at))
    copy.since = at


def _drawn_on(breaker: BreakerRow, instances: Iterable[InstanceRow], steps: Sequence[Step], now: int) -> bool:
    """The headline's changes at the end of what was drawn."""
    ordered = sorted(steps, key=lambda step: (step.at, step.sequence))
    before = {copy.id: copy.counted_state for copy in instances}
    for step in reversed(ordered):
        before[step.instance.id] = step.from_state
    changes = folded(before, [(s.at, s.instance.id, s.to_state) for s in ordered], breaker.headline, breaker.state)
    _write_changes(breaker, changes, {(step.at, step.to_state): step for step in reversed(ordered)}, now)
    return bool(changes)


def _write_changes(
    breaker: BreakerRow, changes: Sequence[tuple[int, str, str]], causes: Mapping[tuple[int, str], Step], now: int
) -> None:
    for at, from_state, to_state in changes:
        cause = causes.get((at, to_state))
        Transition.objects.create(
            breaker_id=breaker.id,
            from_state=from_state,
            to_state=to_state,
            at=from_us(at),
            recorded_at=from_us(now),
            event_id=cause.event_id if cause else None,
            gap=cause.gap if cause else False,
            reason=cause.reason if cause else None,
        )
        _follow_outage(breaker, at, from_state, to_state, cause)
        breaker.state, breaker.since = to_state, at
    if changes:
        _extend_strip(breaker, [[at, to_state] for at, _, to_state in changes], now)


def _follow_outage(breaker: BreakerRow, at: int, from_state: str, to_state: str, cause: Step | None) -> None:
    under_way = Outage.objects.filter(breaker_id=breaker.id, ended_at=None)
    if to_state == State.OPEN:
        reason = cause.reason if cause else None
        outage = under_way.first()
        if outage is None:
            Outage.objects.create(
                breaker_id=breaker.id,
                started_at=from_us(at),
                reason=reason,
                first_instance=cause.instance.name if cause else None,
            )
            breaker.opened_reason = as_json(reason) if reason else None
        elif from_state == State.HALF_OPEN:
            outage.failed_probes += 1
            outage.save(update_fields=["failed_probes"])
    elif to_state == State.CLOSED:
        under_way.update(ended_at=from_us(at))


def _extend_strip(breaker: BreakerRow, marks: list[list[Any]], now: int) -> None:
    strip = sorted([*decode(breaker.strip), *marks], key=lambda mark: mark[0])
    first = max((index for index, mark in enumerate(strip) if mark[0] <= now - STRIP), default=0)
    breaker.strip = as_json(strip[first:])


def _drawn_again(breaker: BreakerRow, instances: Iterable[InstanceRow], start: int, now: int) -> bool:
    """The headline's history from `start` on, folded anew from the instances' rows. Rows that stay right are kept."""
    of_breaker = Transition.objects.filter(breaker_id=breaker.id)
    headlines = of_breaker.filter(instance_name=None)
    known: dict[int, str] = {}
    pieces: list[tuple[int, int, str]] = []
    first = from_us(start)
    copies = of_breaker.exclude(instance_name=None).order_by("at", "sequence", "id")
    causes = {}
    for row in copies.filter(at__lt=first).order_by("instance_id", "-at", "-sequence", "-id"):
        if row.instance_id is not None:
            known.setdefault(row.instance_id, row.to_state)
    for row in copies.filter(at__gte=first):
        if row.instance_id is not None:
            pieces.append((to_us(row.at), row.instance_id, row.to_state))
            causes[to_us(row.at), row.to_state] = row
    known = {instance: state for instance, state in known.items() if state != GONE}
    last = headlines.filter(at__lt=first).order_by("-at", "-id").first()
    changes = folded(known, pieces, breaker.headline, last.to_state if last else State.UNKNOWN)
    before = breaker.state
    present = headline(counted(copy.counted_state for copy in instances), breaker.headline)
    drawn = changes[-1][2] if changes else last.to_state if last else State.UNKNOWN
    if drawn != present:
        # Whatever history says, what the instances said last is what is shown.
        changes.append((now, drawn, present))
    _replace_headlines(breaker, headlines.filter(at__gte=first), changes, causes, before, now)
    if changes:
        breaker.since, _, breaker.state = changes[-1]
    elif last:
        breaker.since, breaker.state = to_us(last.at), last.to_state
    else:
        breaker.since, breaker.state = start, str(State.UNKNOWN)
    _draw_outages_again(breaker, first)
    recent = headlines.filter(at__gt=from_us(now - STRIP)).order_by("at", "id").values_list("at", "to_state")
    base = headlines.filter(at__lte=from_us(now - STRIP)).order_by("-at", "-id").values_list("at", "to_state").first()
    marks = [*([base] if base else []), *recent]
    breaker.strip = as_json([[to_us(at), state] for at, state in marks] or [[breaker.since, breaker.state]])
    return breaker.state != before


def _replace_headlines(
    breaker: BreakerRow,
    existing: Any,
    changes: Sequence[tuple[int, str, str]],
    causes: dict[tuple[int, str], Transition],
    before: str,
    now: int,
) -> None:
    kept = {(to_us(row.at), row.from_state, row.to_state): row.pk for row in existing}
    wanted = set(changes)
    Transition.objects.filter(pk__in=[pk for key, pk in kept.items() if key not in wanted]).delete()
    for index, (at, from_state, to_state) in enumerate(changes):
        if (at, from_state, to_state) in kept:
            continue
        cause = causes.get((at, to_state))
        Transition.objects.create(
            breaker_id=breaker.id,
            from_state=from_state,
            to_state=to_state,
            at=from_us(at),
            recorded_at=from_us(now),
            event_id=cause.event_id if cause else None,
            gap=cause.gap if cause else False,
            reason=cause.reason if cause else None,
            # The newest one is the present, however late it was told.
            late=index < len(changes) - 1 or to_state == before,
        )


def _draw_outages_again(breaker: BreakerRow, first: Any) -> None:
    """The outages from the one that `first` falls into, anew from the headline's rows."""
    touched = Outage.objects.filter(breaker_id=breaker.id, ended_at__gte=first) | Outage.objects.filter(
        breaker_id=breaker.id, ended_at=None
    )
    begin = min([first, *touched.values_list("started_at", flat=True)])
    touched.delete()
    Outage.objects.filter(breaker_id=breaker.id, started_at__gte=begin).delete()
    rows = Transition.objects.filter(breaker_id=breaker.id, instance_name=None, at__gte=begin).order_by("at", "id")
    outage: Outage | None = None
    for row in rows:
        if row.to_state == State.OPEN and outage is None:
            outage = Outage(breaker_id=breaker.id, started_at=row.at, reason=row.reason, first_instance=_teller(row))
            breaker.opened_reason = as_json(row.reason) if row.reason else None
        elif row.to_state == State.OPEN and row.from_state == State.HALF_OPEN and outage is not None:
            outage.failed_probes += 1
        elif row.to_state == State.CLOSED and outage is not None:
            outage.ended_at = row.at
            outage.save()
            outage = None
    if outage is not None:
        outage.save()


def _teller(row: Transition) -> str | None:
    """The instance whose event made the headline change."""
    if row.event_id is None:
        return None
    told = Transition.objects.filter(breaker_id=row.breaker_id, event_id=row.event_id).exclude(instance_name=None)
    return told.values_list("instance_name", flat=True).first()
