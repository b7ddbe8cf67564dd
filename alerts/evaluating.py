"""Evaluating: transitions become alerts raised, refreshed and resolved, and the notifications that are owed for it.

The alert's change, its notifications and the mark of the evaluation are one transaction. Safe to call twice, and from
several workers: everything is done under the writers' lock, and what is marked is not evaluated again.
"""

from datetime import datetime, timedelta

import structlog
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery

from alerts import correcting, queries, quieting, rewinding, silencing, telling, watching
from alerts.destinations import environment
from alerts.domain import wording
from alerts.domain.lifecycle import CLOSED, FORCED_OPEN, OPEN, OVERRIDDEN, SILENT, Status
from alerts.models import Alert, Incident, Notification, Rule
from alerts.models.rule import OPENED
from alerts.raising import Round, target_of
from breakers import bulk
from breakers.errors import StoreUnavailable
from breakers.models import Outage, Transition

# Transitions in one transaction: the writers' lock is the intake's too, so it is held for some milliseconds only.
BATCH = 50
# So many waiting are a storm: larger bites, so that the fixed cost of a transaction is paid less often.
STORM_BATCH = 200
# Transitions that waited so long are a backlog.
BEHIND = timedelta(seconds=60)
ACKNOWLEDGED_FOR = timedelta(hours=4)
# After nothing came from anyone, those that are still silent so long after the first was heard are told of.
BACK_WITHIN = timedelta(seconds=60)

log = structlog.get_logger(__name__)


def evaluate(now: datetime) -> None:
    """Evaluate every transition that waits. One that can't be evaluated is logged and does not hold up the others."""
    done, size = 0, _bite()
    while _waiting().filter(pk__gt=done).exists():
        rows: list[Transition] = []
        try:
            with bulk.writing():
                rows = list(_waiting().filter(pk__gt=done)[:size])
                _of_transitions(rows, now)
            done, size = rows[-1].pk if rows else done, _bite()
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
    """What no transition brings: watches, the ends of holds, of silences and of acknowledgements, and what was missed."""
    rewinding.notice(now)
    late = watching.lateness(now)
    evaluate(now)
    if environment.changed():
        with bulk.writing():
            environment.sync(now)
    watching.look(now, late)
    if _due(now).exists():
        with bulk.writing():
            _of_clock(now)
    if correcting.contradicted(now).exists():
        with bulk.writing():
            _of_contradicted(now)
    if _missed_openings().exists() or _missed_closings().exists():
        with bulk.writing():
            _of_missed(now)
    if _reworded():
        with bulk.writing():
            _reword(now)
    marks = silencing.wrong_marks(now)
    if marks or silencing.needs_look(now) or _tended(now):
        with bulk.writing():
            _tend(now)
            if marks:
                silencing.mark(now)


def _reworded() -> list[Alert]:
    """Openings that are firing, and whose sentence no longer says in how many instances the breaker is open. Some of them."""
    firing = Alert.objects.filter(resolved_at=None, rule__kind=OPENED, breaker__state=OPEN).exclude(
        status=Status.PENDING
    )
    # Plain values first: in a storm there are thousands.
    told = firing.values_list(
        "pk", "summary", "breaker_name", "service", "breaker__instances", "started_at", "detected_at"
    )
    moved = [pk for pk, summary, *words in told.iterator() if words[2].get(OPEN) and wording.opened(*words) != summary]
    return list(Alert.objects.filter(pk__in=moved[:STORM_BATCH]).select_related("rule", "breaker", "incident"))


def _reword(now: datetime) -> None:
    round = Round(now)
    rows = _reworded()
    round.take(rows)
    for row in rows:
        row.summary = queries.said_of(row)
        round.write(row)
    round.close()


def _bite() -> int:
    waiting = len(_waiting().values_list("pk", flat=True)[: STORM_BATCH + 1])
    return STORM_BATCH if waiting > STORM_BATCH else BATCH


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
    return Alert.objects.filter(~_undecided(), check_at__lte=now).select_related("breaker__service", "incident")


