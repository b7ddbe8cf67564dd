"""A breaker's page: instances, paths, why it opened, events, outages."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max

from breakers.domain.silence import SECOND, judged
from breakers.domain.states import State
from breakers.errors import Invalid, NotFound
from breakers.ids import known_id
from breakers.models import Board, Breaker, Event, Instance, Outage, Transition
from breakers.models.fields import from_us, to_us
from breakers.queries.cards import card
from breakers.queries.shapes import Details, ErrorGroup, EventView, InstanceView, Page, PathCount, Why
from breakers.times import rfc3339

PATHS_WINDOW = timedelta(hours=24)
# How long an instance that left is still listed.
LEFT_SHOWN = timedelta(hours=1)
# Failures up to here before an opening are its errors.
BEFORE_OPENING = timedelta(minutes=5)
DAY = 86_400 * SECOND
MOST = 200


def details(breaker_id: str, now: datetime) -> Details:
    """Everything but timeline and events. Errors: NotFound."""
    shown = card(breaker_id, now)
    breaker = Breaker.objects.get(pk=int(breaker_id))
    listening = Board.objects.values_list("listening_since", flat=True).get()
    copies = [
        copy for copy in breaker.copies.order_by("name") if copy.left_at is None or copy.left_at > now - LEFT_SHOWN
    ]
    states = {copy.pk: _state(copy, listening, now) for copy in copies}
    common = Counter(states[copy.pk][0] for copy in copies if copy.left_at is None).most_common(1)
    probe = (
        breaker.transitions.filter(instance_name=None, from_state=State.HALF_OPEN, to_state=State.OPEN)
        .order_by("-at")
        .first()
    )
    return Details(
        card=shown,
        instances=[_instance(copy, states[copy.pk], common) for copy in copies],
        paths=paths(breaker, now),
        config=breaker.config,
        opened_reason=breaker.opened_reason,
        last_probe_failed_at=rfc3339(probe.at) if probe else None,
    )


def why_opened(breaker_id: str, now: datetime) -> Why | None:
    """The last opening and what is known of its cause; None where it never opened. Errors: NotFound."""
    breaker = _known(breaker_id)
    outage = breaker.outages.filter(started_at__lte=now).order_by("-started_at").first()
    if outage is None:
        return None
    over = outage.ended_at is not None and outage.ended_at <= now
    probes = breaker.transitions.filter(instance_name=None, from_state=State.HALF_OPEN, to_state=State.OPEN)
    reason: dict[str, Any] = outage.reason or {}
    return Why(
        opened_at=rfc3339(outage.started_at),
        ended_at=rfc3339(outage.ended_at) if over else None,
        metric=reason.get("metric"),
        value=reason.get("value"),
        threshold=reason.get("threshold"),
        window_ms=reason.get("window_ms"),
        min_calls=reason.get("min_calls"),
        text=reason.get("text"),
        first_instance=outage.first_instance,
        errors=_errors(breaker, outage.started_at - BEFORE_OPENING, outage.started_at + timedelta(seconds=2)),
        failed_probes=outage.failed_probes if over else probes.filter(at__gt=outage.started_at, at__lte=now).count(),
    )


def events(
    breaker_id: str,
    *,
    types: tuple[str, ...] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Raw events, newest first. Items are EventView. Errors: NotFound, Invalid (cursor)."""
    breaker = _known(breaker_id)
    rows = Event.objects.filter(breaker_id=breaker.pk)
    if types:
        rows = rows.filter(type__in=types)
    if start is not None:
        rows = rows.filter(day__gte=to_us(start) // DAY, at__gte=start)
    if end is not None:
        rows = rows.filter(day__lte=to_us(end) // DAY, at__lt=end)
    if cursor:
        at, event_id = _read_cursor(cursor)
        # In the order of the index (day, at); ids tell equal times apart.
        rows = rows.filter(day__lte=at // DAY).extra(where=["(at, id) < (%s, %s)"], params=[at, event_id])
    page = list(rows.order_by("-day", "-at", "-id")[: limit + 1])
    names = dict(Instance.objects.filter(pk__in={row.instance_id for row in page}).values_list("pk", "name"))
    last = page[limit - 1] if len(page) > limit else None
    return Page(
        [_event(row, names.get(row.instance_id, "")) for row in page[:limit]],
        f"{to_us(last.at)}.{last.pk}" if last else None,
    )


def outages(breaker_id: str, start: datetime, end: datetime) -> list[dict[str, object]]:
    """Outages that touch [start, end), oldest first: {"started_at", "ended_at", "failed_probes", "first_instance"}."""
    breaker = _known(breaker_id)
    rows = breaker.outages.filter(started_at__lt=end).order_by("started_at")
    return [_outage(row) for row in rows if row.ended_at is None or row.ended_at > start]


def open_outages(breaker_ids: list[int]) -> dict[int, dict[str, object]]:
    """The outage under way of each of these breakers that has one, by breaker id."""
    return {row.breaker_id: _outage(row) for row in Outage.objects.filter(breaker_id__in=breaker_ids, ended_at=None)}


def last_outage() -> dict[str, object] | None:
    """The outage that began last, of any breaker, with its `breaker` and `service`: what a calm wall tells."""
    row = Outage.objects.select_related("breaker__service").order_by("-started_at").first()
    if row is None:
        return None
    return {
        **_outage(row),
        "breaker": row.breaker.name,
        "breaker_id": str(row.breaker_id),
        "service": row.breaker.service.name,
    }


def _known(breaker_id: str) -> Breaker:
    breaker = Breaker.objects.filter(pk=known_id(breaker_id)).first()
    if breaker is None:
        raise NotFound(f"no breaker '{breaker_id}'")
    return breaker


def _state(copy: Instance, listening: datetime | None, now: datetime) -> tuple[str, datetime]:
    heard = max(copy.heard_at, listening) if listening else copy.heard_at
    if copy.left_at is not None:
        return copy.state, copy.left_at
    state, since, _ = judged(copy.state, to_us(heard), copy.interval_s, to_us(now))
    if not since or state == copy.state:
        return copy.state, copy.since
    return state, from_us(since)


def _instance(copy: Instance, seen: tuple[str, datetime], common: list[tuple[str, int]]) -> InstanceView:
    state, since = seen
    odd = copy.left_at is None and bool(common) and state != common[0][0] and common[0][1] > 1
    return InstanceView(
        name=copy.name,
        state=state,
        reported_state=copy.reported_state,
        since=rfc3339(since),
        last_heard_at=rfc3339(copy.heard_at),
        interval_s=copy.interval_s,
        library=copy.library,
        library_version=copy.library_version,
        config=copy.config,
        commands=copy.commands,
        next_probe_at=rfc3339(copy.next_probe_at),
        last_error_type=copy.last_error_type,
        left_at=rfc3339(copy.left_at),
        odd=odd,
    )


def paths(breaker: Breaker, now: datetime) -> list[PathCount]:
    """Counts of the headline's steps in the last 24 h; the newest `last_at` is the last path taken."""
    rows = (
        Transition.objects.filter(breaker=breaker, instance_name=None, at__gte=now - PATHS_WINDOW, at__lte=now)
        .values("from_state", "to_state")
        .annotate(count=Count("id"), last=Max("at"))
        .order_by("from_state", "to_state")
    )
    return [PathCount(row["from_state"], row["to_state"], row["count"], rfc3339(row["last"])) for row in rows]


def _errors(breaker: Breaker, start: datetime, end: datetime) -> list[ErrorGroup]:
    """Failures of [start, end) by error class, most first; at most 500 events are looked at."""
    rows = Event.objects.filter(
        breaker_id=breaker.pk,
        day__gte=to_us(start) // DAY,
        day__lte=to_us(end) // DAY,
        at__gte=start,
        at__lt=end,
        type__in=("failure", "timeout"),
    ).order_by("-day", "-at")[:500]
    groups: dict[str, list[Event]] = {}
    for row in rows:
        groups.setdefault(row.error_type or row.type, []).append(row)
    found = [
        ErrorGroup(
            type=name,
            count=sum(row.count for row in members),
            first_at=rfc3339(members[-1].at),
            last_at=rfc3339(members[0].at),
            sample=next((row.error_message for row in members if row.error_message), None),
        )
        for name, members in groups.items()
    ]
    return sorted(found, key=lambda group: -group.count)


def _event(row: Event, instance: str) -> EventView:
    extra: dict[str, Any] = dict(row.extra or {})
    error: dict[str, str | None] | None = None
    if row.error_type is not None or row.error_message is not None:
        error = {"type": row.error_type, "message": row.error_message}
    return EventView(
        id=str(row.pk),
        type=row.type,
        instance=instance,
        occurred_at=rfc3339(row.at),
        # Ids are the microsecond of receipt.
        received_at=rfc3339(row.pk),
        count=row.count,
        duration_ms=row.duration_ms,
        to_state=row.to_state,
        from_state=extra.get("from_state"),
        error=error,
        reason=extra.get("reason"),
        sequence=extra.get("sequence"),
        attributes=extra.get("attributes"),
    )


def _outage(row: Outage) -> dict[str, object]:
    return {
        "started_at": rfc3339(row.started_at),
        "ended_at": rfc3339(row.ended_at),
        "failed_probes": row.failed_probes,
        "first_instance": row.first_instance,
    }


def _read_cursor(text: str) -> tuple[int, int]:
    at, _, event_id = text.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (at, event_id)):
        raise Invalid(("cursor", f"the cursor '{text[:60]}' is none of ours"))
    return int(at), int(event_id)
