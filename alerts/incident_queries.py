"""Reads of incidents, each named after the screen or job that reads it. Nothing here writes."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from alerts import suspecting
from alerts.domain.lifecycle import Status, shown
from alerts.domain.suspects import Suspect
from alerts.domain.wording import plain
from alerts.models import Alert, Incident, IncidentLog, Notification
from alerts.models.notification import State
from alerts.models.rule import OPENED
from alerts.shapes import IncidentView, MemberView, Subject, Suspected, moment, moment_or_none
from breakers.domain import states
from breakers.errors import Invalid, NotFound
from breakers.models import Breaker, Outage, Transition
from breakers.queries.shapes import Page

STATUSES = (Status.FIRING, Status.ACKNOWLEDGED, Status.RESOLVED)
MOST = 200


def incidents_page(
    statuses: Sequence[str] = (), *, now: datetime | None, limit: int = 50, cursor: str | None = None
) -> Page:
    """Incidents, newest first; empty means all. Items are IncidentView. `now` None: for their names alone.

    Errors: Invalid (statuses, cursor).
    """
    rows = Incident.objects.filter(merged_into=None)
    if statuses:
        rows = rows.filter(_in_status(statuses))
    if cursor:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
            raise Invalid(("cursor", f"'{cursor[:40]}' is no cursor of this list"))
        rows = rows.filter(pk__lt=int(cursor))
    limit = min(max(limit, 1), MOST)
    found = list(rows.order_by("-pk")[: limit + 1])
    following = str(found[limit - 1].pk) if len(found) > limit else None
    return Page(list(_views(found[:limit], now)), following)


def incident(incident_id: str, now: datetime) -> IncidentView:
    """One incident. Errors: NotFound for an unknown id in any spelling."""
    return _views([row_of(incident_id)], now)[0]


def row_of(incident_id: str) -> Incident:
    """The row itself, for those who change it. Errors: NotFound for an unknown id in any spelling."""
    known = incident_id.isascii() and incident_id.isdigit() and len(incident_id) <= 18
    row = (
        Incident.objects.filter(pk=int(incident_id)).first() if known and incident_id == str(int(incident_id)) else None
    )
    if row is None:
        raise NotFound(f"no incident '{incident_id[:40]}'")
    return row


def told_of(incident_id: str) -> tuple[list[tuple[str, str, str, str]], int]:
    """Who was told of its members ((destination, kind, at, state), in the order of the members), and how many messages were not sent."""
    notes = Notification.objects.filter(alert__incident=int(incident_id), alert__rule__kind=OPENED)
    rows = list(
        notes.order_by("alert__started_at", "alert", "pk").values_list(
            "destination__name", "kind", "created_at", "state"
        )
    )
    sent = [(name, kind, moment(at), state) for name, kind, at, state in rows if state != State.DROPPED]
    return sent, len(rows) - len(sent)


def last_resolved() -> IncidentView | None:
    """The one that ended last."""
    row = Incident.objects.filter(merged_into=None, resolved_at__isnull=False).order_by("-resolved_at").first()
    return _views([row], row.resolved_at)[0] if row and row.resolved_at else None


@dataclass(frozen=True, slots=True)
class Cause:
    """The dependency that is suspected behind most of what is open now, its incident, and how much of it that explains."""

    incident: str
    dependency: str
    explains: int
    of: int

    @property
    def share(self) -> str:
        """for 18 of 41 open"""
        return f"for {self.explains:,} of {self.of:,} open"


def likely_cause(among: Collection[int] | None = None) -> Cause | None:
    """For a wall's headline: of the suspects of incidents that are not over, the one behind most breakers that are open now.

    None where nothing is open, or nobody is suspected of it. `among`: only these breakers count, where a wall shows some alone.
    """
    open_now = Breaker.objects.filter(state=states.State.OPEN)
    counted = (
        Counter(dict(open_now.order_by().values_list("incident").annotate(n=Count("pk"))))
        if among is None
        else Counter(mark for pk, mark in open_now.values_list("pk", "incident") if pk in among)
    )
    marked = [int(mark) for mark in counted if mark]
    suspects = Incident.objects.filter(pk__in=marked, merged_into=None, resolved_at=None).exclude(cause="")
    causes = dict(suspects.values_list("pk", "cause"))
    first = min(causes, key=lambda pk: (-counted[str(pk)], pk), default=None)
    if first is None:
        return None
    explains = sum(counted[str(pk)] for pk, cause in causes.items() if cause == causes[first])
    return Cause(str(first), plain(causes[first]), explains, counted.total())


def history(incident_id: str) -> list[tuple[str, str, str]]:
    """(at, who, what), oldest first."""
    rows = IncidentLog.objects.filter(incident=int(incident_id)).order_by("id")
    return [(moment(row.at), row.who, row.what) for row in rows]


def lanes(view: IncidentView, now: datetime) -> dict[str, list[tuple[str, datetime, datetime]]]:
    """{alert: the spans of its breaker's headline (state, from, to)} from the incident's start to its end, or now."""
    start = min(datetime.fromisoformat(each.opened_at) for each in view.members)
    end = datetime.fromisoformat(view.resolved_at) if view.resolved_at else now
    ids = {int(each.breaker.id): each.alert for each in view.members if each.breaker}
    marks: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    rows = Transition.objects.filter(breaker__in=ids, instance_name=None, at__gte=start, at__lte=end).order_by(
        "at", "id"
    )
    for breaker, at, state in rows.values_list("breaker", "at", "to_state"):
        marks[breaker].append((at, state))
    found = {}
    for breaker, alert in ids.items():
        steps = marks[breaker]
        ends = [at for at, _ in steps[1:]] + [end]
        found[alert] = [(state, at, to) for (at, state), to in zip(steps, ends, strict=True)] if steps else []
    return found


def title_of(row: Incident, members: int) -> str:
    """payments-db: 14 breakers"""
    return f"{plain(row.cause) or 'no suspect'}: {members} breaker{'s' * (members != 1)}"


def _views(rows: Sequence[Incident], now: datetime | None) -> list[IncidentView]:
    """A handful of queries, however many rows. Of what is not over, the reasons are those of this moment."""
    members: dict[int, list[Alert]] = defaultdict(list)
    alerts = Alert.objects.filter(incident__in=rows, rule__kind=OPENED).order_by("started_at", "pk")
    for alert in alerts.select_related("breaker"):
        members[alert.incident_id or 0].append(alert)
    lasting = [row for row in rows if row.resolved_at is None and now is not None]
    seen = {}
    if lasting and now is not None:
        seen = suspecting.judge(lasting, suspecting.opened_of(row.pk for row in lasting), now, moves=False)
    over = outages_of([each for row in rows if row.resolved_at for each in members[row.pk]])
    return [_view(row, members[row.pk], seen.get(row.pk), over) for row in rows]


def outages_of(members: Sequence[Alert]) -> dict[int, list[Outage]]:
    """{alert: the outages that it stands for}: those of its breaker that began in its time, the ones inside its hold too."""
    mine = {each.breaker_id for each in members if each.breaker_id is not None}
    if not mine:
        return {}
    since = min(each.started_at for each in members)
    by_breaker: dict[int, list[Outage]] = defaultdict(list)
    for outage in Outage.objects.filter(breaker__in=mine, started_at__gte=since).order_by("started_at"):
        by_breaker[outage.breaker_id].append(outage)
    return {
        each.pk: [
            outage
            for outage in by_breaker.get(each.breaker_id or 0, [])
            if each.started_at <= outage.started_at
            and (each.resolved_at is None or outage.started_at <= each.resolved_at)
        ]
        for each in members
    }


def _closed_at(row: Incident, members: list[Alert], outages: dict[int, list[Outage]]) -> datetime | None:
    """When the last of them closed; the hold comes after it. Where no outage tells, its end."""
    if row.resolved_at is None:
        return None
    ends = [outage.ended_at for each in members for outage in outages.get(each.pk, []) if outage.ended_at is not None]
    ended: datetime = max(ends, default=row.resolved_at)
    return ended


def _view(row: Incident, members: list[Alert], seen: Suspect | None, outages: dict[int, list[Outage]]) -> IncidentView:
    status = Status.RESOLVED if row.resolved_at else Status.ACKNOWLEDGED if row.acknowledged_at else Status.FIRING
    services = sorted({each.service for each in members})
    where = f" in {len(services)} services" if len(services) > 1 else ""
    return IncidentView(
        id=str(row.pk),
        version=row.version,
        status=status,
        title=f"{title_of(row, len(members))}{where}",
        # Its first opening, as it is known now.
        started_at=moment(min((each.started_at for each in members), default=row.started_at)),
        closed_at=moment_or_none(_closed_at(row, members, outages)),
        resolved_at=moment_or_none(row.resolved_at),
        suspect=Suspected(row.cause or None, row.confidence, row.reasons)
        if seen is None
        else Suspected(row.cause or None, seen.confidence, list(seen.reasons)),
        members=[
            MemberView(
                str(each.pk),
                shown(Status(each.status), each.acknowledged_at is not None),
                each.service,
                None if each.breaker_id is None else Subject(str(each.breaker_id), each.service, each.breaker_name),
                each.dependency,
                moment(each.started_at),
                moment_or_none(each.resolved_at),
            )
            for each in members
        ],
        members_count=len(members),
        open_count=sum(_is_open(each) for each in members),
        services=services,
        refuted=row.refuted,
        by_hand=row.by_hand,
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=moment_or_none(row.acknowledged_at),
        acknowledged_comment=row.acknowledged_comment,
        merged_into=None if row.merged_into_id is None else str(row.merged_into_id),
    )


def _is_open(member: Alert) -> bool:
    """Open now, as the wall counts it: recovering is not, nor is half-open."""
    return member.resolved_at is None and member.breaker is not None and member.breaker.state == states.State.OPEN


def _in_status(statuses: Sequence[str]) -> Q:
    conditions = Q()
    for status in statuses:
        match status:
            case Status.FIRING:
                conditions |= Q(resolved_at=None, acknowledged_at=None)
            case Status.ACKNOWLEDGED:
                conditions |= Q(resolved_at=None, acknowledged_at__isnull=False)
            case Status.RESOLVED:
                conditions |= Q(resolved_at__isnull=False)
            case _:
                raise Invalid(("status", f"unknown status '{status[:40]}'; expected one of {', '.join(STATUSES)}"))
    return conditions
