"""Evaluating: transitions become alerts raised, refreshed and resolved, and the notifications that are owed for it.

The alert's change, its notifications and the mark of the evaluation are one transaction. Safe to call twice, and from
several workers: everything is done under the writers' lock, and what is marked is not evaluated again.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from alerts import outbox, queries
from alerts.destinations import environment
from alerts.destinations.base import Notice
from alerts.domain import wording
from alerts.domain.lifecycle import CLOSED, OPEN, Hold, Life, Status, Step, on_clock, on_headline
from alerts.models import Alert, AlertLog, Destination, Rule
from alerts.models.rule import OPENED
from alerts.signals import alerts_changed
from breakers import bulk, nudging
from breakers.errors import StoreUnavailable
from breakers.models import Breaker, Outage, Transition

# Transitions in one transaction: the writers' lock is the intake's too, so it is held for some milliseconds only.
BATCH = 50

log = structlog.get_logger(__name__)


def evaluate(now: datetime) -> None:
    """Evaluate every transition that waits. One that can't be evaluated is logged and does not hold up the others."""
    done, size = 0, BATCH
    while _waiting().filter(pk__gt=done).exists():
        rows: list[Transition] = []
        try:
            with bulk.writing():
                rows = list(_waiting().filter(pk__gt=done)[:size])
                _Round(now).of_transitions(rows)
            done, size = rows[-1].pk if rows else done, BATCH
        except StoreUnavailable:
            raise
        except Exception:
            if not rows:
                raise
            if size > 1:
                size = 1
                continue
            log.exception("a transition can't be evaluated", transition=rows[0].pk)
            done = rows[0].pk


def sweep(now: datetime) -> None:
    """What no transition brings: the ends of holds, destinations of the environment, and what was missed."""
    evaluate(now)
    if environment.changed():
        with bulk.writing():
            environment.sync(now)
    if _due(now).exists():
        with bulk.writing():
            _Round(now).of_clock()
    if _missed_openings().exists() or _missed_closings().exists():
        with bulk.writing():
            _Round(now).of_missed()


def _waiting() -> QuerySet[Transition]:
    """Headlines' transitions that alerting has not looked at, oldest first."""
    return (
        Transition.objects.filter(evaluated_at=None, instance_name=None)
        .order_by("pk")
        .select_related("breaker__service")
    )


def _undecided() -> Exists:
    """The breaker has a transition that waits: that one decides."""
    return Exists(Transition.objects.filter(breaker_id=OuterRef("breaker_id"), evaluated_at=None, instance_name=None))


def _due(now: datetime) -> QuerySet[Alert]:
    """Alerts that the clock decides now."""
    return Alert.objects.filter(~_undecided(), check_at__lte=now).select_related("rule", "breaker__service")


def _missed_openings() -> QuerySet[Outage]:
    """Outages under way that no alert tells of: history was redrawn under them, or the rule was off."""
    telling = Alert.objects.filter(breaker=OuterRef("breaker"), rule__name=OPENED, resolved_at=None)
    return Outage.objects.filter(
        ~Exists(telling.exclude(status=Status.RECOVERING)),
        ~_undecided(),
        Exists(Rule.objects.filter(name=OPENED, enabled=True)),
        ended_at=None,
    ).select_related("breaker__service")


def _missed_closings() -> QuerySet[Alert]:
    """Alerts of breakers that are closed, while nothing has told the alert."""
    return Alert.objects.filter(
        ~_undecided(), breaker__state=CLOSED, status__in=[Status.PENDING, Status.FIRING, Status.ACKNOWLEDGED]
    ).select_related("rule", "breaker__service")


