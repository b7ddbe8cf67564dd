"""The past: how the board stood at a moment, from its transitions and buckets. What only the present knows is left out.

A card of the past is the breaker's card with what was different then put in its place; its version is the moment itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from breakers import bulk
from breakers.domain.headlines import GONE, counted
from breakers.domain.rates import rate
from breakers.domain.silence import SECOND
from breakers.domain.states import SEVERITY, SILENT
from breakers.domain.verdicts import threshold_told
from breakers.errors import NotFound
from breakers.ids import known_id
from breakers.models import Command
from breakers.models.command import OVERRIDES
from breakers.models.fields import to_us
from breakers.queries import history
from breakers.queries.cards import STRIP_S, card_of, card_rows
from breakers.queries.details import newest_events
from breakers.queries.map import Edge, added_up
from breakers.queries.shapes import Card, Details, EventView, InstanceView, Span, Wanted
from breakers.queries.steps import Steps, steps
from breakers.retaining import retention
from breakers.times import rfc3339

RANK = {state.value: rank for rank, state in enumerate(SEVERITY)}
MINUTE_S = 60
Traffic = tuple[int, int, int]  # calls, failures, rejected


@dataclass(frozen=True, slots=True)
class Seen:
    """What a caller asked of a moment already: `headlines_at()`, `steps()`, the settings of then, the last events up to then."""

    headlines: dict[int, tuple[str, int]]
    steps: Steps
    config: dict[str, Any] | None
    events: Sequence[EventView]


class Copy(NamedTuple):
    """A live instance of then: in which state, since when; and what is known of it now."""

    name: str
    state: str
    since: int
    interval_s: int | None
    library: str | None
    library_version: str | None


def headlines_at(at: datetime, ids: Sequence[int] | None = None) -> dict[int, tuple[str, int]]:
    """{breaker: (its headline then, since when)} of all, or of these, that were known by then."""
    rows = bulk.select(
        "SELECT b.id, t.to_state, t.at FROM breakers_breaker b JOIN breakers_transition t ON t.id = ("  # noqa: S608
        "SELECT l.id FROM breakers_transition l WHERE l.breaker_id = b.id AND l.instance_name IS NULL AND l.at <= %s"
        f" ORDER BY l.at DESC, l.id DESC LIMIT 1){_only('b.id', ids, 'WHERE')}",
        [to_us(at), *_given(ids)],
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def wall_at(at: datetime, now: datetime, *, limit: int) -> tuple[dict[str, int], list[Card]]:
    """The counts of then, and the first cards in the wall's order."""
    known = headlines_at(at)
    order = sorted(known, key=lambda breaker: (RANK[known[breaker][0]], known[breaker][1], breaker))
    return counted(state for state, _ in known.values()), cards_at(order[:limit], at, now, known)


def cards_at(
    ids: Sequence[int], at: datetime, now: datetime, known: dict[int, tuple[str, int]] | None = None
) -> list[Card]:
    """The cards of these breakers at a moment, in their order; those not known by then are left out."""
    known = headlines_at(at) if known is None else known
    # What is judged of silence now says nothing of then.
    rows = card_rows(f"WHERE {bulk.is_one_of('b.id')}", [bulk.as_list(ids)])
    present = {row[0]: card_of(row, None, to_us(now)) for row in rows}
    traffic = traffic_at(at, now, ids)
    instances = _instances(ids, at)
    strips = _strips(ids, at)
    wanted = _wanted(ids, at)
    shown = []
    for breaker in ids:
        if breaker not in known or breaker not in present:
            continue
        state, since = known[breaker]
        calls, failures, rejected = traffic.get(breaker, (0, 0, 0))
        shown.append(
            msgspec.structs.replace(
                present[breaker],
                version=to_us(at),
                state=state,
                reported_state=None if state in SILENT else state,
                since=rfc3339(since),
                instances=counted(copy.state for copy in instances.get(breaker, ())),
                wanted=wanted.get(breaker),
                calls_1m=calls,
                failures_1m=failures,
                rejected_1m=rejected,
                failure_rate_1m=rate(failures, calls),
                next_probe_at=None,
                last_error_type=None,
                last_event_at=rfc3339(since) if state in SILENT else rfc3339(at),
                strip_15m=_strip(strips.get(breaker, []), state, since, at),
                incident=None,
                silenced_until=None,
            )
        )
    return shown


def details_at(breaker_id: str, at: datetime, now: datetime, seen: Seen | None = None) -> Details:
    """A breaker's page at a moment. `seen`: what the caller knows of that moment.

    Errors: NotFound, also where it was not known yet.
    """
    number = known_id(breaker_id)
    seen = seen or Seen(
        headlines_at(at, [number]),
        steps(number, at),
        history.settings_told(number, at)[2],
        newest_events(number, at, 1),
    )
    cards = cards_at([number], at, now, seen.headlines)
    if not cards:
        raise NotFound(f"no breaker '{breaker_id}' at {rfc3339(at)}")
    config = seen.config or {}
    card = msgspec.structs.replace(
        cards[0],
        failure_rate_threshold=threshold_told(config),
        last_event_at=seen.events[0].occurred_at if seen.events else cards[0].last_event_at,
    )
    copies = sorted(_instances([number], at).get(number, []))
    return Details(
        card=card,
        instances=[_copy(copy, copies) for copy in copies],
        paths=seen.steps.paths,
        config=config,
        opened_reason=None,
        last_probe_failed_at=rfc3339(seen.steps.probe_failed_at),
    )


