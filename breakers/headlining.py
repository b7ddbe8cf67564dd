"""Headlining: what the steps of instances make of their breaker: its headline, strip, outage and counts.

Part of the recording: called inside its transaction, never alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from breakers import redrawing
from breakers.domain import history
from breakers.domain.headlines import GONE, counted, headline
from breakers.domain.history import Told
from breakers.domain.silence import SECOND, due, heard_from
from breakers.domain.states import State
from breakers.models import Outage, Transition
from breakers.models.fields import from_us, to_us
from breakers.rows import BreakerRow, InstanceRow, Step, as_json, decode
from breakers.workingset import WorkingSet

STRIP = 15 * 60 * SECOND


def apply(working: WorkingSet, breaker: BreakerRow, steps: Sequence[Step], listening_since: int) -> bool:
    """Write the steps, and draw the breaker anew; whether its headline changed."""
    _write_steps(breaker, steps, working.now)
    instances = working.of_breaker(breaker.id)
    if _are_last(breaker, instances, steps):
        changed = _drawn_on(breaker, instances, steps, working.now)
    else:
        changed = _drawn_again(breaker, instances, min(step.at for step in steps), working.now)
    refresh(breaker, instances, listening_since, working.now)
    return changed


def redraw(
    working: WorkingSet,
    breaker: BreakerRow,
    steps: Sequence[Step],
    late: Mapping[int, Sequence[Told]],
    pending: Sequence[tuple[Any, ...]],
    listening_since: int,
) -> bool:
    """The same where something was told out of its order: lanes first, then what follows from them."""
    _write_steps(breaker, steps, working.now)
    instances = working.of_breaker(breaker.id)
    first = redrawing.redraw(breaker, {copy.id: copy for copy in instances}, late, pending, working.now)
    starts = [*(step.at for step in steps), *([] if first is None else [first])]
    changed = _drawn_again(breaker, instances, min(starts), working.now) if starts else False
    refresh(breaker, instances, listening_since, working.now)
    return changed


def _are_last(breaker: BreakerRow, instances: Iterable[InstanceRow], steps: Sequence[Step]) -> bool:
    """Whether nothing is drawn yet of their time: then the headline only goes on."""
    before: dict[int, int] = {}
    for step in steps:
        before.setdefault(step.instance.id, step.after)
    # The two newest changes there were, of two instances: each step is compared with those of the others.
    newest, who, second = -1, -1, -1
    for copy in instances:
        since = before.get(copy.id, copy.since)
        if since > newest:
            newest, who, second = since, copy.id, newest
        elif since > second:
            second = since
    return all(step.at >= breaker.since and step.at > (second if step.instance.id == who else newest) for step in steps)


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
    moments = [due(copy.state, heard_from(copy.heard_at, listening_since), copy.interval_s, now) for copy in live]
    breaker.silence_due_at = min((moment for moment in moments if moment is not None), default=None)
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


def _drawn_on(breaker: BreakerRow, instances: Iterable[InstanceRow], steps: Sequence[Step], now: int) -> bool:
    """The headline's changes at the end of what was drawn."""
    before = {copy.id: copy.counted_state for copy in instances}
    lanes: dict[int, list[history.Step]] = {}
    causes: dict[tuple[int, str], Step] = {}
    for step in steps:
        lanes.setdefault(step.instance.id, []).append(
            history.Step(step.at, step.from_state, step.to_state, step.event_id, step.sequence, step.gap, step.late)
        )
        causes.setdefault((step.at, step.to_state), step)
    for instance, its in lanes.items():
        before[instance] = its[0].from_state
    changes = history.headlines(lanes, breaker.headline, before, breaker.state)
    _write_changes(breaker, [(step.at, step.from_state, step.to_state) for step in changes], causes, now)
    probed = [step.at for step in steps if (step.from_state, step.to_state) == (State.HALF_OPEN, State.OPEN)]
    if probed:
        _count_probes(breaker, min(probed))
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
        _follow_outage(breaker, at, to_state, cause, now)
        breaker.state, breaker.since = to_state, at
    if changes:
        _extend_strip(breaker, [[at, to_state] for at, _, to_state in changes], now)


def _follow_outage(breaker: BreakerRow, at: int, to_state: str, cause: Step | None, now: int) -> None:
    under_way = Outage.objects.filter(breaker_id=breaker.id, ended_at=None)
    if to_state == State.OPEN and not under_way.exists():
        reason = cause.reason if cause else None
        Outage.objects.create(
            breaker_id=breaker.id,
            started_at=from_us(at),
            heard_at=from_us(now),
            reason=reason,
            first_instance=cause.instance.name if cause else None,
        )
        breaker.opened_reason = as_json(reason) if reason else None
    elif to_state == State.CLOSED:
        under_way.update(ended_at=from_us(at))


def _count_probes(breaker: BreakerRow, since: int) -> None:
    """The failed probes of the outages that reach to a moment or beyond it, counted from the lanes."""
    touched = Outage.objects.filter(Q(ended_at=None) | Q(ended_at__gt=from_us(since)), breaker_id=breaker.id)
    for outage in touched:
        _tell_of_lanes(outage)
        outage.save(update_fields=["failed_probes"])


def _tell_of_lanes(outage: Outage) -> None:
    """What the lanes say of an outage: its failed probes, and when it was first heard of."""
    rows = Transition.objects.filter(breaker_id=outage.breaker_id, instance_name__isnull=False)
    rows = rows.filter(at__gte=outage.started_at, **({"at__lte": outage.ended_at} if outage.ended_at else {}))
    told = rows.values_list("at", "from_state", "to_state", "event_id", "recorded_at")
    steps = [history.Step(to_us(at), before, after, event_id) for at, before, after, event_id, _ in told]
    # Recorded by silence, a row tells of nobody.
    receipts = [recorded for *_, event_id, recorded in told if event_id is not None]
    drawn = history.Outage(to_us(outage.started_at), to_us(outage.ended_at) if outage.ended_at else None)
    outage.failed_probes = history.failed_probes([steps], drawn)
    outage.heard_at = min(receipts, default=outage.heard_at)


