"""Sources, as the page for who integrates reads them: each service, its instances as posters, and what was refused of it.

Who is silent is judged at the read: a sweep that does not come leaves nothing that looks heard.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from breakers import bulk
from breakers.domain.silence import SECOND, heard_from, stale_at
from breakers.domain.sources import MINUTE, SourceRow, a_minute
from breakers.models import Board, Refusal, RefusalCount, Service
from breakers.models.fields import to_us
from breakers.models.source import NOBODY
from breakers.queries.access import make_cursor, read_cursor
from breakers.queries.shapes import Page, RefusalCountView, RefusalView, ServiceSources, SourceView
from breakers.times import rfc3339

MOST_OF_A_SERVICE = 25
MOST_OF_ONE = 200
LAST = 10
# An instance that was not heard for so long is not listed, unless its service is asked for by name.
FORGOTTEN_AFTER = 86_400 * SECOND
RATE_LIMITED = "429"
_COLUMNS = ("name", "first_heard_at", "heard_at", "interval_s", "events", "duplicates", "missing", "restarts", "late",
            "early", "minute", "in_minute", "in_minute_before", "skew_us", "library", "library_version", "stopped")  # fmt: skip


def sources_page(now: datetime, *, service: str = "", limit: int = 50, cursor: str | None = None) -> Page:
    """Services by name with their sources, those without a service first of all. Items are ServiceSources.

    Errors: Invalid (cursor).
    """
    rows = Service.objects.order_by("name")
    if service:
        rows = rows.filter(name=service)
    if cursor:
        rows = rows.filter(name__gt=read_cursor(cursor))
    found = list(rows[: limit + 1])
    services = found[:limit]
    ids = [row.pk for row in services]
    first = not cursor and not service
    at = to_us(now)
    sources = _sources(ids, at, MOST_OF_ONE if service else MOST_OF_A_SERVICE, everyone=bool(service))
    totals = _totals(ids, at)
    counts, last = _refusals([*ids, NOBODY] if first else ids)
    items: list[object] = []
    if first and counts.get(NOBODY):
        items.append(_view(None, False, [], (0, 0, 0, 0, None), counts[NOBODY], last.get(NOBODY, [])))
    for row in services:
        items.append(
            _view(
                row.name,
                row.paused,
                sources.get(row.pk, []),
                totals.get(row.pk, (0, 0, 0, 0, None)),
                counts.get(row.pk, []),
                last.get(row.pk, []),
            )
        )
    return Page(items, make_cursor(services[-1].name) if len(found) > limit else None)


def _view(
    name: str | None,
    paused: bool,
    sources: list[SourceView],
    totals: tuple[int, int, int, int, int | None],
    counts: list[RefusalCountView],
    last: list[RefusalView],
) -> ServiceSources:
    instances, events, a_minute_, duplicates, heard = totals
    limited = next((count for count in counts if count.code == RATE_LIMITED), None)
    return ServiceSources(
        service=name,
        paused=paused,
        instances=instances,
        last_heard_at=rfc3339(heard),
        events=events,
        events_1m=a_minute_,
        duplicates=duplicates,
        refused=sum(count.count for count in counts),
        rate_limited_at=limited.last_at if limited else None,
        sources=sources,
        refusals=counts,
        last_refusals=last,
    )


def _sources(ids: Sequence[int], now: int, most: int, *, everyone: bool) -> dict[int, list[SourceView]]:
    columns = ", ".join(_COLUMNS)
    rows = bulk.select(
        f"SELECT service_id, {columns} FROM (SELECT service_id, {columns},"  # noqa: S608
        " row_number() OVER (PARTITION BY service_id ORDER BY name) AS place FROM breakers_source"
        f" WHERE {bulk.is_one_of('service_id')} AND heard_at > %s) AS placed WHERE place <= %s ORDER BY service_id, place",
        [bulk.as_list(ids), -1 if everyone else now - FORGOTTEN_AFTER, most],
    )
    listening = Board.objects.values_list("listening_since", flat=True).first()
    since = to_us(listening) if listening else 0
    found: dict[int, list[SourceView]] = {}
    for service_id, *values in rows:
        found.setdefault(service_id, []).append(_source(dict(zip(_COLUMNS, values, strict=True)), since, now))
    return found


def _source(row: dict[str, Any], listening: int, now: int) -> SourceView:
    if row["stopped"]:
        state = "stopped"
    elif row["interval_s"] is None:
        state = "on_change"
    else:
        heard = heard_from(row["heard_at"], listening)
        state = "silent" if now >= stale_at(heard, row["interval_s"]) else "heard"
    rate = SourceRow(0, "", 0, 0, 0, minute=row["minute"], in_minute=row["in_minute"], in_minute_before=row["in_minute_before"])  # fmt: skip
    return SourceView(
        name=row["name"],
        state=state,
        first_heard_at=rfc3339(row["first_heard_at"]),
        last_heard_at=rfc3339(row["heard_at"]),
        interval_s=row["interval_s"],
        events=row["events"],
        events_1m=a_minute(rate, now),
        duplicates=row["duplicates"],
        missing=row["missing"],
        restarts=row["restarts"],
        late=row["late"],
        early=row["early"],
        skew_ms=None if row["skew_us"] is None else row["skew_us"] / 1_000,
        library=row["library"],
        library_version=row["library_version"],
    )


def _totals(ids: Sequence[int], now: int) -> dict[int, tuple[int, int, int, int, int | None]]:
    """{service: (instances, events, events of the last minute, duplicates, last heard)} over all its sources."""
    minute, passed = divmod(now, MINUTE)
    rest = MINUTE - passed
    rows = bulk.select(
        "SELECT service_id, sum(CASE WHEN heard_at > %s THEN 1 ELSE 0 END), sum(events), sum(CASE"  # noqa: S608
        " WHEN minute = %s THEN in_minute + in_minute_before * %s / %s"
        " WHEN minute = %s THEN in_minute * %s / %s ELSE 0 END), sum(duplicates), max(heard_at)"
        f" FROM breakers_source WHERE {bulk.is_one_of('service_id')} GROUP BY service_id",
        [now - FORGOTTEN_AFTER, minute, rest, MINUTE, minute - 1, rest, MINUTE, bulk.as_list(ids)],
    )
    return {row[0]: (int(row[1]), int(row[2]), int(row[3]), int(row[4]), row[5]) for row in rows}


def _refusals(ids: Iterable[int]) -> tuple[dict[int, list[RefusalCountView]], dict[int, list[RefusalView]]]:
    wanted = list(ids)
    counts: dict[int, list[RefusalCountView]] = {}
    for count in RefusalCount.objects.filter(service_id__in=wanted).order_by("-last_at"):
        view = RefusalCountView(count.code, count.count, rfc3339(count.last_at))
        counts.setdefault(count.service_id, []).append(view)
    last: dict[int, list[RefusalView]] = {}
    # The ring of each is short.
    for row in Refusal.objects.filter(service_id__in=list(counts)).order_by("-id"):
        some = last.setdefault(row.service_id, [])
        if len(some) < LAST:
            some.append(
                RefusalView(rfc3339(row.at), row.status, row.code, row.detail, row.sample, row.path, row.address)
            )
    return counts, last