class _Round:
    """One transaction's work: what changed, to be written, told and announced together."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._rule = Rule.objects.get(name=OPENED)
        self._live: dict[int, Alert] = {}
        self._destinations: list[Destination] = environment.sync(now)
        self._version = 0
        self._changed: set[int] = set()
        self._owed: list[int] = []

    def of_transitions(self, rows: list[Transition]) -> None:
        self._load({row.breaker_id for row in rows})
        for row in rows:
            # Told out of order, it changed history, not the present: no live alert.
            if not row.late:
                self._pass_time(row.breaker_id, row.recorded_at)
                self._on_headline(row.breaker, row.to_state, row.at, row.recorded_at, {"transition": row.pk})
        Transition.objects.filter(pk__in=[row.pk for row in rows]).update(evaluated_at=self._now)
        self._announce()

    def of_clock(self) -> None:
        alerts = list(_due(self._now)[:BATCH])
        self._live = {alert.breaker_id or -alert.pk: alert for alert in alerts}
        for key in list(self._live):
            self._pass_time(key, self._now)
        self._announce()

    def of_missed(self) -> None:
        outages = list(_missed_openings()[:BATCH])
        closed = [alert.breaker for alert in _missed_closings()[:BATCH] if alert.breaker]
        self._load({row.breaker_id for row in outages} | {breaker.pk for breaker in closed})
        seen = [(row.breaker, OPEN, row.started_at) for row in outages]
        for breaker, state, at in [*seen, *((breaker, CLOSED, breaker.since) for breaker in closed)]:
            self._pass_time(breaker.pk, self._now)
            self._on_headline(breaker, state, at, self._now, {"found_by": "sweep"})
        self._announce()

    def _load(self, breaker_ids: Iterable[int]) -> None:
        rows = Alert.objects.filter(rule=self._rule, breaker_id__in=breaker_ids, resolved_at=None)
        self._live = {row.breaker_id: row for row in rows.select_related("rule") if row.breaker_id is not None}

    def _pass_time(self, key: int, until: datetime) -> None:
        """Let the clock decide first, so that lateness of ours changes nothing in what becomes of an alert."""
        alert = self._live.get(key)
        step = on_clock(_life(alert), until) if alert else None
        if alert and step:
            self._take(
                key, alert, step, {"waited_s": alert.rule.keep_s if step.to == Status.RESOLVED else alert.rule.for_s}
            )

    def _on_headline(self, breaker: Breaker, state: str, at: datetime, seen_at: datetime, why: dict[str, Any]) -> None:
        alert = self._live.get(breaker.pk)
        if alert is None and not self._rule.enabled:
            return
        step = on_headline(_life(alert) if alert else None, state, seen_at, Hold(self._rule.for_s, self._rule.keep_s))
        if step is None:
            return
        if alert is None:
            alert = self._begun(breaker, at, seen_at)
        self._take(breaker.pk, alert, step, {**why, "state": state, "instances": breaker.instances})

    def _begun(self, breaker: Breaker, at: datetime, seen_at: datetime) -> Alert:
        alert = Alert(
            rule=self._rule,
            severity=self._rule.severity,
            breaker=breaker,
            service=breaker.service.name,
            breaker_name=breaker.name,
            dependency=breaker.dependency,
            labels=breaker.labels,
            summary=wording.opened(breaker.name, breaker.service.name, breaker.instances),
            started_at=at,
            detected_at=seen_at,
            trips=0,
        )
        self._live[breaker.pk] = alert
        return alert

    def _take(self, key: int, alert: Alert, step: Step, evidence: dict[str, Any]) -> None:
        """Write the step down, and what is owed for it."""
        before = alert.status or None
        if step.to is None:
            alert.delete()
            del self._live[key]
            return
        alert.status = step.to
        alert.check_at = step.check_at
        alert.recovering_since = step.at if step.to == Status.RECOVERING else None
        alert.trips += step.tripped
        alert.version = self._next_version()
        if step.to == Status.RESOLVED:
            alert.resolved_at = step.at
            del self._live[key]
        alert.save()
        AlertLog.objects.create(
            alert=alert,
            at=step.at,
            from_status=before,
            to_status=step.to,
            who=f"rule:{alert.rule.name}",
            evidence=evidence,
        )
        self._changed.add(alert.pk)
        if step.tell:
            self._owed += outbox.owe(alert, self._notice(alert, step.tell), self._destinations, self._now)

    def _notice(self, alert: Alert, kind: str) -> Notice:
        summary = alert.summary
        if kind == "resolved" and alert.resolved_at:
            lasted = alert.resolved_at - timedelta(seconds=alert.rule.keep_s) - alert.started_at
            summary = wording.resolved(alert.breaker_name, alert.service, lasted, alert.trips)
        return Notice(kind, queries.shaped(alert, []), summary, f"{settings.SITE_URL}/alerts/{alert.pk}", self._now)

    def _next_version(self) -> int:
        self._version = self._version or bulk.next_version()
        return self._version

    def _announce(self) -> None:
        if not self._changed:
            return
        version, changed, owed = self._version, frozenset(self._changed), list(self._owed)

        def after() -> None:
            alerts_changed.send_robust(sender=Alert, version=version, ids=changed)
            for notification_id in owed:
                nudging.nudge("alerts.tasks.deliver", notification_id)

        bulk.after_commit(after)


def _life(alert: Alert) -> Life:
    return Life(Status(alert.status), alert.acknowledged_at is not None, alert.check_at)
