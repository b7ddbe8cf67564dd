"""Reads, each named after the screen or job that reads it. Nothing here writes."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact
from django.utils import timezone

from alerts import silencing
from alerts.destinations.base import Outcome
from alerts.domain import wording
from alerts.domain.deciding import SENTENCES, Hush
from alerts.domain.lifecycle import Status, shown
from alerts.domain.matching import Subject as Meant
from alerts.domain.matching import labels_of
from alerts.models import Alert, AlertLog, Attempt, Destination, Notification, Route
from alerts.models.notification import State
from alerts.models.rule import OPENED
from alerts.shapes import (
    AlertView,
    AttemptView,
    DestinationView,
    LogView,
    NotificationView,
    RouteView,
    Silenced,
    Step,
    Subject,
    moment,
    moment_or_none,
)
from breakers.errors import Invalid, NotFound
from breakers.models import Board, Tombstone
from breakers.queries.shapes import Page

STATUSES = (Status.FIRING, Status.ACKNOWLEDGED, Status.RESOLVED)
MOST = 200
# How many of a notification's last attempts are shown: in lists and frames, and where one alert is asked for.
IN_LISTS = 3
ALL = 1_000
# Ids are bigints; what can't be one names nothing.
LONGEST_ID = 18
# The id that no row has.
NOTHING = uuid.UUID(int=0)


def alerts_page(
    statuses: Sequence[str] = (),
    services: Sequence[str] = (),
    *,
    dependencies: Sequence[str] = (),
    severities: Sequence[str] = (),
    labels: Sequence[tuple[str, str]] = (),
    breaker_id: str = "",
    silenced_at: datetime | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Alerts, newest first; empty means all. Items are AlertView. `silenced_at`: those alone that are silenced then.

    Errors: Invalid (statuses, cursor).
    """
    rows = _seen()
    if statuses:
        rows = rows.filter(_in_status(statuses))
    if services:
        rows = rows.filter(service__in=services)
    if dependencies:
        rows = rows.filter(dependency__in=dependencies)
    if severities:
        rows = rows.filter(severity__in=severities)
    for key, value in labels:
        # Not by keyword: there a label named `contains` would be a lookup.
        rows = rows.filter(Exact(KeyTextTransform(key, "labels"), value))
    if silenced_at is not None:
        rows = rows.filter(silenced_until__gt=silenced_at)
    if breaker_id:
        rows = rows.filter(breaker_id=_number(breaker_id) or 0)
    if cursor:
        before = _number(cursor)
        if before is None:
            raise Invalid(("cursor", f"'{cursor[:40]}' is no cursor of this list"))
        rows = rows.filter(pk__lt=before)
    limit = min(max(limit, 1), MOST)
    found = list(rows.order_by("-pk")[: limit + 1])
    following = str(found[limit - 1].pk) if len(found) > limit else None
    return Page(list(_views(found[:limit])), following)


def newest_ids(statuses: Sequence[str], services: Sequence[str], limit: int) -> list[str]:
    """The ids of the newest alerts of these statuses and services; empty means all. Errors: Invalid (statuses)."""
    rows = Alert.objects.filter(_in_status(statuses)) if statuses else Alert.objects.all()
    if services:
        rows = rows.filter(service__in=services)
    return [str(pk) for pk in rows.order_by("-pk").values_list("pk", flat=True)[:limit]]


def alert(alert_id: str) -> AlertView:
    """One alert with its notifications. Errors: NotFound for an unknown id in any spelling."""
    return _views([row_of(alert_id)], attempts=ALL)[0]


def history(alert_id: str) -> list[LogView]:
    """Everything that changed an alert, oldest first. Errors: NotFound."""
    return [
        LogView(moment(row.at), row.from_status, row.to_status, row.who, row.evidence)
        for row in AlertLog.objects.filter(alert=row_of(alert_id)).order_by("id")
    ]


def open_count() -> dict[str, int]:
    """How many alerts are not resolved: {"firing": n, "acknowledged": n}."""
    live = _seen().filter(resolved_at=None)
    acknowledged = live.filter(acknowledged_at__isnull=False).count()
    return {"firing": live.count() - acknowledged, "acknowledged": acknowledged}


def alerts_of(ids: Iterable[int]) -> list[AlertView]:
    """These alerts, in the order of their ids."""
    return _views(list(_seen().filter(pk__in=list(ids)).order_by("pk")))


def alerts_changed_since(version: int, limit: int = 500) -> tuple[int, list[AlertView], list[str]] | None:
    """(the board's version, changed alerts, ids of deleted ones) since a version; None where more than `limit` changed."""
    # The board's first: a change that comes in between is then told twice, never not at all.
    now = Board.objects.values_list("version", flat=True).get()
    changed = list(_seen().filter(version__gt=version).order_by("version")[: limit + 1])
    gone = list(
        Tombstone.objects.filter(kind="alert", version__gt=version).values_list("object_id", flat=True)[: limit + 1]
    )
    if len(changed) + len(gone) > limit:
        return None
    return now, _views(changed), gone


