"""Correcting: alerts are held against the history they were raised from, and put right where it was told otherwise since.

Reports come late and out of order, so an alert may rest on half a story. Here the history is walked anew, from before anything
that it may have changed, and each alert becomes what that makes of it. Who was told something else gets one `update` that says so.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.domain import truth
from alerts.domain.lifecycle import SILENT, Hold, Status
from alerts.domain.rules import applying
from alerts.domain.truth import Episode, Turn, differs
from alerts.models import Alert
from alerts.models.rule import OPENED
from alerts.raising import Round, Target, target_of
from breakers.models import Breaker, Outage, Transition

# Of what is over for longer nobody asks whether it was told right.
RECENT = timedelta(days=1)


def contradicted(now: datetime) -> QuerySet[Alert]:
    """Alerts of openings that no outage bears out: history was drawn anew under them, and no step is left that says so."""
    outages = Outage.objects.filter(breaker=OuterRef("breaker"))
    begun = outages.filter(started_at__lte=OuterRef("started_at")).filter(
        Q(ended_at=None) | Q(ended_at__gte=OuterRef("started_at"))
    )
    never = ~Exists(begun)
    otherwise = Q(ended_at__isnull=False) & ~Exists(outages.filter(ended_at=OuterRef("ended_at")))
    undecided = Transition.objects.filter(breaker=OuterRef("breaker"), evaluated_at=None, instance_name=None)
    rows = Alert.objects.filter(
        Q(resolved_at=None) | Q(resolved_at__gt=now - RECENT),
        ~Exists(undecided),
        Exists(outages),
        rule__kind=OPENED,
        breaker__isnull=False,
        withdrawn_at=None,
        detected_at__lt=now,
    ).exclude(status=Status.PENDING)
    return rows.filter(never | otherwise)


def overtaken(firsts: dict[int, datetime]) -> set[int]:
    """Breakers of which an alert is resolved that goes on, by its own times, after these moments: what follows may be more of it."""
    if not firsts:
        return set()
    rows = Alert.objects.filter(
        breaker__in=firsts, rule__kind=OPENED, withdrawn_at=None, resolved_at__gt=min(firsts.values())
    )
    known = rows.values_list("breaker", "resolved_at")
    return {breaker for breaker, at in known if breaker is not None and at is not None and at > firsts[breaker]}


def correct(round: Round, breaker: Breaker, since: datetime, why: dict[str, Any]) -> None:
    """Put right whatever may have changed at this breaker from `since` on, as far as is known by the round's now.

    `why`: what it rests on: its `seen_at` is when the last of it was received.
    """
    target = target_of(breaker)
    rules = [rule.id for rule in applying(round.book.by_kind.get(OPENED, ()), target.subject)]
    known: dict[int, list[Alert]] = {}
    for alert in _touched(breaker, since).select_related("incident").order_by("started_at", "pk"):
        alert.rule = round.book.rows[alert.rule_id]
        known.setdefault(alert.rule_id, []).append(round.held(alert))
    for rule_id in dict.fromkeys([*known, *rules]):
        row, alerts = round.book.rows[rule_id], known.get(rule_id, [])
        hold = Hold(row.for_s, row.keep_s)
        first = _beginning(breaker, min([since, *(alert.started_at for alert in alerts)]), hold)
        told = truth.episodes(_turns(breaker, first), hold, round.now, _spoken(breaker, first))
        if told or Outage.objects.filter(breaker=breaker).exists():
            _Correction(round, target, rule_id, why).of(alerts, told, new=rule_id in rules)


class _Correction:
    """One rule's alerts of one breaker, and the episodes that they should be."""

    def __init__(self, round: Round, target: Target, rule_id: int, why: dict[str, Any]) -> None:
        self._round, self._target, self._rule = round, target, rule_id
        self._seen_at: datetime = why.pop("seen_at", round.now)
        self._why = {**why, "instances": target.breaker.instances if target.breaker else {}}

    def of(self, alerts: Sequence[Alert], told: Sequence[Episode], *, new: bool) -> None:
        """`new`: whether the rule speaks for the breaker still, so that what was not known becomes an alert."""
        places = truth.matched([(alert.started_at, alert.resolved_at) for alert in alerts], told)
        # First what ends or never was: it makes room for the one that lives.
        for alert, place in zip(alerts, places, strict=True):
            if place is None:
                merged = any(each.covers(alert.started_at, alert.resolved_at) for each in told)
                self._round.withdraw(alert, self._seen_at, self._why, told_by_another=merged)
        pairs = [(alert, told[place]) for alert, place in zip(alerts, places, strict=True) if place is not None]
        for alert, episode in sorted(pairs, key=lambda pair: pair[1].resolved_at is None):
            self._becomes(alert, episode)
        for place, episode in enumerate(told):
            if new and place not in places:
                self._begins(episode)

    def _begins(self, episode: Episode) -> None:
        """Nobody knew of it."""
        alert = self._round.begun(self._rule, self._target, episode.started_at, self._seen_at)
        for step in episode.steps:
            self._round.take_step(alert, step, self._why)

    def _becomes(self, alert: Alert, episode: Episode) -> None:
        round = self._round
        wrong = differs(alert.started_at, episode.started_at)
        was_over = alert.resolved_at is not None
        if was_over:
            wrong = wrong or differs(_ended(alert), episode.ended_at) or alert.trips != episode.trips
        moved = wrong or alert.trips != episode.trips or _stands(alert) != (episode.status, episode.ended_at)
        if not moved and not was_over and alert.check_at == episode.check_at:
            return
        if was_over and not wrong and episode.resolved_at is not None:
            return
        before = alert.status
        begun = alert.started_at
        alert.started_at, alert.ended_at, alert.trips = episode.started_at, episode.ended_at, episode.trips
        alert.check_at, alert.resolved_at = episode.check_at, episode.resolved_at
        alert.recovering_since = episode.steps[-1].at if episode.status == Status.RECOVERING else None
        status = episode.status
        if status == Status.FIRING and alert.acknowledged_at is not None:
            status = Status.ACKNOWLEDGED
        alert.status = status
        round.hold(alert)
        round.write(alert)
        if wrong or before != status:
            evidence = dict(self._why)
            if differs(begun, alert.started_at):
                evidence["began"] = begun.isoformat()
            at = episode.steps[-1].at if not wrong and episode.steps else self._seen_at
            round.log(alert, at, before, f"rule:{alert.rule.name}", evidence)
        round.tell_truth(alert, was_over=was_over, wrong=wrong)