def edges_at(at: datetime, now: datetime) -> list[Edge]:
    """The map's edges at a moment."""
    known = headlines_at(at)
    traffic = traffic_at(at, now)
    rows = bulk.select(
        "SELECT b.id, s.name, b.dependency FROM breakers_breaker b JOIN breakers_service s ON s.id = b.service_id"
    )
    return added_up(
        Edge(service, dependency, state, rfc3339(since), {state: 1}, *traffic.get(breaker, (0, 0, 0)), str(breaker))
        for breaker, service, dependency in rows
        if breaker in known
        for state, since in [known[breaker]]
    )


def traffic_at(at: datetime, now: datetime, ids: Sequence[int] | None = None) -> dict[int, Traffic]:
    """{breaker: calls, failures and rejections of the minute before}: of wider buckets, where no finer ones are kept, their mean."""
    end, age = to_us(at) // SECOND, (now - at).total_seconds()
    sums = "sum(success + failure + timeout), sum(failure + timeout), sum(rejected)"
    kept = retention().widths
    if age < kept[10] - MINUTE_S:
        rows = bulk.select(
            f"SELECT breaker_id, {sums} FROM breakers_rollup_10s WHERE at > %s AND at <= %s"  # noqa: S608
            f"{_only('breaker_id', ids, 'AND')} GROUP BY breaker_id",
            [end // 10 * 10 - MINUTE_S, end // 10 * 10, *_given(ids)],
        )
        return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}
    width = next((width for width in (60, 900) if age < kept[width] - width), 21_600)
    rows = bulk.select(
        f"SELECT b.id, {sums} FROM breakers_breaker b JOIN breakers_rollup r ON r.breaker_id = b.id AND r.width = %s"  # noqa: S608
        f" AND r.at = %s{_only('b.id', ids, 'WHERE')} GROUP BY b.id",
        [width, (end - (MINUTE_S if width == MINUTE_S else 0)) // width * width, *_given(ids)],
    )
    parts = width // MINUTE_S
    return {row[0]: (int(row[1]) // parts, int(row[2]) // parts, int(row[3]) // parts) for row in rows}


def _only(column: str, ids: Sequence[int] | None, word: str) -> str:
    return "" if ids is None else f" {word} {bulk.is_one_of(column)}"


def _given(ids: Sequence[int] | None) -> list[Any]:
    return [] if ids is None else [bulk.as_list(ids)]


def _instances(ids: Iterable[int], at: datetime) -> dict[int, list[Copy]]:
    """{breaker: its instances} of those that were live."""
    rows = bulk.select(
        "SELECT i.breaker_id, i.name, t.to_state, t.at, i.interval_s, i.library, i.library_version"  # noqa: S608
        " FROM breakers_instance i JOIN breakers_transition t ON t.id = ("
        "SELECT l.id FROM breakers_transition l WHERE l.breaker_id = i.breaker_id AND l.instance_name = i.name"
        " AND l.at <= %s ORDER BY l.at DESC, l.sequence DESC, l.id DESC LIMIT 1)"
        f" WHERE t.to_state <> %s AND {bulk.is_one_of('i.breaker_id')}",
        [to_us(at), GONE, bulk.as_list(list(ids))],
    )
    found: dict[int, list[Copy]] = {}
    for breaker, *copy in rows:
        found.setdefault(breaker, []).append(Copy(*copy))
    return found


def _strips(ids: Iterable[int], at: datetime) -> dict[int, list[tuple[int, str, str]]]:
    """{breaker: (when, from, to)} of the headline's steps in the 15 minutes before, oldest first."""
    rows = bulk.select(
        "SELECT breaker_id, at, from_state, to_state FROM breakers_transition WHERE instance_name IS NULL"  # noqa: S608
        f" AND at > %s AND at <= %s AND {bulk.is_one_of('breaker_id')} ORDER BY at, id",
        [to_us(at) - STRIP_S * SECOND, to_us(at), bulk.as_list(list(ids))],
    )
    found: dict[int, list[tuple[int, str, str]]] = {}
    for breaker, when, before, after in rows:
        found.setdefault(breaker, []).append((when, before, after))
    return found


def _strip(steps: list[tuple[int, str, str]], state: str, since: int, at: datetime) -> list[Span]:
    start = to_us(at) - STRIP_S * SECOND
    if not steps:
        return [Span(state, rfc3339(min(since, start)))]
    marks = [(start, steps[0][1]), *((when, after) for when, _, after in steps)]
    ends = [when for when, _ in marks[1:]]
    return [Span(state, rfc3339(when), rfc3339(end)) for (when, state), end in zip(marks, [*ends, None], strict=True)]


def _wanted(ids: Iterable[int], at: datetime) -> dict[int, Wanted]:
    """The overrides that were wanted then: the last order of each breaker, where it is one and had not ended."""
    found: dict[int, Wanted] = {}
    rows = Command.objects.filter(
        breaker_id__in=list(ids), issued_at__lte=at, action__in=[*OVERRIDES, "release", "reset"]
    )
    for row in rows.filter(issued_at__gt=at - timedelta(days=1)).order_by("issued_at"):
        found.pop(row.breaker_id, None)
        if row.action in OVERRIDES and row.until is not None and row.until > at:
            found[row.breaker_id] = Wanted(row.action, rfc3339(row.until), row.requested_by)
    return found


def _copy(copy: Copy, copies: Sequence[Copy]) -> InstanceView:
    states = [each.state for each in copies]
    common = max(set(states), key=states.count)
    return InstanceView(
        name=copy.name,
        state=copy.state,
        reported_state=None if copy.state in SILENT else copy.state,
        since=rfc3339(copy.since),
        last_heard_at=rfc3339(copy.since),
        interval_s=copy.interval_s,
        library=copy.library,
        library_version=copy.library_version,
        config={},
        commands=[],
        next_probe_at=None,
        last_error_type=None,
        left_at=None,
        odd=copy.state != common and states.count(common) > 1,
    )
