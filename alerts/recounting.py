"""Recounting: an incident as a document, from what was written down while it lasted. Nothing here writes."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from alerts import incident_queries
from alerts.domain.deciding import SENTENCES
from alerts.models import Alert, AlertLog, IncidentLog, Notification
from alerts.models.notification import State
from alerts.models.rule import OPENED
from alerts.shapes import IncidentView, MomentView, PostmortemView, moment
from breakers.models import Command, Outage

# What was ordered so long after its end still belongs to it.
AFTERMATH = timedelta(minutes=10)
BY_RULES = "rule:"


def postmortem(incident_id: str, now: datetime) -> PostmortemView:
    """The document. Errors: NotFound."""
    row, view = incident_queries.row_of(incident_id), incident_queries.incident(incident_id, now)
    alerts = list(Alert.objects.filter(incident=row, rule__kind=OPENED).order_by("started_at", "pk"))
    breakers = [each.breaker_id for each in alerts if each.breaker_id is not None]
    end = row.resolved_at or now
    orders = Command.objects.filter(breaker__in=breakers, issued_at__gte=row.started_at, issued_at__lte=end + AFTERMATH)
    commands = list(orders.select_related("breaker__service").order_by("issued_at"))
    notices = list(
        Notification.objects.filter(alert__in=alerts)
        .select_related("destination", "alert")
        .defer("body")
        .order_by("pk")
    )
    outages = incident_queries.outages_of(alerts)
    lines = [
        *(MomentView(moment(each.started_at), "", f"{each.breaker_name} in {each.service} opened") for each in alerts),
        *(
            MomentView(moment(outage.ended_at), "", f"{each.breaker_name} in {each.service} closed")
            for each in alerts
            for outage in outages[each.pk]
            if outage.ended_at is not None
        ),
        *(MomentView(moment(line.at), line.who, line.what) for line in IncidentLog.objects.filter(incident=row)),
        *(_said(line) for line in AlertLog.objects.filter(alert__in=alerts).select_related("alert").order_by("id")),
        *(
            MomentView(
                moment(each.issued_at),
                each.requested_by,
                f"ordered {each.action} of {each.breaker.name}: {each.reason}",
            )
            for each in commands
        ),
    ]
    return PostmortemView(
        incident=view,
        lasted_s=_lasted_s(view),
        open_minutes=_open_minutes(alerts, outages, end),
        trips=dict(sorted(Counter(each.service for each in alerts for _ in outages[each.pk]).items())),
        timeline=sorted((line for line in lines if line is not None), key=lambda line: line.at),
        commands=[
            {
                "at": moment(each.issued_at),
                "who": each.requested_by,
                "action": each.action,
                "breaker": f"{each.breaker.service.name}/{each.breaker.name}",
                "status": each.status,
                "verdict": each.verdict,
            }
            for each in commands
        ],
        notices=[
            {
                "at": moment(each.created_at),
                "kind": each.kind,
                "destination": each.destination.name,
                "alert": f"{each.alert.service}/{each.alert.breaker_name}",
                "state": each.state,
                "finished_at": moment(each.finished_at) if each.finished_at else None,
            }
            for each in notices
            if each.state != State.DROPPED
        ],
        held_back=dict(
            Counter(SENTENCES.get(each.reason, each.reason) for each in notices if each.state == State.DROPPED)
        ),
    )


def _lasted_s(view: IncidentView) -> int | None:
    if view.closed_at is None:
        return None
    lasted = datetime.fromisoformat(view.closed_at) - datetime.fromisoformat(view.started_at)
    return round(lasted.total_seconds())


def _open_minutes(alerts: list[Alert], outages: Mapping[int, list[Outage]], end: datetime) -> dict[str, float]:
    """By service: minutes for which its breakers in this incident were in an outage, each counted for itself."""
    found: dict[str, timedelta] = defaultdict(timedelta)
    for each in alerts:
        for outage in outages[each.pk]:
            found[each.service] += max((outage.ended_at or end) - outage.started_at, timedelta(0))
    return {service: round(length / timedelta(minutes=1), 1) for service, length in sorted(found.items())}


def _said(line: AlertLog) -> MomentView | None:
    """What people did, and the ends: the beginnings are told already."""
    name = f"{line.alert.breaker_name} in {line.alert.service}"
    if not line.who.startswith(BY_RULES):
        comment = line.evidence.get("comment")
        said = f"{line.evidence.get('verb', line.to_status)} {name}{f': {comment}' if comment else ''}"
        return MomentView(moment(line.at), line.who, said)
    return MomentView(moment(line.at), "", f"{name} {line.to_status}") if line.to_status == "resolved" else None
