"""Telling: what a round of changes owes to whom, and for what is not sent, why. Opening is told at once, only recovery waits."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from alerts import grouping, outbox, quieting, routing, silencing, suspecting
from alerts.destinations.base import Notice
from alerts.domain import wording
from alerts.domain.deciding import About, Decision, Hush, Last, Reason, weigh
from alerts.models import Alert, Destination, Incident
from alerts.models.rule import OPENED
from alerts.reaching import Reached
from alerts.routing import Routing, subject_of
from breakers.domain.states import State

if TYPE_CHECKING:
    from alerts.raising import Round

FLAPPING, SILENT, NOTHING = "flapping", "silent", "nothing from anyone"
CORRECTION = "correction"
# What an outage looks like in the traffic and at some instances: its incident has told of that. Other kinds say something of their own.
SYMPTOMS = frozenset(
    {"partly open", "failure rate", "slow rate", "rejected share", "fallback share", "retry storm", OPENED}
)
UNHEARD = "nothing is heard from anyone: that is told instead"


@dataclass(slots=True)
class Tell:
    """Something to tell of an alert. `held_back`: it was not told before, and what held it back is over."""

    alert: Alert
    kind: str
    worse: bool = False
    held_back: bool = False


def close(round: "Round") -> list[int]:
    """Write the notifications of the round; ids of those to be sent."""
    teller = _Teller(round)
    for tell in [each for each in round.tells if each.kind not in ("resolved", CORRECTION)]:
        teller.fires(tell)
    ids = teller.flush()
    for tell in [each for each in round.tells if each.kind == CORRECTION]:
        teller.corrects(tell.alert)
    ids += teller.flush()
    for tell in round.tells:
        if tell.kind == "resolved":
            teller.resolves(tell.alert)
    ids += teller.flush()
    return ids + teller.updates()


def remind(round: "Round", alert: Alert, said: str) -> list[int]:
    """Say something by an alert that is hushed, to all who would hear of it; ids of what is to be sent."""
    goes, notice = Decision(True, Reason.REPEAT), round.notice(alert, "repeat", said)
    to = Routing(round.on, round.now).owed_to(alert)
    return outbox.write([outbox.Owed(alert, notice, each.destination, goes, each.because) for each in to], round.now)


def again(alert: Alert, notice: Notice, to: Reached, now: datetime) -> list[int]:
    """A reminder to one destination: it is hushed by what hushes an opening; the id of what is to be sent, if it is."""
    destination = to.destination
    # Read anew: a reminder before this one may have been the first word of it.
    incident, inhibited = None, ""
    if alert.rule.kind == OPENED and alert.incident_id is not None:
        incident = Incident.objects.get(pk=alert.incident_id)
    if incident is not None:
        lead = incident.told.get(str(destination.pk))
        if lead and lead != alert.pk and Alert.objects.filter(pk=lead, resolved_at=None).exists():
            inhibited = f"part of incident {incident.pk}"
    elif alert.breaker_id is not None and alert.rule.kind in SYMPTOMS:
        known = Alert.objects.filter(
            rule__kind=OPENED, breaker=alert.breaker_id, resolved_at=None, incident__isnull=False
        )
        member = known.values_list("incident", flat=True).first()
        inhibited = f"part of incident {member}" if member is not None else ""
    if (mark := quieting.quieted(subject_of(alert), quieting.at_work(now))) is not None:
        inhibited = mark.said(now)
    about = About(notice.kind, subject_of(alert), inhibited_by=inhibited, acknowledged_by=alert.acknowledged_by)
    decision = weigh(about, silencing.at_work(now), Last(on=destination.off_at is None), now)
    if decision.send and incident is not None:
        incident.told[str(destination.pk)] = alert.pk
        incident.save(update_fields=["told"])
    return outbox.write([outbox.Owed(alert, notice, destination, decision, to.because)], now)


class _Teller:
    def __init__(self, round: "Round") -> None:
        self._round = round
        self._hushes: list[Hush] = silencing.at_work(round.now)
        self._quiets = quieting.at_work(round.now)
        self._owed: list[outbox.Owed] = []
        self._over: set[int] = set()
        self._routing = Routing(round.on, round.now)
        fresh = [each.alert.breaker_id for each in round.tells if each.kind != "resolved"]
        self._flapping = _breakers_with(FLAPPING, fresh)
        self._incidents = _incidents_of(fresh, round)
        self._nothing = (
            any(each.alert.rule.kind == SILENT for each in round.tells)
            # Pending too: it will be told in half a minute, or was nothing.
            and Alert.objects.filter(rule__kind=NOTHING, resolved_at=None).exists()
        )

    def flush(self) -> list[int]:
        """Write what is owed so far, and what comes next of it."""
        owed, self._owed = self._owed, []
        self._routing.write()
        return outbox.write(owed, self._round.now)

    def fires(self, tell: Tell) -> None:
        """To each destination, with its own reason."""
        alert, round = tell.alert, self._round
        known = {destination.pk for destination in outbox.told_of(alert)} if tell.held_back else set()
        incident = self._incident(alert)
        over = alert.resolved_at is not None
        notice = round.notice(alert, tell.kind)
        anyhow = About(
            tell.kind,
            subject_of(alert),
            inhibited_by=self._inhibited(tell),
            acknowledged_by=alert.acknowledged_by,
            worse=tell.worse,
            held_back=tell.held_back,
            ended_at=_ended_at(alert) if over else None,
            overtaken=over,
        )
        sent = set()
        for to in self._routing.owed_to(alert):
            destination = to.destination
            if destination.pk in known:
                continue
            spoken_for = "" if tell.worse else _spoken_for(incident, alert, destination)
            about = replace(anyhow, inhibited_by=anyhow.inhibited_by or spoken_for)
            decision = weigh(about, self._hushes, Last(on=destination.off_at is None), round.now)
            self._owed.append(outbox.Owed(alert, notice, destination, decision, to.because))
            if decision.reason == Reason.OVERTAKEN:
                both = round.notice(alert, "update")
                self._owed.append(outbox.Owed(alert, both, destination, Decision(True, Reason.OPENED), to.because))
            if decision.send:
                sent.add(destination.pk)
            if incident is not None:
                self._note(incident, alert, destination, decision)
        if over:
            self._over.add(id(alert))
            return
        follows = alert.rule.kind != OPENED and incident is not None and not tell.worse
        hushed = follows or not weigh(anyhow, self._hushes, Last(), round.now).send
        self._routing.remember(alert, sent, hushed=hushed)

    def corrects(self, alert: Alert) -> None:
        """To those who were told something else, what is true; who was not told yet hears nothing but that."""
        round = self._round
        over = alert.resolved_at is not None
        fresh = outbox.overtake(alert, round.now)
        told = [each for each in outbox.told_of(alert) if each.pk not in {other.pk for other in fresh}]
        outbox.take_back_corrections(alert, round.now)
        if not alert.withdrawn_at:
            for destination in fresh:
                notice = round.notice(alert, "update" if over else "opened")
                self._owed.append(outbox.Owed(alert, notice, destination, Decision(True, Reason.OPENED)))
        ended = alert.ended_at if over or alert.recovering_since else None
        said = wording.corrected(
            alert.breaker_name,
            alert.service,
            alert.started_at,
            ended,
            alert.trips,
            round.now,
            never=alert.withdrawn_at is not None,
        )
        goes = Decision(True, Reason.CORRECTED)
        self._owed += [outbox.Owed(alert, round.notice(alert, "update", said), each, goes) for each in told]
        if not over and not fresh and not told and alert.recovering_since is None:
            self.fires(Tell(alert, "opened"))

    def resolves(self, alert: Alert) -> None:
        """To those who were told, and may yet be; to those who were not told in time, both in one."""
        round = self._round
        if id(alert) in self._over:
            return
        late = outbox.overtake(alert, round.now)
        skipped = {destination.pk for destination in late}
        goes = Decision(True, Reason.RESOLVED)
        for destination in late:
            self._owed.append(outbox.Owed(alert, round.notice(alert, "update", was_open(alert)), destination, goes))
        told = [destination for destination in outbox.told_of(alert) if destination.pk not in skipped]
        if told:
            notice = round.notice(alert, "resolved", self._ended(alert))
            self._owed += [outbox.Owed(alert, notice, destination, goes) for destination in told]
        self._hand_on(alert)
        if alert.breaker_id is None or alert.rule.kind not in (FLAPPING, OPENED):
            return
        # It spoke for these; now they speak for themselves.
        rows = Alert.objects.filter(breaker=alert.breaker_id, resolved_at=None, status="firing")
        if alert.rule.kind == FLAPPING:
            self._flapping.discard(alert.breaker_id)
            rows = rows.filter(rule__kind=OPENED)
        for row in rows.exclude(pk__in=[tell.alert.pk for tell in round.tells]).select_related("rule", "incident"):
            round.write(row)
            self.fires(Tell(row, "opened", held_back=True))

    def _ended(self, alert: Alert) -> str:
        """Of the one by which an incident was told: how it is with the others."""
        if alert.subject_kind != "breaker" or alert.rule.kind != OPENED:
            if alert.rule.kind == SILENT:
                # It says how it ended: heard again, or replaced by whom.
                return f"{alert.summary}, after {wording.span(_lasted(alert))}"[:500]
            return f"over after {wording.span(_lasted(alert))}: {alert.summary}"[:500]
        said = wording.resolved(alert.breaker_name, alert.service, _lasted(alert), alert.trips)
        incident = self._incident(alert) if alert.incident_id is not None else None
        if incident is None or alert.pk not in incident.told.values():
            return said
        members = Alert.objects.filter(incident=incident, rule__kind=OPENED)
        live = members.filter(resolved_at=None).exclude(pk=alert.pk).count()
        if live:
            return f"{said}; {live} other{'s' * (live != 1)} of incident {incident.pk} {'are' if live > 1 else 'is'} not over"
        told = list(members.filter(withdrawn_at=None).select_related("rule"))
        if len(told) < 2:
            return said
        last = max(_ended_at(each) for each in told)
        return wording.all_closed(
            incident.cause,
            len(told),
            len({each.service for each in told}),
            last - min(each.started_at for each in told),
        )

    def updates(self) -> list[int]:
        """Incidents whose update is due: one message to each destination that knows of them."""
        round = self._round
        due = [row for row in round.incidents.changed.values() if row.update_due_at and row.update_due_at <= round.now]
        for row in due:
            row.update_due_at = None
            if row.resolved_at is None:
                self._update(row)
        return self.flush()

    def _update(self, row: Incident) -> None:
        round = self._round
        members = list(
            Alert.objects.filter(incident=row, rule__kind=OPENED)
            .select_related("rule", "incident", "breaker")
            .order_by("started_at")
        )
        live = [each for each in members if each.resolved_at is None]
        if not live:
            return
        if all(each.recovering_since is not None for each in live):
            # All have closed: if that holds, *resolved* says so; if not, it is told with what is open then.
            row.update_due_at = round.now + grouping.FIRST_UPDATE
            return
        services = len({each.service for each in members})
        # What tries again is not open.
        open_now = sum(each.breaker is not None and each.breaker.state == State.OPEN for each in live)
        # As it looks now: the row says how it looked when a member last changed.
        seen = suspecting.judge([row], suspecting.opened_of([row.pk]), round.now, moves=False)[row.pk]
        summary = wording.incident(row.cause, len(members), services, open_now, seen.confidence)
        by_id = {each.pk: each for each in live}
        by_destination = {str(each.pk): each for each in Destination.objects.filter(pk__in=list(row.told))}
        for destination_id, lead in list(row.told.items()):
            destination = by_destination.get(destination_id)
            if destination is None:
                continue
            alert = by_id.get(lead, live[0])
            mark = quieting.quieted(subject_of(alert), self._quiets)
            quiet = "" if mark is None else mark.said(round.now)
            about = About("update", subject_of(alert), inhibited_by=quiet, acknowledged_by=row.acknowledged_by)
            decision = weigh(about, self._hushes, Last(on=destination.off_at is None), round.now)
            self._owed.append(outbox.Owed(alert, round.notice(alert, "update", summary), destination, decision))
            if decision.send:
                row.told[destination_id] = alert.pk
                self._routing.remember(alert, {destination.pk}, hushed=True)
        row.updated_at = round.now

    def _inhibited(self, tell: Tell) -> str:
        """What is told to everybody in its place."""
        alert = tell.alert
        if (mark := quieting.quieted(subject_of(alert), self._quiets)) is not None:
            return mark.said(self._round.now)
        if alert.rule.kind == SILENT and self._nothing:
            return UNHEARD
        if alert.rule.kind == OPENED and alert.service == routing.OURSELVES:
            return "it is a destination of ours: that is told through the others"
        if alert.rule.kind == OPENED and alert.breaker_id in self._flapping and not tell.worse:
            return "it flaps, and that was told"
        return ""

    def _incident(self, alert: Alert) -> Incident | None:
        if alert.incident_id is not None:
            return self._round.incidents.changed.get(alert.incident_id) or alert.incident
        return self._incidents.get(alert.breaker_id or 0) if alert.rule.kind in SYMPTOMS else None

    def _note(self, incident: Incident, alert: Alert, destination: Destination, decision: Decision) -> None:
        """Who knows of the incident, and whether there is something for its next update."""
        round = self._round
        if decision.send and alert.rule.kind == OPENED and str(destination.pk) not in incident.told:
            incident.told[str(destination.pk)] = alert.pk
            round.incidents.changed[incident.pk] = incident
        elif decision.reason == Reason.INHIBITED and alert.rule.kind == OPENED:
            round.incidents.news(incident)

    def _hand_on(self, alert: Alert) -> None:
        """The one by which the incident was told is over, and others are not: the next update speaks by one of those."""
        incident = self._incident(alert) if alert.incident_id is not None else None
        if incident is None or alert.pk not in incident.told.values():
            return
        if Alert.objects.filter(incident=incident, resolved_at=None).exclude(pk=alert.pk).exists():
            self._round.incidents.news(incident)


def _spoken_for(incident: Incident | None, alert: Alert, destination: Destination) -> str:
    """By which incident this destination knows of it already."""
    lead = None if incident is None else incident.told.get(str(destination.pk))
    return f"part of incident {incident.pk}" if incident is not None and lead not in (None, alert.pk) else ""


def was_open(alert: Alert) -> str:
    """What is said of an alert that was over before anybody could be told."""
    if alert.rule.kind != OPENED:
        return alert.summary
    return wording.was_open(
        alert.breaker_name or alert.service,
        alert.service,
        alert.started_at,
        _ended_at(alert),
        alert.trips,
        alert.detected_at,
    )


def _ended_at(alert: Alert) -> datetime:
    """When what it is about was over; of one that was resolved before that was kept, by its rule's hold."""
    ended: datetime | None = alert.ended_at
    begun: datetime = alert.started_at
    if ended is not None:
        return ended
    return max((alert.resolved_at or begun) - timedelta(seconds=alert.rule.keep_s), begun)


def _lasted(alert: Alert) -> timedelta:
    begun: datetime = alert.started_at
    return _ended_at(alert) - begun


def _breakers_with(kind: str, breakers: Iterable[int | None]) -> set[int]:
    ids = {each for each in breakers if each is not None}
    rows = Alert.objects.filter(rule__kind=kind, breaker__in=ids, resolved_at=None).exclude(status="pending")
    return {each for each in rows.values_list("breaker", flat=True) if each is not None} if ids else set()


def _incidents_of(breakers: Iterable[int | None], round: "Round") -> dict[int, Incident]:
    ids = {each for each in breakers if each is not None}
    if not ids:
        return {}
    rows = Alert.objects.filter(rule__kind=OPENED, breaker__in=ids, resolved_at=None, incident__isnull=False)
    found: dict[int, Incident] = {}
    for row in rows.select_related("incident"):
        if row.breaker_id is not None and row.incident is not None:
            found[row.breaker_id] = round.incidents.changed.get(row.incident.pk, row.incident)
    return found
