"""Reads of rules and silences, each named after the screen or job that reads it. Nothing here writes."""

from collections.abc import Sequence
from datetime import datetime

from alerts import ruling, silencing
from alerts.domain import matching, silences
from alerts.domain.rules import KINDS
from alerts.models import Rule, Silence
from alerts.shapes import RuleView, SilenceView, moment, moment_or_none
from breakers.errors import Invalid
from breakers.queries.shapes import Page

MOST = 200
STATUSES = ("coming", "active", "over")


def rules_page(*, limit: int = 50, cursor: str | None = None) -> Page:
    """Rules, the built-in ones first, then in the order of their making. Items are RuleView. Errors: Invalid (cursor)."""
    rows = list(Rule.objects.filter(removed_at=None).order_by("-builtin", "pk"))
    start = 0
    if cursor:
        places = [index for index, row in enumerate(rows) if str(row.pk) == cursor]
        if not places:
            raise Invalid(("cursor", f"'{cursor[:40]}' is no cursor of this list"))
        start = places[0] + 1
    limit = min(max(limit, 1), MOST)
    found = rows[start : start + limit]
    return Page([rule_view(row) for row in found], str(found[-1].pk) if len(rows) > start + limit else None)


def rule_view(row: Rule) -> RuleView:
    """A rule as it is told: all of its numbers, and the sentence."""
    parameters = {**KINDS[row.kind].defaults, **row.parameters}
    return RuleView(
        id=str(row.pk),
        name=row.name,
        kind=row.kind,
        builtin=row.builtin,
        enabled=row.enabled,
        severity=row.severity,
        for_s=row.for_s,
        keep_s=row.keep_s,
        matchers=row.matchers,
        parameters=parameters,
        sentence=ruling.sentence_of(row),
    )


def silences_page(now: datetime, statuses: Sequence[str] = (), *, limit: int = 50, cursor: str | None = None) -> Page:
    """Silences, newest first; empty means all. Items are SilenceView. Errors: Invalid (statuses, cursor)."""
    strange = [each for each in statuses if each not in STATUSES]
    if strange:
        raise Invalid(("status", f"unknown status '{strange[0][:40]}'; expected one of {', '.join(STATUSES)}"))
    rows = Silence.objects.order_by("-pk")
    if cursor:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
            raise Invalid(("cursor", f"'{cursor[:40]}' is no cursor of this list"))
        rows = rows.filter(pk__lt=int(cursor))
    limit = min(max(limit, 1), MOST)
    found = [row for row in rows if not statuses or status_of(row, now) in statuses][: limit + 1]
    following = str(found[limit - 1].pk) if len(found) > limit else None
    return Page(list(_silences(found[:limit], now)), following)


def silence_view(row: Silence, now: datetime) -> SilenceView:
    """A silence, its window that lasts or comes, and what it hides."""
    return _silences([row], now)[0]


def _silences(rows: Sequence[Silence], now: datetime) -> list[SilenceView]:
    """Two queries, however many rows."""
    hidden = silencing.hidden_by_each([matching.read(row.matchers)[0] for row in rows])
    return [_silence(row, hides, now) for row, hides in zip(rows, hidden, strict=True)]


def _silence(row: Silence, hides: tuple[int, int], now: datetime) -> SilenceView:
    lasts = silencing.window_of(row, now)
    if lasts is None or now >= lasts[1]:
        coming = None
        if row.ended_at is None:
            coming = silences.next_window(
                row.starts_at, row.ends_at, now, row.every_days, row.repeats_until, row.timezone
            )
        lasts = coming or lasts or (row.starts_at, row.ends_at)
    return SilenceView(
        id=str(row.pk),
        status=status_of(row, now),
        matchers=row.matchers,
        from_=moment(lasts[0]),
        to=moment(lasts[1]),
        comment=row.comment,
        created_by=row.created_by,
        created_at=moment(row.created_at),
        every_days=row.every_days,
        repeats_until=moment_or_none(row.repeats_until),
        timezone=row.timezone,
        until_recovery=row.until_recovery,
        ended_at=moment_or_none(row.ended_at),
        ended_by=row.ended_by,
        hides={"breakers": hides[0], "alerts": hides[1]},
    )


def status_of(row: Silence, now: datetime) -> str:
    """coming, active or over."""
    lasts = silencing.window_of(row, now)
    if lasts is not None and now < lasts[1] and row.ended_at is None:
        return "active"
    return "over" if silencing.is_over(row, now) else "coming"