def destinations() -> list[DestinationView]:
    """All destinations, by name, and how they do."""
    return [_destination(row) for row in _destinations().order_by("name", "created_at")]


def destinations_page(*, limit: int = 50, cursor: str | None = None) -> Page:
    """Destinations by name, in pages. Errors: Invalid (cursor)."""
    return paged(destinations(), lambda view: view.id, limit, cursor)


def destination(destination_id: str, warnings: Sequence[str] = ()) -> DestinationView:
    """One destination. Errors: NotFound for an unknown id in any spelling."""
    return _destination(_destinations().get(pk=destination_row(destination_id).pk), warnings)


def destination_row(destination_id: str) -> Destination:
    """The row itself, for those who change it. Errors: NotFound for an unknown id in any spelling."""
    row = Destination.objects.filter(pk=_uuid(destination_id) or NOTHING, removed_at=None).first()
    if row is None:
        raise NotFound(f"no destination '{destination_id[:40]}'")
    return row


def trail_of(destination_id: str, limit: int = 50) -> list[tuple[NotificationView, str, str]]:
    """What a destination was sent last, newest first, each with its alert's id and summary."""
    rows = Notification.objects.filter(destination=_uuid(destination_id) or NOTHING).select_related(
        "destination", "alert"
    )
    found = list(rows.defer("body").order_by("-pk")[:limit])
    alerts = {str(row.pk): (str(row.alert_id), row.alert.summary) for row in found}
    stand_ins = Notification.objects.filter(stands_in_for__in=found).values_list("stands_in_for", "destination__name")
    views = [view for some in _shown_notifications(found, IN_LISTS, dict(stand_ins)).values() for view in some]
    return [(view, *alerts[view.id]) for view in sorted(views, key=lambda view: -int(view.id))]


def routes() -> list[RouteView]:
    """All routes, by name."""
    return [route_view(row) for row in Route.objects.order_by("name")]


def routes_page(*, limit: int = 50, cursor: str | None = None) -> Page:
    """Routes by name, in pages. Errors: Invalid (cursor)."""
    return paged(routes(), lambda view: view.id, limit, cursor)


def route_row(route_id: str) -> Route:
    """The row itself. Errors: NotFound for an unknown id in any spelling."""
    row = Route.objects.filter(pk=_uuid(route_id) or NOTHING).first()
    if row is None:
        raise NotFound(f"no route '{route_id[:40]}'")
    return row


def route_view(row: Route) -> RouteView:
    """The view of a row that is at hand."""
    return RouteView(
        id=str(row.pk),
        name=row.name,
        enabled=row.off_at is None,
        matchers=row.matchers,
        destinations=row.destinations,
        hours=row.hours,
        always=row.always,
        steps=[Step(step["after_s"], step["destinations"]) for step in row.steps],
        repeat_s=row.repeat_s,
        created_at=moment(row.created_at),
    )


def paged(views: Sequence[Any], key: Callable[[Any], str], limit: int, cursor: str | None) -> Page:
    """A page of a short list, after the view whose key the cursor is. Errors: Invalid (cursor)."""
    start = 0
    if cursor:
        keys = [key(view) for view in views]
        if cursor not in keys:
            raise Invalid(("cursor", f"'{cursor[:40]}' is no cursor of this list"))
        start = keys.index(cursor) + 1
    limit = min(max(limit, 1), MOST)
    some = list(views[start : start + limit])
    return Page(some, key(some[-1]) if start + limit < len(views) else None)


def _destinations() -> QuerySet[Destination]:
    return Destination.objects.filter(removed_at=None).annotate(
        waiting=Count("notifications", filter=Q(notifications__state=State.DUE)),
        dead=Count("notifications", filter=Q(notifications__state=State.DEAD)),
    )


def _destination(row: Any, warnings: Sequence[str] = ()) -> DestinationView:
    return DestinationView(
        id=str(row.pk),
        name=row.name,
        kind=row.kind,
        source=row.source,
        url=row.masked_url,
        config=row.shown or {"url": row.masked_url},
        enabled=row.off_at is None,
        health="off" if row.off_at else "failing" if row.open_until else "ok",
        waiting=row.waiting,
        dead=row.dead,
        created_at=moment(row.created_at),
        last_success_at=moment_or_none(row.last_success_at),
        last_failure_at=moment_or_none(row.last_failure_at),
        last_error=row.last_error,
        open_until=moment_or_none(row.open_until),
        fallback=None if row.fallback_id is None else str(row.fallback_id),
        per_minute=row.per_minute,
        warnings=list(warnings),
    )


def _uuid(text: str) -> uuid.UUID | None:
    """The id in its one spelling; None for any other text."""
    try:
        found = uuid.UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def said_of(row: Alert) -> str:
    """The sentence of an alert as it is now: of how many instances an opening is, counts by those that are open now."""
    at_hand = Alert.breaker.is_cached(row)
    if row.rule.kind != OPENED or row.resolved_at is not None or not at_hand or row.breaker is None:
        return str(row.summary)
    if not row.breaker.instances.get("open"):
        return str(row.summary)
    return wording.opened(row.breaker_name, row.service, row.breaker.instances, row.started_at, row.detected_at)


