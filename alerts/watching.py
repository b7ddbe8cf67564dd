"""Watching: the rules that no transition decides. Who might be of interest is found by one query a kind; a watch row says when to
look at each again, so that a `for` costs no timer and survives any restart.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from alerts import facts as read
from alerts import ruling
from alerts.domain.lifecycle import Status
from alerts.domain.rules import KINDS, Facts, Finding, Rule, evaluate
from alerts.domain.rules.shapes import SEVERITIES, Minute, worse
from alerts.models import Alert, Watch
from alerts.models.rule import OPENED
from alerts.raising import Round, Target
from breakers import bulk

# Looked at in one transaction.
BATCH = 200
MOST_DUE = 2_000
# While something is found, and nothing says when it may change.
AGAIN = timedelta(seconds=5)
PROBES_FAIL, LATE = "stuck open, probes fail", "we are late"
NO_LONGER = Finding(False, evidence={"rule": "speaks for it no longer"})

lateness = read.lateness


def look(now: datetime, late: Facts) -> None:
    """Look at whom a rule might find something at, and at whom it is time to look again. `late`: how late we were before this sweep."""
    book = ruling.current()
    due = _due(now)
    # Read once: every kind of rule about traffic looks at the same minute.
    busy = read.minutes(None, now) if any(kind in book.by_kind for kind in read.TRAFFIC) else {}
    for kind in KINDS:
        if kind == OPENED:
            continue
        rules = book.by_kind.get(kind, ())
        ids = due[kind] | _new(kind, rules, busy, now)
        if kind == LATE and (late.oldest_transition_at or late.oldest_notice_at):
            ids = {read.BOARD.id}
        for start in range(0, len(ids), BATCH):
            with bulk.writing():
                _look_at(kind, rules, sorted(ids)[start : start + BATCH], now, late)


def _due(now: datetime) -> dict[str, set[str]]:
    """Those to be looked at again, by kind."""
    found: dict[str, set[str]] = defaultdict(set)
    rows = Watch.objects.filter(next_check_at__lte=now).order_by("next_check_at")
    for kind, id in rows.values_list("kind", "subject_id")[:MOST_DUE]:
        found[kind].add(id)
    return found


def _new(kind: str, rules: Sequence[Rule], busy: Mapping[int, Minute], now: datetime) -> set[str]:
    """Candidates that nobody watches yet."""
    found = read.candidates(kind, rules, busy, now) if rules else []
    if not found:
        return set()
    watched = set(_watches(kind).values_list("subject_id", flat=True))
    return set([id for id in found if id not in watched][:BATCH])


def _watches(kind: str) -> QuerySet[Watch]:
    return Watch.objects.filter(kind=kind)


def _look_at(kind: str, rules: Sequence[Rule], ids: Sequence[str], now: datetime, late: Facts) -> None:
    round = Round(now)
    round.load(KINDS[kind].subject, ids, [kind])
    again: dict[str, datetime] = {}
    for target, told in read.of_subjects(kind, ids, now):
        facts = late if kind == LATE else told
        live = round.live_of(target)
        findings = evaluate(facts, rules, now, [id for id, alert in live.items() if _firing(alert)])
        speaking = {rule.id for rule, _ in findings}
        findings += [(ruling.as_read(round.book.rows[id]), NO_LONGER) for id in live if id not in speaking]
        moments = []
        for rule, finding in findings:
            fired = _firing(round.live_of(target).get(rule.id))
            round.found(target, rule, finding)
            alert = round.live_of(target).get(rule.id)
            if kind == PROBES_FAIL and _firing(alert) and not fired:
                _step_up(round, target)
            if finding.met is not False or finding.look_at or alert is not None:
                moments.append(max(finding.look_at or now + AGAIN, now + AGAIN))
            if alert is not None:
                moments.append(alert.check_at or now + AGAIN)
        if moments:
            again[target.id] = max(min(moments), now + timedelta(seconds=1))
    _write(kind, ids, again)
    round.close()


def _write(kind: str, ids: Sequence[str], again: dict[str, datetime]) -> None:
    _watches(kind).filter(subject_id__in=[id for id in ids if id not in again]).delete()
    rows = [
        Watch(kind=kind, subject_kind=KINDS[kind].subject, subject_id=id, next_check_at=at) for id, at in again.items()
    ]
    Watch.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["kind", "subject_kind", "subject_id"],
        update_fields=["next_check_at"],
    )


def _step_up(round: Round, target: Target) -> None:
    """The dependency is truly down: the opening's own alert is one step worse, and nobody's by an old word."""
    rows = Alert.objects.filter(breaker=target.breaker, rule__kind=OPENED, resolved_at=None)
    for alert in rows.select_related("rule", "incident"):
        severity = worse(alert.severity)
        if SEVERITIES.index(severity) > SEVERITIES.index(alert.severity) or alert.acknowledged_at is not None:
            alert.severity = severity
            round.unacknowledge(alert, f"rule:{PROBES_FAIL}", {"worse": "its probes keep failing"})


def _firing(alert: Alert | None) -> bool:
    return alert is not None and alert.status not in (Status.PENDING, "")
