"""Grouping: openings find their incident; incidents widen, merge and end. The only writer of incidents but for what people do.

Suppression hides paging only: every member keeps its own alert, and resolves by itself.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alerts import suspecting
from alerts.domain import incidents
from alerts.domain.incidents import Case, Opening
from alerts.domain.lifecycle import Status
from alerts.domain.suspects import Suspect
from alerts.models import Alert, Incident, IncidentLog

if TYPE_CHECKING:
    from alerts.raising import Round

FIRST_UPDATE = timedelta(seconds=30)
NEXT_UPDATE = timedelta(minutes=5)


class Groups:
    """The open incidents in one transaction."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        # Those to be written.
        self.changed: dict[int, Incident] = {}
        self._rows: dict[int, Incident] | None = None
        self._cases: dict[int, Case] = {}
        self._marks: dict[int, str | None] = {}
        self._merged: set[int] = set()
        # Who was suspected when the round began.
        self._suspected: dict[int, str] = {}

    def place(self, round: "Round", alerts: Iterable[Alert]) -> None:
        """Each opening into its incident."""
        for alert in sorted(alerts, key=lambda each: each.started_at):
            self._load()
            assert self._rows is not None
            opening = Opening(alert.service, alert.dependency, alert.started_at)
            placed = incidents.place(opening, self._cases.values())
            case = placed.case or self._new(opening)
            row = self._rows[case.key]
            self._suspected.setdefault(row.pk, row.cause)
            row.cause = case.cause = placed.cause
            if placed.swallows is not None:
                self._swallow(case, placed.swallows, round)
            case.join(opening)
            alert.incident = row
            row.started_at, row.joined_at = case.started_at, case.joined_at
            self.changed[row.pk] = row
            if alert.breaker_id is not None:
                self._marks[alert.breaker_id] = str(row.pk)
            self._follow_acknowledgement(round, row, case, alert)

    def members_of(self, alert: Alert) -> int:
        """How many belong to the alert's incident; 0 where it is in none."""
        if alert.incident_id is None:
            return 0
        case = self._cases.get(alert.incident_id)
        return case.total if case else Alert.objects.filter(incident=alert.incident_id).count()

    def news(self, row: Incident) -> None:
        """There is something to tell: with the first update 30 s after the first word, then at most each 5 minutes."""
        first = (row.updated_at + NEXT_UPDATE) if row.updated_at else (self.now + FIRST_UPDATE)
        if row.update_due_at is None:
            row.update_due_at = max(first, self.now)
            self.changed[row.pk] = row

    def save(self, round: "Round") -> dict[int, str | None]:
        """Write what changed, end what is over; {breaker: its incident, or None} where that changed."""
        over = [each for each in round.written if each.resolved_at is not None and each.incident_id is not None]
        for alert in over:
            if alert.breaker_id is not None:
                self._marks[alert.breaker_id] = None
        ids = {each.incident_id for each in over if each.incident_id is not None} | set(self.changed)
        if not ids:
            return {}
        known = {**{row.pk: row for row in Incident.objects.filter(pk__in=ids - set(self.changed))}, **self.changed}
        living = set(
            Alert.objects.filter(incident__in=ids, resolved_at=None).values_list("incident", flat=True).distinct()
        )
        for row in known.values():
            if row.pk not in living and row.resolved_at is None:
                row.resolved_at, row.update_due_at = self.now, None
                self._log(row, "rule", "resolved: every member has stayed closed for its hold")
            elif row.pk in living and row.pk not in self._merged:
                row.resolved_at = None
        changed = set(known)
        opened = suspecting.opened_of(changed)
        others = Incident.objects.filter(pk__in=suspecting.beside(changed, opened.values()))
        known |= {row.pk: row for row in others}
        opened |= suspecting.opened_of(row.pk for row in others)
        told = suspecting.judge(list(known.values()), opened, self.now)
        for row in known.values():
            if self._suspects(row, told[row.pk]) or row.pk in changed:
                row.version = round.version
                row.save()
        return self._marks

    def _suspects(self, row: Incident, told: Suspect) -> bool:
        """Write down who is suspected, and why; whether that is news."""
        before = self._suspected.get(row.pk, row.cause)
        news = (told.dependency, told.confidence, list(told.reasons)) != (row.cause, row.confidence, row.reasons)
        row.cause, row.confidence, row.reasons = told.dependency, told.confidence, list(told.reasons)
        if before != row.cause:
            self._log(row, "rule", f"{row.cause} is suspected now, no longer {before}: {'; '.join(row.reasons)}")
        return news

    def mark(self, breaker_id: int, incident: str | None) -> None:
        """A card's incident, to be written at the end."""
        self._marks[breaker_id] = incident

    def end(self, row: Incident) -> None:
        """It was merged away: to be written, and not to live again."""
        self.changed[row.pk] = row
        self._merged.add(row.pk)

    def _load(self) -> None:
        if self._rows is not None:
            return
        # In the order in which they began: where two would take an opening, the first does.
        self._rows = {row.pk: row for row in Incident.objects.filter(resolved_at=None).order_by("pk")}
        for row in self._rows.values():
            self._cases[row.pk] = Case(
                row.pk, row.cause, row.started_at, row.joined_at, row.by_hand, frozenset(row.refuted)
            )
        for key, pair in suspecting.members(self._rows).items():
            case = self._cases[key]
            case.opened = {names: (first, n) for names, (first, n, _) in pair.items()}
            case.total, case.live = sum(n for _, n, _ in pair.values()), sum(live for _, _, live in pair.values())

    def _new(self, opening: Opening) -> Case:
        assert self._rows is not None
        row = Incident.objects.create(started_at=opening.at, joined_at=opening.at, cause=opening.dependency)
        self._rows[row.pk] = row
        self._cases[row.pk] = Case(row.pk, row.cause, opening.at, opening.at)
        return self._cases[row.pk]

    def _swallow(self, case: Case, other: Case, round: "Round") -> None:
        """Two were one all along: the other's members come over, and those who were told of it are told of this one."""
        assert self._rows is not None
        row, gone = self._rows[case.key], self._rows.pop(other.key)
        members = list(Alert.objects.filter(incident=gone.pk).select_related("rule"))
        for alert in members:
            alert.incident = row
            round.adopt(alert)
            if alert.breaker_id is not None and alert.resolved_at is None:
                self._marks[alert.breaker_id] = str(row.pk)
        for alert in round.written:
            if alert.incident_id == gone.pk:
                alert.incident = row
        row.told = {**gone.told, **row.told}
        gone.resolved_at, gone.update_due_at, gone.merged_into = self.now, None, row
        self.end(gone)
        self._log(gone, "rule", f"merged into incident {row.pk}: {row.cause} is behind both")
        self._log(row, "rule", f"took in incident {gone.pk}: {gone.cause} lies on the way to {row.cause}")
        case.swallow(other)
        del self._cases[other.key]
        self.news(row)

    def _follow_acknowledgement(self, round: "Round", row: Incident, case: Case, alert: Alert) -> None:
        """Who has the incident in hand has later joiners too, until they have become twice as many."""
        if row.acknowledged_at is None:
            return
        if case.live >= 2 * max(row.acknowledged_members, 1):
            self._log(row, "rule", f"acknowledgement by {row.acknowledged_by} undone: twice as many members are open")
            row.acknowledged_by, row.acknowledged_at, row.acknowledged_comment = None, None, ""
            self.news(row)
            return
        before = alert.status
        alert.acknowledged_by, alert.acknowledged_at = row.acknowledged_by, self.now
        alert.acknowledged_comment = row.acknowledged_comment
        if alert.status == Status.FIRING:
            alert.status = Status.ACKNOWLEDGED
        round.log(alert, self.now, before, row.acknowledged_by or "", {"incident": row.pk})

    def _log(self, row: Incident, who: str, what: str) -> None:
        IncidentLog.objects.create(incident=row, at=self.now, who=who, what=what[:500])