def _stands(alert: Alert) -> tuple[Status, datetime | None]:
    status = Status(alert.status)
    return (Status.FIRING if status == Status.ACKNOWLEDGED else status), alert.ended_at


def _ended(alert: Alert) -> datetime | None:
    ended: datetime | None = alert.ended_at
    if ended is None and alert.resolved_at is not None:
        ended = alert.resolved_at - timedelta(seconds=alert.rule.keep_s)
    return ended


def _touched(breaker: Breaker, since: datetime) -> QuerySet[Alert]:
    """Alerts of openings that may be otherwise by what is known since."""
    rows = Alert.objects.filter(breaker=breaker, rule__kind=OPENED, withdrawn_at=None)
    return rows.filter(Q(resolved_at=None) | Q(resolved_at__gte=since) | Q(started_at__gte=since))


def _beginning(breaker: Breaker, since: datetime, hold: Hold) -> datetime:
    """A moment no later than `since` at which all was calm: before the outage that it falls into, and those within whose hold that began."""
    rows = Outage.objects.filter(breaker=breaker, started_at__lt=since)
    keep = timedelta(seconds=hold.keep_s)
    for started, ended in rows.order_by("-started_at").values_list("started_at", "ended_at").iterator(chunk_size=100):
        if ended is not None and ended + keep < since:
            break
        since = started
    return since


def _spoken(breaker: Breaker, first: datetime) -> str:
    """The last state of the headline before this moment that was no silence."""
    rows = Transition.objects.filter(breaker=breaker, instance_name=None, at__lt=first).exclude(to_state__in=SILENT)
    return rows.order_by("-at", "-id").values_list("to_state", flat=True).first() or ""


def _turns(breaker: Breaker, first: datetime) -> Iterable[Turn]:
    rows = Transition.objects.filter(breaker=breaker, instance_name=None, at__gte=first).order_by("at", "id")
    return [Turn(*row) for row in rows.values_list("at", "from_state", "to_state", "gap")]