def shaped(row: Alert, notifications: list[NotificationView], hushes: Sequence[Hush] = ()) -> AlertView:
    """The view of a row that is at hand. `hushes`: the silences that hold now."""
    subject = Meant(row.service, row.dependency, row.breaker_name, labels_of(row.labels))
    hush = next((each for each in hushes if row.resolved_at is None and each.matchers.matches(subject)), None)
    return AlertView(
        id=str(row.pk),
        version=row.version,
        rule=row.rule.name,
        severity=row.severity,
        status=shown(Status(row.status), row.acknowledged_at is not None),
        service=row.service,
        breaker=None if row.breaker_id is None else Subject(str(row.breaker_id), row.service, row.breaker_name),
        dependency=row.dependency,
        labels=row.labels,
        summary=row.summary,
        trips=row.trips,
        started_at=moment(row.started_at),
        detected_at=moment(row.detected_at),
        acknowledged_by=row.acknowledged_by,
        acknowledged_at=moment_or_none(row.acknowledged_at),
        acknowledged_comment=row.acknowledged_comment,
        resolved_at=moment_or_none(row.resolved_at),
        incident=None if row.incident_id is None else str(row.incident_id),
        notifications=notifications,
        silenced=None if hush is None else Silenced(str(hush.id), hush.by, moment(hush.until)),
    )


def notification(notification_id: str) -> NotificationView:
    """One notification with its attempts. Errors: NotFound for an unknown id in any spelling."""
    rows = Notification.objects.select_related("destination").filter(pk=_number(notification_id) or 0)
    views = [view for some in _notifications(rows, ALL).values() for view in some]
    if not views:
        raise NotFound(f"no notification '{notification_id[:40]}'")
    return views[0]


def row_of(alert_id: str) -> Alert:
    """The row itself, for those who change it. Errors: NotFound for an unknown id in any spelling."""
    row = _seen().filter(pk=_number(alert_id) or 0).first()
    if row is None:
        raise NotFound(f"no alert '{alert_id[:40]}'")
    return row


def _seen() -> QuerySet[Alert]:
    return Alert.objects.exclude(status=Status.PENDING).select_related("rule", "breaker")


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


def _number(text: str) -> int | None:
    """The id in its one spelling; None for any other text."""
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST_ID or text != str(int(text)):
        return None
    return int(text)


def _views(rows: Sequence[Alert], attempts: int = IN_LISTS) -> list[AlertView]:
    """Three queries, however many rows."""
    if not rows:
        return []
    told = _notifications(Notification.objects.filter(alert__in=rows).select_related("destination"), attempts)
    hushes = silencing.at_work(timezone.now()) if any(row.resolved_at is None for row in rows) else []
    return [shaped(row, told.get(row.pk, []), hushes) for row in rows]


def _notifications(rows: QuerySet[Notification], attempts: int) -> dict[int, list[NotificationView]]:
    """By alert, in the order of their making; so many of the last attempts of each."""
    return _shown_notifications(list(rows.defer("body").order_by("pk")), attempts)


def _shown_notifications(
    found: Sequence[Notification], attempts: int, stand_ins: Mapping[int | None, str] | None = None
) -> dict[int, list[NotificationView]]:
    """`stand_ins`: who stands in for which, where that is not among those found."""
    if stand_ins is None:
        stand_ins = {row.stands_in_for_id: row.destination.name for row in found}
    tries: dict[int, list[AttemptView]] = defaultdict(list)
    newest = Attempt.objects.filter(notification__in=found, number__gt=F("notification__attempt") - attempts)
    for each in newest.order_by("notification_id", "number"):
        tries[each.notification_id].append(
            AttemptView(
                number=each.number,
                at=moment(each.started_at),
                took_ms=each.took_ms,
                address=each.address,
                status_code=each.status_code,
                outcome=Outcome(each.outcome),
                error=each.error,
                answer=each.answer,
                next_due_at=moment_or_none(each.next_due_at),
            )
        )
    views: dict[int, list[NotificationView]] = defaultdict(list)
    for row in found:
        views[row.alert_id].append(
            NotificationView(
                id=str(row.pk),
                destination=row.destination.name,
                destination_kind=row.destination.kind,
                kind=row.kind,
                state=row.state,
                reason=SENTENCES.get(row.reason, row.reason),
                webhook_id=row.webhook_id,
                created_at=moment(row.created_at),
                due_at=moment(row.due_at) if row.state == State.DUE else None,
                finished_at=moment_or_none(row.finished_at),
                resend_of=None if row.resend_of_id is None else str(row.resend_of_id),
                attempts=tries[row.pk],
                claimed_until=moment_or_none(row.claimed_until) if row.state == State.DUE else None,
                because=row.because,
                handed_to=stand_ins.get(row.pk),
                stands_in_for=None if row.stands_in_for_id is None else str(row.stands_in_for_id),
            )
        )
    return views
