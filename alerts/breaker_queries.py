"""What a breaker's page tells of alerts: the incident it is part of, the silence that covers it, and its alerts. Nothing here writes."""

from datetime import datetime

import msgspec
from django.db.models import Q

from alerts import silencing
from alerts.domain.lifecycle import Status, shown
from alerts.domain.matching import Subject, labels_of
from alerts.domain.wording import plain
from alerts.models import Alert
from alerts.shapes import Silenced, moment
from breakers.queries.shapes import Card


class AlertLine(msgspec.Struct, frozen=True):
    """An alert in one line. `over`: it is resolved."""

    id: str
    rule: str
    severity: str
    status: str
    summary: str
    started_at: str
    over: bool


class Member(msgspec.Struct, frozen=True):
    """The incident that a breaker is part of. `suspect`: the dependency that is suspected; empty: nobody, or not told here."""

    id: str
    suspect: str


class Standing(msgspec.Struct, frozen=True):
    """How a breaker stands with those who are told: `alerts` that are not over first, then the newest."""

    incident: Member | None
    silenced: Silenced | None
    alerts: list[AlertLine]


def standing(card: Card, now: datetime, *, limit: int) -> Standing:
    """Of one breaker, at most `limit` of its alerts beside those that are not over."""
    of_breaker = Alert.objects.filter(breaker_id=int(card.id)).exclude(status=Status.PENDING)
    newest = of_breaker.order_by("-pk")[:limit].values("pk")
    rows = list(
        of_breaker.filter(Q(resolved_at=None) | Q(pk__in=newest)).select_related("rule", "incident").order_by("-pk")
    )
    suspects = {str(row.incident_id): plain(row.incident.cause) for row in rows if row.incident is not None}
    lines = [
        AlertLine(
            str(row.pk),
            row.rule.name,
            row.severity,
            shown(Status(row.status), row.acknowledged_at is not None),
            row.summary,
            moment(row.started_at),
            row.resolved_at is not None,
        )
        for row in rows
    ]
    return Standing(
        incident=None if card.incident is None else Member(card.incident, suspects.get(card.incident, "")),
        silenced=_silenced(card, now),
        alerts=sorted(lines, key=lambda line: line.over)[:limit],
    )


def _silenced(card: Card, now: datetime) -> Silenced | None:
    """The silence that lasts longest, of those that cover it now."""
    subject = Subject(card.service, card.dependency, card.name, labels_of(card.labels))
    hushes = [hush for hush in silencing.at_work(now) if hush.matchers.matches(subject)]
    hush = max(hushes, key=lambda each: each.until, default=None)
    return None if hush is None else Silenced(str(hush.id), hush.by, moment(hush.until))
