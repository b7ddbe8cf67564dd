"""Quieting: stretches that somebody marked as maintenance or chaos page nobody. What they hide is recorded and shown, as under a silence.

A mark quiets what it names, by exact names. One that names nothing is a word on every timeline, and quiets nobody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from alerts.domain import silences
from alerts.domain.deciding import until
from alerts.domain.lifecycle import Status
from alerts.domain.matching import Subject
from alerts.domain.wording import plain
from alerts.models import Alert, Notification
from alerts.routing import subject_of
from breakers.models import Annotation

KINDS = ("maintenance", "chaos")
BEGINS = "not sent: marked as "


@dataclass(frozen=True, slots=True)
class Quiet:
    """A mark that holds now."""

    kind: str
    title: str
    by: str
    ends_at: datetime
    service: str
    breaker: str
    dependency: str

    def covers(self, subject: Subject) -> bool:
        """Whether it names this."""
        named = (
            (self.service, subject.service),
            (self.breaker, subject.breaker),
            (self.dependency, subject.dependency),
        )
        return all(not name or name == own for name, own in named)

    def said(self, now: datetime) -> str:
        """Why nothing goes out."""
        return f"marked as {self.kind} until {until(self.ends_at, now)} by {plain(self.by, 60)}: {plain(self.title)}"


def at_work(now: datetime) -> list[Quiet]:
    """The marks that quiet something now; as a silence, for 30 days at most."""
    rows = Annotation.objects.filter(kind__in=KINDS, at__lte=now, at__gt=now - silences.LONGEST, until__gt=now)
    return [
        Quiet(
            row.kind,
            row.title,
            row.created_by,
            min(row.until or now, row.at + silences.LONGEST),
            row.service,
            row.breaker,
            row.dependency,
        )
        for row in rows.order_by("pk")
        if row.service or row.breaker or row.dependency
    ]


def quieted(subject: Subject, quiets: Iterable[Quiet]) -> Quiet | None:
    """The mark that quiets it longest; None where none does."""
    return max((each for each in quiets if each.covers(subject)), key=lambda each: each.ends_at, default=None)


def unquieted(now: datetime) -> list[Alert]:
    """Alerts that a mark kept from being told, when it is over and they still fire."""
    last = Notification.objects.filter(alert=OuterRef("pk")).order_by("-pk").values("reason")[:1]
    rows = Alert.objects.filter(resolved_at=None, status=Status.FIRING).annotate(last=Subquery(last))
    found = list(rows.filter(last__startswith=BEGINS).select_related("rule", "incident"))
    quiets = at_work(now) if found else []
    return [alert for alert in found if quieted(subject_of(alert), quiets) is None]