def _missed_openings() -> QuerySet[Outage]:
    """Outages under way that no alert tells of: history was redrawn under them, or the rule was off."""
    telling = Alert.objects.filter(breaker=OuterRef("breaker"), rule__kind=OPENED, resolved_at=None)
    headline = Transition.objects.filter(breaker=OuterRef("breaker"), instance_name=None, to_state=OPEN)
    # Where silence lay between, what was said before it counts.
    spoken = Transition.objects.filter(breaker=OuterRef("breaker"), instance_name=None, at__lt=OuterRef("at")).exclude(
        to_state__in=SILENT
    )
    left_open = (
        headline.filter(at=OuterRef("started_at"))
        .annotate(spoken=Subquery(spoken.order_by("-at", "-id").values("to_state")[:1]))
        .filter(
            Q(from_state=FORCED_OPEN)
            | Q(from_state__in=OVERRIDDEN, gap=False)
            | Q(from_state__in=SILENT, spoken=FORCED_OPEN)
            | Q(from_state__in=SILENT, spoken__in=OVERRIDDEN, gap=False)
        )
    )
    failed_since = headline.filter(at__gt=OuterRef("started_at"), from_state="half_open")
    return Outage.objects.filter(
        ~Exists(telling.exclude(status=Status.RECOVERING)),
        ~_undecided(),
        # An override's end is no opening, until a probe fails.
        ~Exists(left_open) | Exists(failed_since),
        Exists(Rule.objects.filter(kind=OPENED, enabled=True, matchers={})),
        ended_at=None,
    ).select_related("breaker__service")


def _missed_closings() -> QuerySet[Alert]:
    """Alerts of breakers that are closed, while nothing has told the alert."""
    return Alert.objects.filter(
        ~_undecided(),
        rule__kind=OPENED,
        breaker__state=CLOSED,
        status__in=[Status.PENDING, Status.FIRING, Status.ACKNOWLEDGED],
    ).select_related("breaker__service")


def _of_transitions(rows: list[Transition], now: datetime) -> None:
    round = Round(now)
    breakers = {row.breaker_id for row in rows}
    round.load("breaker", {str(breaker) for breaker in breakers})
    behind = bool(rows) and rows[0].recorded_at < now - BEHIND
    # Whatever else we know of these breakers, at once: nobody is woken for what has ended since.
    by_breaker: dict[int, list[Transition]] = {}
    for row in _waiting().filter(breaker__in=breakers) if rows else ():
        by_breaker.setdefault(row.breaker_id, []).append(row)
    again = correcting.overtaken({id: min(row.at for row in some) for id, some in by_breaker.items()})
    for id, some in by_breaker.items():
        if id in again or not round.follows(target_of(some[0].breaker), some):
            why = {"transition": some[-1].pk, "seen_at": max(row.recorded_at for row in some)}
            correcting.correct(round, some[0].breaker, min(row.at for row in some), why)
            continue
        for row in some:
            round.headline(target_of(row.breaker), row.to_state, row.at, row.recorded_at, {"transition": row.pk})
    if behind:
        round.pass_all(now)
    done = [row.pk for some in by_breaker.values() for row in some]
    Transition.objects.filter(pk__in=done).update(evaluated_at=now)
    round.close()


def _of_contradicted(now: datetime) -> None:
    round = Round(now)
    by_breaker: dict[int, list[Alert]] = {}
    for alert in correcting.contradicted(now).select_related("breaker__service")[:BATCH]:
        by_breaker.setdefault(alert.breaker_id or 0, []).append(alert)
    for some in by_breaker.values():
        assert some[0].breaker is not None
        correcting.correct(round, some[0].breaker, min(alert.started_at for alert in some), {"found_by": "sweep"})
    round.close()


def _of_clock(now: datetime) -> None:
    round = Round(now)
    alerts = list(_due(now)[:STORM_BATCH])
    round.take(alerts)
    for alert in alerts:
        round.pass_time(alert, now)
    round.close()


