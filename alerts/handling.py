"""Handling: what people do with an alert. Roles are checked here, and every verb leaves a line in the audit trail."""

from datetime import datetime

from django.conf import settings

from alerts import outbox, queries
from alerts.destinations.base import Notice
from alerts.domain.lifecycle import Status
from alerts.models import Alert, AlertLog, Notification
from alerts.models.notification import State
from alerts.shapes import AlertView, NotificationView
from alerts.signals import alerts_changed
from breakers import auditing, bulk, nudging
from breakers.access import Actor, Role, require
from breakers.errors import Conflict, Invalid

LONGEST_COMMENT = 2_000


def acknowledge(actor: Actor, alert_id: str, comment: str, at: datetime) -> AlertView:
    """Somebody has it in hand. A second one is noted beside the first; on a resolved alert it is a comment.

    Errors: NotAllowed, NotFound, Invalid.
    """
    require(actor, Role.OPERATOR, "acknowledging an alert")
    comment = _checked(comment)
    with bulk.writing():
        alert = queries.row_of(alert_id)
        before = Status(alert.status)
        if alert.resolved_at is None and alert.acknowledged_at is None:
            alert.acknowledged_by, alert.acknowledged_at, alert.acknowledged_comment = actor.name, at, comment
            instances = alert.breaker.instances if alert.breaker else {}
            alert.acknowledged_partly = instances.get("open", 0) < sum(instances.values())
            if alert.status == Status.FIRING:
                alert.status = Status.ACKNOWLEDGED
        _write(actor, "alert.acknowledge", alert, before, comment, at)
    return queries.alert(alert_id)


def unacknowledge(actor: Actor, alert_id: str, at: datetime, comment: str = "") -> AlertView:
    """Nobody has it in hand any more. Errors: NotAllowed, NotFound, Conflict where it is not acknowledged or is resolved."""
    require(actor, Role.OPERATOR, "unacknowledging an alert")
    comment = _checked(comment)
    with bulk.writing():
        alert = queries.row_of(alert_id)
        if alert.resolved_at is not None:
            raise Conflict(f"alert {alert_id} is resolved")
        if alert.acknowledged_at is None:
            raise Conflict(f"alert {alert_id} is not acknowledged")
        before = Status(alert.status)
        alert.acknowledged_by, alert.acknowledged_at, alert.acknowledged_comment = None, None, ""
        if alert.status == Status.ACKNOWLEDGED:
            alert.status = Status.FIRING
        _write(actor, "alert.unacknowledge", alert, before, comment, at)
    return queries.alert(alert_id)


def resend(actor: Actor, notification_id: str, at: datetime) -> NotificationView:
    """Send a finished notification again, as a new one. Errors: NotAllowed, NotFound, Conflict while it is still due."""
    require(actor, Role.OPERATOR, "sending a notification again")
    queries.notification(notification_id)
    with bulk.writing():
        row = Notification.objects.select_related("destination").get(pk=notification_id)
        if row.state == State.DUE:
            raise Conflict(f"notification {notification_id} is still being tried; next at {row.due_at:%H:%M:%S} UTC")
        if row.destination.off_at is not None:
            raise Conflict(f"{row.destination.name} is switched off")
        alert = Alert.objects.select_related("rule").get(pk=row.alert_id)
        url = f"{settings.SITE_URL}/alerts/{alert.pk}"
        new = outbox.again(row, Notice(row.kind, queries.shaped(alert, []), alert.summary, url, at), at)
        alert.version = bulk.next_version()
        alert.save(update_fields=["version"])
        auditing.write(
            actor,
            "notification.resend",
            "notification",
            row.pk,
            f"{row.kind} of alert {alert.pk} to {row.destination.name}",
            after={"notification": str(new.pk)},
            at=at,
        )
        _announce(alert.pk, alert.version, new.pk)
    return queries.notification(str(new.pk))


def _checked(comment: str) -> str:
    if len(comment) > LONGEST_COMMENT or "\0" in comment:
        raise Invalid(("comment", f"a comment has at most {LONGEST_COMMENT} characters, and no NUL"))
    return comment


def _write(actor: Actor, verb: str, alert: Alert, before: Status, comment: str, at: datetime) -> None:
    alert.version = bulk.next_version()
    alert.save()
    AlertLog.objects.create(
        alert=alert,
        at=at,
        from_status=before,
        to_status=alert.status,
        who=actor.name,
        evidence={"comment": comment, "verb": verb.partition(".")[2]},
    )
    auditing.write(
        actor,
        verb,
        "alert",
        alert.pk,
        alert.summary,
        reason=comment,
        before={"status": before},
        after={"status": alert.status},
        at=at,
    )
    _announce(alert.pk, alert.version, None)


def _announce(alert_id: int, version: int, notification_id: int | None) -> None:
    def after() -> None:
        alerts_changed.send_robust(sender=Alert, version=version, ids=frozenset({alert_id}))
        if notification_id is not None:
            nudging.nudge("alerts.tasks.deliver", notification_id)

    bulk.after_commit(after)
