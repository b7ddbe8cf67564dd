"""Reviewing: the week before, by team; told to people on Monday morning, once a team, by the routes that its alerts take.

Each team's week is an alert of the rule "weekly digest" that is over from the start: so it has a trail, routes match it by its
label `team`, and whoever wants none switches the rule off or writes one of their own.
"""

from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from django.conf import settings
from django.db.models import Q, QuerySet

from alerts import digesting, outbox, queries, ruling
from alerts.destinations.base import Notice
from alerts.domain import weeks
from alerts.domain.deciding import Decision, Reason
from alerts.domain.lifecycle import Status
from alerts.domain.matching import Subject
from alerts.domain.rules import applying
from alerts.domain.rules.catalogue import TEAM, WEEKLY
from alerts.domain.weeks import Raised, TeamWeek, Trip
from alerts.models import Alert
from alerts.models.destination import FOR_PEOPLE
from alerts.raising import Round
from alerts.routing import Routing
from breakers import bulk, nudging
from breakers.models import Breaker, Outage

HEADING = "The week"
MOST_LATE = 20


def week(start: datetime, now: datetime) -> list[TeamWeek]:
    """The week that begins at this Monday, by team, as far as it has come."""
    end = min(start + weeks.LASTS, now)
    names = {
        pk: (_team(labels), f"{name} in {service}")
        for pk, name, service, labels in Breaker.objects.values_list("pk", "name", "service__name", "labels")
    }
    outages = Outage.objects.filter(Q(ended_at=None) | Q(ended_at__gt=start), started_at__lt=end)
    trips = [
        Trip(*names[breaker], began, ended)
        for breaker, began, ended in outages.values_list("breaker", "started_at", "ended_at")
        if breaker in names
    ]
    # What is pending has not begun for anybody.
    began = Alert.objects.filter(started_at__gte=start, started_at__lt=end).exclude(rule__kind=WEEKLY)
    began = began.exclude(status=Status.PENDING)
    raised = [
        Raised(_team(labels), f"{rule}: {f'{name} in {service}' if name else service or 'the board'}")
        for rule, name, service, labels in began.values_list("rule__name", "breaker_name", "service", "labels")
    ]
    return weeks.of_teams(trips, raised, start, end)


def tell(now: datetime) -> None:
    """Tell of the week before, if this is its morning. Safe to call again: a team's week is told once."""
    start = weeks.told_now(now)
    if start is None or WEEKLY not in ruling.current().by_kind:
        return
    for each in week(start, now):
        if not _alerts_of(each.team, start).exists():
            with bulk.writing():
                _tell(each, start, now)


def notice(alert: Alert, told: TeamWeek, start: datetime, now: datetime) -> Notice:
    """What people get."""
    url = f"{settings.SITE_URL}/alerts/week/?from={start:%Y-%m-%d}"
    return Notice("digest", queries.shaped(alert, []), told.said, url, now, lines=told.lines, heading=HEADING)


def _tell(told: TeamWeek, start: datetime, now: datetime) -> None:
    labels = {} if told.team == weeks.NOBODY else {"team": told.team}
    round = Round(now)
    speaking = applying(round.book.by_kind.get(WEEKLY, ()), Subject(labels=tuple(labels.items())))
    if not speaking or _alerts_of(told.team, start).exists():
        return
    rule = round.book.rows[speaking[0].id]
    alert = Alert(
        rule=rule,
        severity=rule.severity,
        status=Status.RESOLVED,
        subject_kind=TEAM,
        subject_id=_subject(told.team, start),
        labels=labels,
        summary=told.said[:500],
        started_at=start,
        detected_at=now,
        resolved_at=min(start + weeks.LASTS, now),
    )
    round.write(alert)
    round.log(alert, now, None, f"rule:{rule.name}", {})
    round.close()
    goes = Decision(True, Reason.OPENED)
    hear = [each for each in Routing(round.on, now).owed_to(alert) if each.destination.kind in FOR_PEOPLE]
    said = notice(alert, told, start, now)
    owed = []
    for each in hear:
        late = digesting.late_for(each.destination)
        more = [digesting.line_of(row) for row in late.select_related("alert").order_by("pk")[:MOST_LATE]]
        late.update(reason="told in the week's digest: reported late, and over for more than 15 minutes")
        mine = replace(said, lines=(*said.lines, *more))
        owed.append(outbox.Owed(alert, mine, each.destination, goes, each.because))
    ids = outbox.write(owed, now)

    def after() -> None:
        for pk in ids:
            nudging.nudge("alerts.tasks.deliver", pk)

    bulk.after_commit(after)


def _alerts_of(team: str, start: datetime) -> QuerySet[Alert]:
    return Alert.objects.filter(subject_kind=TEAM, subject_id=_subject(team, start))


def _subject(team: str, start: datetime) -> str:
    return f"{start:%Y-%m-%d} {sha256(team.encode()).hexdigest()[:16]}"


def _team(labels: dict[str, str]) -> str:
    return labels.get("team") or weeks.NOBODY
