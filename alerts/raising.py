"""Raising: one transaction's work on alerts: what changed, to be written, placed in incidents, told and announced together.

Alerts are kept in memory until `close()`, so that five thousand openings cost few statements.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from alerts import grouping, outbox, queries, ruling, telling
from alerts.destinations import environment
from alerts.destinations.base import Notice
from alerts.domain import truth, wording
from alerts.domain.lifecycle import (
    OPEN,
    OVERRIDDEN,
    SILENT,
    Hold,
    Life,
    Status,
    Step,
    on_clock,
    on_condition,
    on_headline,
)
from alerts.domain.matching import Subject, labels_of
from alerts.domain.rules import KINDS, Finding, Rule, applying
from alerts.domain.rules.shapes import SEVERITIES
from alerts.models import Alert, AlertLog, Destination
from alerts.models.rule import OPENED
from alerts.signals import alerts_changed
from breakers import bulk, marking, nudging
from breakers.models import Breaker, Transition
from breakers.signals import Changes, breakers_changed


@dataclass(frozen=True, slots=True)
class Target:
    """What an alert is about."""

    kind: str
    id: str
    subject: Subject
    labels: dict[str, str]
    breaker: Breaker | None = None


def target_of(breaker: Breaker) -> Target:
    """A breaker as a subject."""
    subject = Subject(breaker.service.name, breaker.dependency, breaker.name, labels_of(breaker.labels))
    return Target("breaker", str(breaker.pk), subject, breaker.labels, breaker)


class Round:
    """One transaction's work. Only inside `bulk.writing()`; nothing is written before `close()`."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.book = ruling.current()
        self.on: list[Destination] = environment.sync(now)
        self.tells: list[telling.Tell] = []
        self._reminders: list[tuple[Alert, str]] = []
        self.incidents = grouping.Groups(now)
        # {(subject kind, subject id): {rule: its live alert}}
        self._live: dict[tuple[str, str], dict[int, Alert]] = {}
        # By identity: a new one has no key yet.
        self._written: dict[int, Alert] = {}
        self._logs: list[AlertLog] = []
        self._gone: list[Alert] = []
        self._version = 0

    def load(self, subject_kind: str, ids: Iterable[str], kinds: Sequence[str] = (OPENED,)) -> None:
        """The live alerts of these subjects."""
        rows = Alert.objects.filter(
            subject_kind=subject_kind, subject_id__in=list(ids), rule__kind__in=kinds, resolved_at=None
        )
        self.take(rows.select_related("incident"))

    def take(self, alerts: Iterable[Alert]) -> None:
        """Live alerts that are at hand."""
        for alert in alerts:
            alert.rule = self.book.rows[alert.rule_id]
            self._live.setdefault((alert.subject_kind, alert.subject_id), {})[alert.rule_id] = alert

    def live_of(self, target: Target) -> dict[int, Alert]:
        """{rule: its live alert} of a subject."""
        return dict(self._live.get((target.kind, target.id), {}))

    def pass_time(self, alert: Alert, until: datetime) -> None:
        """Let the clock decide first, so that lateness of ours changes nothing in what becomes of an alert."""
        life = _life(alert)
        step = on_clock(life, until) if life else None
        if step:
            waited = alert.rule.keep_s if step.to == Status.RESOLVED else alert.rule.for_s
            self.take_step(alert, step, {"waited_s": waited})

    def pass_all(self, until: datetime) -> None:
        """Let the clock decide everything that is at hand."""
        for alert in [each for some in self._live.values() for each in some.values()]:
            self.pass_time(alert, until)

    def follows(self, target: Target, rows: Sequence[Transition]) -> bool:
        """Whether these changes of a headline, in the order in which they were stored, only go on from what is known.

        Else what they make of it is told by the whole history: late ones, those out of order, and openings of which it has to be
        known whether an override ended.
        """
        live = self.live_of(target).values()
        last = max((alert.recovering_since or alert.started_at for alert in live), default=rows[0].at)
        opens = not live
        for row in rows:
            if row.late or row.at < last:
                return False
            if opens and row.to_state == OPEN and row.from_state in (*OVERRIDDEN, *SILENT):
                return False
            last, opens = row.at, opens and row.to_state != OPEN
        return True

    def headline(self, target: Target, state: str, at: datetime, seen_at: datetime, why: dict[str, Any]) -> None:
        """A breaker's headline is in this state since `at`; `seen_at`: when we stored that. Holds and lengths run by `at`."""
        for alert in self.live_of(target).values():
            self.pass_time(alert, at)
        live = self.live_of(target)
        speaking = [rule.id for rule in applying(self.book.by_kind.get(OPENED, ()), target.subject)]
        instances = target.breaker.instances if target.breaker else {}
        for rule_id in dict.fromkeys([*live, *speaking]):
            row, known = self.book.rows[rule_id], live.get(rule_id)
            step = on_headline(_life(known), state, at, Hold(row.for_s, row.keep_s))
            if step is None:
                continue
            self.take_step(
                known or self.begun(rule_id, target, at, seen_at), step, {**why, "state": state, "instances": instances}
            )

    def found(self, target: Target, rule: Rule, finding: Finding) -> None:
        """A rule looked at a subject."""
        alert = self.live_of(target).get(rule.id)
        if alert is not None and (finding.met or alert.status != Status.PENDING):
            if finding.met and alert.status == Status.PENDING:
                alert.summary = finding.summary[:500]
            self.pass_time(alert, self.now)
            alert = self.live_of(target).get(rule.id)
        if finding.met is None:
            return
        step = on_condition(_life(alert), finding.met, self.now, Hold(rule.for_s, rule.keep_s))
        severity = finding.severity or rule.severity
        if step is not None:
            if alert is None:
                alert = self.begun(rule.id, target, finding.since or self.now, self.now)
                alert.severity = severity
            if finding.met or (finding.summary and KINDS[rule.kind].ends_in_words):
                alert.summary = finding.summary[:500]
            self.take_step(alert, step, dict(finding.evidence))
            if not rule.keep_s and alert.status == Status.RECOVERING:
                self.pass_time(alert, self.now)
        elif alert is not None and finding.met and SEVERITIES.index(severity) > SEVERITIES.index(alert.severity):
            alert.summary = finding.summary[:500]
            self.worsen(alert, f"severity rose from {alert.severity} to {severity}", severity)
        elif alert is not None and finding.met and KINDS[rule.kind].moves and alert.summary != finding.summary[:500]:
            # What it says now is what is so now, whoever looks.
            alert.summary = finding.summary[:500]
            self.write(alert)
            if rule.kind == telling.SILENT:
                self.log(alert, self.now, alert.status, f"rule:{rule.name}", dict(finding.evidence))

    def lose(self, alert: Alert) -> None:
        """Its breaker was deleted: there is nothing any more that could be wrong."""
        step = on_condition(_life(alert), False, self.now, Hold(alert.rule.for_s, alert.rule.keep_s))
        if step is not None:
            self.take_step(alert, step, {"breaker": "deleted"})

    def worsen(self, alert: Alert, why: str, severity: str = "") -> None:
        """It got worse: an acknowledgement is undone, and it is told."""
        alert.severity = severity or alert.severity
        self.unacknowledge(alert, f"rule:{alert.rule.name}", {"worse": why})
        self.tells.append(telling.Tell(alert, "update", worse=True))

    def tell_at_last(self, alert: Alert) -> None:
        """What held it back is over, and it is still so: to those who were not told."""
        self.tells.append(telling.Tell(alert, "opened", held_back=True))
        self.write(alert)

    def tell_again(self, alert: Alert) -> None:
        """It is still so, and nobody has it in hand any more."""
        self.tells.append(telling.Tell(alert, "repeat"))

    def withdraw(self, alert: Alert, seen_at: datetime, why: dict[str, Any], *, told_by_another: bool) -> None:
        """What it claimed never was, or is part of what another alert tells: history was told otherwise."""
        before, told = alert.status, not alert.untold and not told_by_another
        alert.status, alert.trips, alert.untold = Status.RESOLVED, 0, False
        alert.check_at = alert.recovering_since = None
        alert.resolved_at = alert.resolved_at or self.now
        alert.ended_at, alert.withdrawn_at = alert.ended_at or alert.started_at, self.now
        self.hold(alert)
        self.write(alert)
        self.log(alert, seen_at, before, f"rule:{alert.rule.name}", {**why, "withdrawn": True})
        if told:
            self.tells.append(telling.Tell(alert, "correction"))

    def tell_truth(self, alert: Alert, *, was_over: bool, wrong: bool) -> None:
        """An alert was put right: what is owed for it. `wrong`: what was told of it, if anything was, is not so."""
        over = alert.resolved_at is not None
        if over:
            alert.summary = telling.was_open(alert)
        else:
            instances = alert.breaker.instances if alert.breaker else {}
            alert.summary = wording.opened(
                alert.breaker_name, alert.service, instances, alert.started_at, alert.detected_at
            )
        if alert.untold and alert.status != Status.RECOVERING:
            alert.untold = False
            self.tells.append(telling.Tell(alert, "opened"))
        elif over and not was_over:
            self.tells.append(telling.Tell(alert, "resolved"))
        elif wrong or (was_over and not over):
            self.tells.append(telling.Tell(alert, "correction"))

    def held(self, alert: Alert) -> Alert:
        """The alert as it is at hand, where it is."""
        at_hand = [*self._written.values(), *self._live.get((alert.subject_kind, alert.subject_id), {}).values()]
        return next((each for each in at_hand if each.pk == alert.pk), alert)

    def hold(self, alert: Alert) -> None:
        """Whether it is live was put right."""
        live = self._live.setdefault((alert.subject_kind, alert.subject_id), {})
        if alert.resolved_at is None:
            live[alert.rule_id] = alert
            if alert.incident is not None:
                self.incidents.changed.setdefault(alert.incident.pk, alert.incident)
        elif live.get(alert.rule_id) is alert:
            del live[alert.rule_id]

    def remind(self, alert: Alert, said: str) -> None:
        """Say something by an alert that is hushed, to all who would hear of it."""
        self._reminders.append((alert, said))
        self.write(alert)

    def unacknowledge(self, alert: Alert, who: str, evidence: dict[str, Any]) -> None:
        """Nobody has it in hand any more, and the log says why."""
        before = alert.status
        alert.acknowledged_by, alert.acknowledged_at, alert.acknowledged_comment = None, None, ""
        if alert.status == Status.ACKNOWLEDGED:
            alert.status = Status.FIRING
        self.write(alert)
        self.log(alert, self.now, before, who, evidence)

    def write(self, alert: Alert) -> None:
        """It changed."""
        alert.version = self.version
        self._written[id(alert)] = alert

    def adopt(self, alert: Alert) -> None:
        """An alert of another incident changes with this one. One that is at hand already is changed where it is."""
        if any(each.pk == alert.pk for each in self._written.values()):
            return
        held = self._live.get((alert.subject_kind, alert.subject_id), {}).get(alert.rule_id)
        if held is not None and held.pk == alert.pk:
            held.incident = alert.incident
            alert = held
        self.write(alert)

    def log(self, alert: Alert, at: datetime, before: str | None, who: str, evidence: dict[str, Any]) -> None:
        """One line of its history."""
        self._logs.append(
            AlertLog(alert=alert, at=at, from_status=before, to_status=alert.status, who=who, evidence=evidence)
        )

    @property
    def written(self) -> list[Alert]:
        """What changed, in the order of its first change."""
        return list(self._written.values())

    @property
    def version(self) -> int:
        """The change number of this transaction, taken at its first change."""
        self._version = self._version or bulk.next_version()
        return self._version

    def notice(self, alert: Alert, kind: str, summary: str = "") -> Notice:
        """What a message of this kind says."""
        members = self.incidents.members_of(alert)
        url = f"{settings.SITE_URL}/alerts/{alert.pk}"
        return Notice(kind, queries.shaped(alert, []), summary or alert.summary, url, self.now, members)

    def close(self) -> None:
        """Write everything down, and announce it after the commit."""
        self._keep_back()
        openings = [each for each in self.written if each.rule.kind == OPENED and each.incident_id is None]
        self.incidents.place(self, [each for each in openings if each.status != Status.PENDING])
        self._save()
        ids = telling.close(self) if self.tells or self.incidents.changed else []
        for alert, said in self._reminders:
            ids += telling.remind(self, alert, said)
        marks = self.incidents.save(self)
        if marks:
            marking.incidents(marks, self.version)
        if not self._version:
            return
        version, changed, marked = self._version, frozenset(each.pk for each in self.written), frozenset(marks)

        def after() -> None:
            if changed:
                alerts_changed.send_robust(sender=Alert, version=version, ids=changed)
            if marked:
                breakers_changed.send_robust(sender=None, changes=Changes(version, marked))
            for notification_id in ids:
                nudging.nudge("alerts.tasks.deliver", notification_id)

        bulk.after_commit(after)

    def begun(self, rule_id: int, target: Target, at: datetime, seen_at: datetime) -> Alert:
        """A new alert, live from `at` on."""
        alert = self._made(rule_id, target, at, seen_at)
        self._live.setdefault((target.kind, target.id), {})[rule_id] = alert
        if alert.rule.kind == OPENED and target.breaker is not None:
            instances = target.breaker.instances
            alert.summary = wording.opened(alert.breaker_name, alert.service, instances, at, seen_at)
        return alert

    def _keep_back(self) -> None:
        """Who opened and has closed again by all we know is not told as if it were open: once its hold is over, as what it was."""
        over = [
            tell
            for tell in self.tells
            if tell.kind == "opened" and not tell.held_back and tell.alert.status == Status.RECOVERING
        ]
        for tell in over:
            self.tells.remove(tell)
            tell.alert.untold = True
        for tell in self.tells:
            if tell.kind == "opened" and tell.alert.resolved_at is not None:
                tell.alert.summary = telling.was_open(tell.alert)

    def _made(self, rule_id: int, target: Target, at: datetime, seen_at: datetime) -> Alert:
        row = self.book.rows[rule_id]
        return Alert(
            rule=row,
            severity=row.severity,
            subject_kind=target.kind,
            subject_id=target.id,
            breaker=target.breaker,
            service=target.subject.service,
            breaker_name=target.subject.breaker,
            dependency=target.subject.dependency,
            labels=target.labels,
            started_at=at,
            detected_at=seen_at,
            trips=0,
        )

    def take_step(self, alert: Alert, step: Step, evidence: dict[str, Any]) -> None:
        """Take the step, and note what is to be told for it."""
        before = alert.status or None
        live = self._live[alert.subject_kind, alert.subject_id]
        if step.to is None:
            del live[alert.rule_id]
            self._written.pop(id(alert), None)
            self._logs = [each for each in self._logs if each.alert is not alert]
            if alert.pk:
                self._gone.append(alert)
            return
        alert.status = step.to
        alert.check_at = step.check_at
        alert.recovering_since = step.at if step.to == Status.RECOVERING else None
        alert.ended_at = truth.ended_by(step, alert.ended_at)
        alert.trips += step.tripped
        self.write(alert)
        if step.to == Status.RESOLVED:
            alert.resolved_at = step.at
            del live[alert.rule_id]
        self.log(alert, step.at, before, f"rule:{alert.rule.name}", evidence)
        # What nobody was told of, since it was over when we heard of it: now it is open, or it is told as what it was.
        tell = "opened" if alert.untold and step.to != Status.RECOVERING else step.tell
        if tell:
            alert.untold = False
            self.tells.append(telling.Tell(alert, tell))

    def _save(self) -> None:
        for alert in self._gone:
            alert.delete()
        new = [each for each in self.written if each.pk is None]
        fresh = {id(each) for each in new}
        # First what was there: one that ends here makes room for the next of its rule and subject.
        for alert in self.written:
            if id(alert) not in fresh:
                alert.save()
        Alert.objects.bulk_create(new, batch_size=outbox.BATCH)
        for line in self._logs:
            line.alert_id = line.alert.pk
        AlertLog.objects.bulk_create(self._logs, batch_size=outbox.BATCH)


def _life(alert: Alert | None) -> Life | None:
    if alert is None:
        return None
    return Life(Status(alert.status), alert.acknowledged_at is not None, alert.check_at, alert.ended_at is not None)
