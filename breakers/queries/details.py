"""A breaker's page: instances, paths, why it opened, events, outages."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import OuterRef, QuerySet, Subquery

from breakers.domain.silence import SECOND, heard_from, judged
from breakers.errors import Invalid, NotFound
from breakers.ids import known_id
from breakers.models import Board, Breaker, Event, Instance, Outage
from breakers.models.fields import from_us, to_us
from breakers.queries import history
from breakers.queries.cards import card_of, card_rows, is_due, silence_of
from breakers.queries.shapes import Details, ErrorGroup, EventView, InstanceView, Page, Why
from breakers.queries.steps import Steps, steps
from breakers.times import rfc3339

# How long an instance that left is still listed.
LEFT_SHOWN = timedelta(hours=1)
DAY = 86_400 * SECOND
# An event keeps the number of its instance, and no key to it: the instance may be gone.
_INSTANCE = Subquery(Instance.objects.filter(pk=OuterRef("instance_id")).values("name")[:1])
_LISTENING = Subquery(Board.objects.values("listening_since")[:1])


def details(breaker_id: str, now: datetime) -> Details:
    """Everything but timeline and events. Errors: NotFound."""
    return detailed(breaker_id, now, steps(known_id(breaker_id), now))


def detailed(breaker_id: str, now: datetime, known: Steps) -> Details:
    """The same, where its steps are at hand."""
    number = known_id(breaker_id)
    rows = card_rows("WHERE b.id = %s", [number], ", b.opened_reason{t}")
    if not rows:
        raise NotFound(f"no breaker '{breaker_id}'")
    [row] = rows
    now_us = to_us(now)
    every = list(Instance.objects.filter(breaker_id=number).annotate(listening=_LISTENING).order_by("name"))
    heard = [
        (number, copy.state, to_us(copy.heard_at), copy.interval_s, copy.listening and to_us(copy.listening))
        for copy in every
        if copy.left_at is None
    ]
    silenced = silence_of(heard, now_us) if is_due(row, now_us) else {}
    copies = [copy for copy in every if copy.left_at is None or copy.left_at > now - LEFT_SHOWN]
    states = {copy.pk: _state(copy, copy.listening, now) for copy in copies}
    common = Counter(states[copy.pk][0] for copy in copies if copy.left_at is None).most_common(1)
    return Details(
        card=card_of(row, silenced.get(number), now_us),
        instances=[_instance(copy, states[copy.pk], common) for copy in copies],
        paths=known.paths,
        config=msgspec.json.decode(row[16]),
        opened_reason=msgspec.json.decode(row[-1]) if row[-1] else None,
        last_probe_failed_at=rfc3339(known.probe_failed_at),
    )


def why_opened(breaker_id: str, now: datetime) -> Why | None:
    """The last opening and what is known of its cause; None where it never opened. Errors: NotFound."""
    breaker = _known(breaker_id)
    outages, _ = history.outages_told(breaker.pk, now)
    if not outages:
        return None
    return why_of(outages[-1], history.failing(breaker.pk, opened_at=outages[-1].started_at).opening, now)


def why_of(outage: history.Trip, errors: list[ErrorGroup], now: datetime) -> Why:
    """Why an outage began; `errors`: the failures before it."""
    over = outage.ended_at is not None and outage.ended_at <= now
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
        errors=errors,
        failed_probes=outage.failed_probes,
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
    rows = Event.objects.filter(breaker_id=_known(breaker_id).pk)
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
    page = list(_newest_first(rows)[: limit + 1])
    last = page[limit - 1] if len(page) > limit else None
    return Page(
        [_event(row) for row in page[:limit]],
        f"{to_us(last.at)}.{last.pk}" if last else None,
    )


def newest_events(breaker_id: int, end: datetime | None, limit: int) -> list[EventView]:
    """The last events of a breaker that there is, up to a moment, newest first."""
    rows = Event.objects.filter(breaker_id=breaker_id)
    if end is not None:
        rows = rows.filter(day__lte=to_us(end) // DAY, at__lt=end)
    return [_event(row) for row in _newest_first(rows)[:limit]]


def _newest_first(rows: QuerySet[Event]) -> QuerySet[Any]:
    # As the index stands: (day, breaker, at).
    return rows.annotate(instance=_INSTANCE).order_by("-day", "-at", "-id")


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
    heard = heard_from(to_us(copy.heard_at), to_us(listening) if listening else 0)
    if copy.left_at is not None:
        return copy.state, copy.left_at
    state, since = judged(copy.state, heard, copy.interval_s, to_us(now))
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


def _event(row: Any) -> EventView:
    extra: dict[str, Any] = dict(row.extra or {})
    error: dict[str, str | None] | None = None
    if row.error_type is not None or row.error_message is not None:
        error = {"type": row.error_type, "message": row.error_message}
    return EventView(
        id=str(row.pk),
        type=row.type,
        instance=row.instance or "",
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
        cut=extra.get("cut"),
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
