"""Responding: what people do with an incident. What they say about who belongs together wins over the machine for ever."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from alerts.domain.lifecycle import Status
from alerts.domain.suspects import next_suspect
from alerts.handling import LONGEST_COMMENT
from alerts.incident_queries import row_of, title_of
from alerts.models import Alert, Incident, IncidentLog
from alerts.models.rule import OPENED
from alerts.raising import Round
from alerts.suspecting import opened_of
from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.errors import Conflict, Invalid, NotFound


def acknowledge(actor: Actor, incident_id: str, comment: str, at: datetime) -> Incident:
    """Somebody has all of it in hand, and what joins it later. Errors: NotAllowed, NotFound, Invalid, Conflict."""
    require(actor, Role.OPERATOR, "acknowledging an incident")
    if len(comment) > LONGEST_COMMENT or "\0" in comment:
        raise Invalid(("comment", f"a comment has at most {LONGEST_COMMENT} characters, and no NUL"))
    with _changing(actor, "incident.acknowledge", incident_id, comment, at) as (round, row):
        _refuse_resolved(row)
        members = list(Alert.objects.filter(incident=row, resolved_at=None).select_related("rule", "incident"))
        row.acknowledged_by, row.acknowledged_at, row.acknowledged_comment = actor.name, at, comment
        row.acknowledged_members = len(members)
        for alert in members:
            if alert.acknowledged_at is not None:
                continue
            before = alert.status
            alert.acknowledged_by, alert.acknowledged_at, alert.acknowledged_comment = actor.name, at, comment
            if alert.status == Status.FIRING:
                alert.status = Status.ACKNOWLEDGED
            round.write(alert)
            round.log(alert, at, before, actor.name, {"comment": comment, "verb": "acknowledge", "incident": row.pk})
        _log(row, actor, f"acknowledged{': ' if comment else ''}{comment}", at)
    return row


def split(actor: Actor, incident_id: str, alerts: Sequence[str], at: datetime) -> Incident:
    """Take members out into an incident of their own; the new one. What still fires there is told on its own.

    Errors: NotAllowed, NotFound, Conflict where nothing, or everything, would go.
    """
    require(actor, Role.OPERATOR, "splitting an incident")
    with _changing(actor, "incident.split", incident_id, "", at) as (round, row):
        members = list(Alert.objects.filter(incident=row).select_related("rule", "incident").order_by("started_at"))
        taken = [each for each in members if str(each.pk) in set(alerts)]
        strange = set(alerts) - {str(each.pk) for each in members}
        if strange:
            raise NotFound(f"no alert '{min(strange)[:40]}' in incident {row.pk}")
        if not taken or len(taken) == len(members):
            raise Conflict(f"a split takes some of the {len(members)} members, not {len(taken)}")
        live = [each for each in taken if each.resolved_at is None]
        new = Incident.objects.create(
            started_at=taken[0].started_at,
            joined_at=taken[-1].started_at,
            cause=next_suspect({(e.service, e.dependency): (e.started_at, 1) for e in reversed(taken)}, ()),
            by_hand=True,
            resolved_at=None if live else at,
        )
        row.by_hand = True
        row.told = {place: alert for place, alert in row.told.items() if alert not in {each.pk for each in taken}}
        for alert in taken:
            alert.incident, alert.placed_by_hand = new, True
            round.write(alert)
            if alert.breaker_id is not None and alert.resolved_at is None:
                round.incidents.mark(alert.breaker_id, str(new.pk))
            if alert.status == Status.FIRING:
                round.tell_at_last(alert)
        round.incidents.changed[new.pk] = new
        _log(row, actor, f"{len(taken)} members split off into incident {new.pk}", at)
        _log(new, actor, f"split off from incident {row.pk}", at)
    return new


def merge(actor: Actor, incident_id: str, others: Sequence[str], at: datetime) -> Incident:
    """Take other incidents in: their members, and who was told. Errors: NotAllowed, NotFound, Conflict."""
    require(actor, Role.OPERATOR, "merging incidents")
    with _changing(actor, "incident.merge", incident_id, "", at) as (round, row):
        gone = [row_of(each) for each in dict.fromkeys(others)]
        if not gone or row.pk in {each.pk for each in gone}:
            raise Conflict("merging wants one or more other incidents")
        if row.merged_into_id is not None:
            raise Conflict(f"incident {row.pk} was merged into incident {row.merged_into_id}")
        for each in gone:
            for alert in Alert.objects.filter(incident=each).select_related("rule"):
                alert.incident, alert.placed_by_hand = row, True
                round.write(alert)
                if alert.breaker_id is not None and alert.resolved_at is None:
                    round.incidents.mark(alert.breaker_id, str(row.pk))
            each.resolved_at, each.update_due_at, each.merged_into = each.resolved_at or at, None, row
            row.told = {**each.told, **row.told}
            row.started_at, row.joined_at = min(row.started_at, each.started_at), max(row.joined_at, each.joined_at)
            round.incidents.end(each)
            _log(each, actor, f"merged into incident {row.pk}", at)
            _log(row, actor, f"took in incident {each.pk}", at)
        row.by_hand = True
    return row


def not_this(actor: Actor, incident_id: str, at: datetime) -> Incident:
    """It is not the suspected one: the next one is, or nobody. Errors: NotAllowed, NotFound, Conflict."""
    require(actor, Role.OPERATOR, "clearing a suspect")
    with _changing(actor, "incident.not-this", incident_id, "", at) as (_, row):
        if not row.cause:
            raise Conflict(f"nobody is suspected of incident {row.pk}")
        cleared = row.cause
        row.refuted = [*row.refuted, cleared]
        row.cause = next_suspect(opened_of([row.pk]).get(row.pk, {}), row.refuted)
        _log(row, actor, f"it is not {cleared}; suspected now: {row.cause or 'nobody'}", at)
    return row


@contextmanager
def _changing(actor: Actor, verb: str, incident_id: str, reason: str, at: datetime) -> Iterator[tuple[Round, Incident]]:
    with bulk.writing():
        row = row_of(incident_id)
        round = Round(at)
        before = {"cause": row.cause, "members": _size(row)}
        round.incidents.changed[row.pk] = row
        yield round, row
        round.close()
        after = {"cause": row.cause, "members": _size(row)}
        name = title_of(row, _size(row))
        auditing.write(actor, verb, "incident", row.pk, name, reason=reason, before=before, after=after, at=at)


def _size(row: Incident) -> int:
    return Alert.objects.filter(incident=row, rule__kind=OPENED).count()


def _refuse_resolved(row: Incident) -> None:
    if row.resolved_at is not None:
        raise Conflict(f"incident {row.pk} is resolved")


def _log(row: Incident, actor: Actor, what: str, at: datetime) -> None:
    IncidentLog.objects.create(incident=row, at=at, who=actor.name, what=what[:500])