def _extend_strip(breaker: BreakerRow, marks: list[list[Any]], now: int) -> None:
    strip = sorted([*decode(breaker.strip), *marks], key=lambda mark: mark[0])
    first = max((index for index, mark in enumerate(strip) if mark[0] <= now - STRIP), default=0)
    breaker.strip = as_json(strip[first:])


def _drawn_again(breaker: BreakerRow, instances: Sequence[InstanceRow], start: int, now: int) -> bool:
    """The headline's history from `start` on, folded anew from the instances' rows. Rows that stay right are kept."""
    of_breaker = Transition.objects.filter(breaker_id=breaker.id)
    headlines = of_breaker.filter(instance_name=None)
    first = from_us(start)
    copies = of_breaker.filter(instance__isnull=False)
    lanes: dict[int, list[history.Step]] = {}
    causes: dict[tuple[int, str], Transition] = {}
    for row in copies.filter(at__gte=first).order_by("at", "sequence", "id"):
        lanes.setdefault(row.instance_id or 0, []).append(
            history.Step(to_us(row.at), row.from_state, row.to_state, row.event_id, row.sequence, row.gap, row.late)
        )
        causes.setdefault((to_us(row.at), row.to_state), row)
    known = _known_before(breaker, instances, start)
    last = headlines.filter(at__lt=first).order_by("-at", "-id").first()
    drawn_from = last.to_state if last else str(State.UNKNOWN)
    steps = history.headlines(lanes, breaker.headline, known, drawn_from)
    changes = [(step.at, step.from_state, step.to_state) for step in steps]
    before = breaker.state
    present = str(headline(counted(copy.counted_state for copy in instances), breaker.headline))
    drawn = changes[-1][2] if changes else drawn_from
    if drawn != present:
        # Whatever history says, what the instances said last is what is shown.
        changes.append((now, drawn, present))
    _replace_headlines(breaker, headlines.filter(at__gte=first).order_by("at", "id"), changes, causes, before, now)
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


def _known_before(breaker: BreakerRow, instances: Iterable[InstanceRow], start: int) -> dict[int, str]:
    """{instance: what it was in} just before a moment."""
    rows = Transition.objects.filter(breaker_id=breaker.id, instance__isnull=False, at__lt=from_us(start))
    ordered = rows.order_by("-at", "-sequence", "-id").values_list("instance_id", "to_state")
    known: dict[int, str] = {}
    wanted = {copy.id for copy in instances}
    # Mostly the newest rows tell of all; whoever has not changed for long is asked for alone.
    for instance, state in ordered[: 10 * len(wanted) + 50]:
        known.setdefault(instance or 0, state)
    for instance in wanted - set(known):
        if own := ordered.filter(instance_id=instance).first():
            known[instance] = own[1]
    return {instance: state for instance, state in known.items() if state != GONE}


def _replace_headlines(
    breaker: BreakerRow,
    existing: Any,
    changes: Sequence[tuple[int, str, str]],
    causes: dict[tuple[int, str], Transition],
    before: str,
    now: int,
) -> None:
    had: dict[int, list[Transition]] = {}
    for row in existing:
        had.setdefault(to_us(row.at), []).append(row)
    wanted: dict[int, list[tuple[str, str]]] = {}
    for at, from_state, to_state in changes:
        wanted.setdefault(at, []).append((from_state, to_state))
    # Rows of one moment are read in the order of their ids: they stay together, or are made together.
    kept = {at for at, rows in had.items() if [(row.from_state, row.to_state) for row in rows] == wanted.get(at)}
    Transition.objects.filter(pk__in=[row.pk for at, rows in had.items() if at not in kept for row in rows]).delete()
    for index, (at, from_state, to_state) in enumerate(changes):
        if at in kept:
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


def _draw_outages_again(breaker: BreakerRow, first: datetime) -> None:
    """The outages from the one that `first` falls into, anew from the headline's rows."""
    touched = Outage.objects.filter(Q(ended_at__gte=first) | Q(ended_at=None), breaker_id=breaker.id)
    begin = min([first, *touched.values_list("started_at", flat=True)])
    touched.delete()
    Outage.objects.filter(breaker_id=breaker.id, started_at__gte=begin).delete()
    rows = list(
        Transition.objects.filter(breaker_id=breaker.id, instance_name=None, at__gte=begin).order_by("at", "id")
    )
    openings = {to_us(row.at): row for row in reversed(rows) if row.to_state == State.OPEN}
    steps = [history.Step(to_us(row.at), row.from_state, row.to_state) for row in rows]
    for drawn in history.outages(steps):
        row = openings[drawn.started_at]
        outage = Outage(
            breaker_id=breaker.id,
            started_at=row.at,
            ended_at=None if drawn.ended_at is None else from_us(drawn.ended_at),
            heard_at=row.recorded_at,
            reason=row.reason,
            first_instance=_teller(row),
        )
        _tell_of_lanes(outage)
        outage.save()
        breaker.opened_reason = as_json(row.reason) if row.reason else None


def _teller(row: Transition) -> str | None:
    """The instance whose event made the headline change."""
    if row.event_id is None:
        return None
    told = Transition.objects.filter(breaker_id=row.breaker_id, event_id=row.event_id).exclude(instance_name=None)
    return told.values_list("instance_name", flat=True).first()