def _of_missed(now: datetime) -> None:
    round = Round(now)
    outages = list(_missed_openings()[:BATCH])
    closed = [alert.breaker for alert in _missed_closings()[:BATCH] if alert.breaker]
    round.load("breaker", {str(row.breaker_id) for row in outages} | {str(breaker.pk) for breaker in closed})
    seen = [(row.breaker, OPEN, row.started_at) for row in outages]
    for breaker, state, at in [*seen, *((breaker, CLOSED, breaker.since) for breaker in closed)]:
        round.headline(target_of(breaker), state, at, now, {"found_by": "sweep"})
    round.close()


def _worse() -> QuerySet[Alert]:
    """Acknowledged when a part of the instances was open."""
    return Alert.objects.filter(resolved_at=None, acknowledged_partly=True, acknowledged_at__isnull=False)


def _expired(now: datetime) -> QuerySet[Alert]:
    return Alert.objects.filter(resolved_at=None, acknowledged_at__lte=now - ACKNOWLEDGED_FOR)


def _updates(now: datetime) -> QuerySet[Incident]:
    return Incident.objects.filter(update_due_at__lte=now, resolved_at=None)


def _unplaced() -> QuerySet[Alert]:
    """Openings from before there were incidents."""
    return Alert.objects.filter(resolved_at=None, incident=None, rule__kind=OPENED).exclude(status=Status.PENDING)


def _orphans() -> QuerySet[Alert]:
    """Alerts whose breaker was deleted: nobody will ever say that it closed."""
    live = [Status.PENDING, Status.FIRING, Status.ACKNOWLEDGED]
    return Alert.objects.filter(subject_kind="breaker", breaker=None, status__in=live)


def _unheard(now: datetime) -> QuerySet[Alert]:
    """Silent services for which *nothing from anyone* was told, when that has been over for so long that most are back."""
    nothing = Alert.objects.filter(rule__kind=telling.NOTHING)
    if nothing.filter(Q(resolved_at=None) | Q(resolved_at__gt=now - BACK_WITHIN)).exists():
        return Alert.objects.none()
    last = Notification.objects.filter(alert=OuterRef("pk")).order_by("-pk").values("reason")[:1]
    silent = Alert.objects.filter(rule__kind=telling.SILENT, status=Status.FIRING)
    return silent.annotate(last=Subquery(last)).filter(last=f"not sent: {telling.UNHEARD}")


def _tended(now: datetime) -> bool:
    return any(
        some.exists() for some in (_worse(), _expired(now), _updates(now), _unplaced(), _orphans(), _unheard(now))
    ) or bool(quieting.unquieted(now))


def _tend(now: datetime) -> None:
    """What people set in motion, and what time does to it."""
    round = Round(now)
    silencing.look(round)
    orphans = list(_orphans().select_related("incident")[:STORM_BATCH])
    round.take(orphans)
    for alert in orphans:
        round.lose(alert)
    expired = list(_expired(now).select_related("rule", "incident"))
    for alert in expired:
        by = alert.acknowledged_by
        round.unacknowledge(alert, "board", {"expired": f"{by} has had it in hand for 4 hours"})
        round.tell_again(alert)
    for alert in (
        _worse().filter(acknowledged_at__gt=now - ACKNOWLEDGED_FOR).select_related("rule", "incident", "breaker")
    ):
        instances = alert.breaker.instances if alert.breaker else {}
        if instances.get(OPEN, 0) == sum(instances.values()) > 1:
            alert.acknowledged_partly = False
            round.worsen(alert, "all instances are open now")
    for alert in (*_unheard(now).select_related("rule", "incident"), *quieting.unquieted(now)):
        round.tell_at_last(alert)
    for alert in _unplaced().select_related("rule")[:STORM_BATCH]:
        round.write(alert)
    for row in _updates(now).order_by(F("update_due_at")):
        round.incidents.changed.setdefault(row.pk, row)
    round.close()
