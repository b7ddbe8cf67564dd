"""Silencing: what is not told for a while, by whom and why. Silences hide nothing, and keep nothing from being recorded.

When one ends and something under it is still wrong, that is told then, once.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from django.db.models import Q, QuerySet

from alerts.domain import matching, silences
from alerts.domain.deciding import Hush
from alerts.domain.matching import Matchers, Subject, labels_of
from alerts.models import Alert, Silence
from alerts.routing import subject_of
from alerts.signals import alerts_changed
from breakers import auditing, bulk, marking
from breakers.access import Actor, Role, require
from breakers.errors import Conflict, Invalid, NotFound
from breakers.models import Breaker
from breakers.models.fields import to_us
from breakers.signals import Changes, breakers_changed
from breakers.times import rfc3339

if TYPE_CHECKING:
    from alerts.raising import Round

LONGEST_ZONE = 64
LONGEST_COMMENT = 2_000
MOST_DAYS = 366
RECOVERY = "recovery"
# What of an alert its subject is made of.
_SUBJECT = ("service", "dependency", "breaker_name", "labels")


def silence(
    actor: Actor,
    given: Mapping[str, Any],
    *,
    starts_at: datetime | None,
    ends_at: datetime,
    comment: str,
    every_days: int | None = None,
    repeats_until: datetime | None = None,
    timezone: str = "UTC",
    until_recovery: bool = False,
    at: datetime,
) -> Silence:
    """Tell nobody for a while. Errors: NotAllowed, Invalid."""
    return silence_each(
        actor,
        [given],
        starts_at=starts_at,
        ends_at=ends_at,
        comment=comment,
        every_days=every_days,
        repeats_until=repeats_until,
        timezone=timezone,
        until_recovery=until_recovery,
        at=at,
    )[0]


def silence_each(
    actor: Actor,
    given: Sequence[Mapping[str, Any]],
    *,
    starts_at: datetime | None = None,
    ends_at: datetime,
    comment: str,
    every_days: int | None = None,
    repeats_until: datetime | None = None,
    timezone: str = "UTC",
    until_recovery: bool = False,
    at: datetime,
) -> list[Silence]:
    """Several at once, each with a row and a line in the audit trail of its own, or none. Errors: NotAllowed, Invalid."""
    require(actor, Role.OPERATOR, "silencing")
    read = [matching.read(each) for each in given]
    wrong = [each for _, some in read for each in some]
    starts_at = starts_at or at
    comment = comment.strip()
    if not comment or len(comment) > LONGEST_COMMENT or "\0" in comment:
        wrong.append(
            ("comment", f"a silence needs its reason, of at most {LONGEST_COMMENT} characters and without NUL")
        )
    for matchers, faults in read:
        if not faults and not matching.written(matchers):
            wrong.append(
                (
                    "matchers",
                    "a silence names what it hides: a service, a breaker, a dependency or a label; '*' as a service is everything",
                )
            )
    if ends_at <= max(starts_at, at):
        wrong.append(("to", f"'to' is {rfc3339(ends_at)}; expected a moment after its beginning, and in the future"))
    elif ends_at - starts_at > silences.LONGEST:
        wrong.append(("to", "a silence lasts 30 days at most"))
    if every_days is not None and not 1 <= every_days <= MOST_DAYS:
        wrong.append(("every_days", f"'every_days' is {every_days}; expected 1 to {MOST_DAYS}"))
    if not is_zone(timezone):
        wrong.append(("timezone", f"unknown time zone '{timezone[:60]}'; expected one like Europe/Berlin"))
    if wrong:
        raise Invalid(*wrong)
    rows = []
    with bulk.writing():
        for matchers, _ in read:
            row = Silence.objects.create(
                matchers=matching.written(matchers),
                comment=comment,
                created_by=actor.name,
                created_at=at,
                starts_at=starts_at,
                ends_at=ends_at,
                every_days=every_days,
                repeats_until=repeats_until if every_days else None,
                timezone=timezone,
                until_recovery=until_recovery,
            )
            after = {"to": rfc3339(ends_at)}
            auditing.write(actor, "silence.begin", "silence", row.pk, _name(row), reason=comment, after=after, at=at)
            rows.append(row)
        # Once for all of them: it looks at every breaker.
        mark(at)
    return rows


def is_zone(name: str) -> bool:
    """Whether it is the name of a time zone."""
    try:
        return ZoneInfo(name).key == name and len(name) <= LONGEST_ZONE
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def end(actor: Actor, silence_id: str, at: datetime) -> Silence:
    """End it now. Errors: NotAllowed, NotFound, Conflict where it is over."""
    require(actor, Role.OPERATOR, "ending a silence")
    row = row_of(silence_id)
    if is_over(row, at):
        raise Conflict(f"silence {silence_id} is over")
    with bulk.writing():
        row.ended_at, row.ended_by = at, actor.name
        row.save(update_fields=["ended_at", "ended_by"])
        auditing.write(actor, "silence.end", "silence", row.pk, _name(row), before={"to": rfc3339(row.ends_at)}, at=at)
        mark(at)
    return row


def row_of(silence_id: str) -> Silence:
    """The row. Errors: NotFound for an unknown id in any spelling."""
    known = silence_id.isascii() and silence_id.isdigit() and len(silence_id) <= 18
    row = Silence.objects.filter(pk=int(silence_id)).first() if known and silence_id == str(int(silence_id)) else None
    if row is None:
        raise NotFound(f"no silence '{silence_id[:40]}'")
    return row


def window_of(row: Silence, now: datetime) -> tuple[datetime, datetime] | None:
    """The window that lasts, else the last one that ended; None before the first."""
    return silences.window(
        row.starts_at, row.ends_at, now, row.every_days, row.repeats_until, row.ended_at, row.timezone
    )


def is_over(row: Silence, now: datetime) -> bool:
    """Whether it hides nothing any more, and never will."""
    lasts = window_of(row, now)
    if lasts is not None and now < lasts[1]:
        return False
    if row.ended_at is not None:
        return True
    return (
        silences.next_window(row.starts_at, row.ends_at, now, row.every_days, row.repeats_until, row.timezone) is None
    )


def at_work(now: datetime) -> list[Hush]:
    """The silences that hold now."""
    found = []
    for row in _begun(now):
        lasts = window_of(row, now)
        if lasts is not None and now < lasts[1]:
            found.append(Hush(row.pk, matching.read(row.matchers)[0], lasts[1], row.created_by))
    return found


def hidden_by(matchers: Matchers) -> tuple[int, int]:
    """(breakers, live alerts) that these matchers mean now."""
    return hidden_by_each([matchers])[0]


def hidden_by_each(each: Sequence[Matchers]) -> list[tuple[int, int]]:
    """The same of each of some matchers, from one look at what there is."""
    if not each:
        return []
    breakers = [subject for _, subject, _ in _breakers()]
    live = [subject_of(row) for row in _open().only(*_SUBJECT)]
    return [(sum(map(meant.matches, breakers)), sum(map(meant.matches, live))) for meant in each]


def needs_look(now: datetime) -> bool:
    """Whether the clock does something to a silence now. Asked without the writers' lock, which a large board would hold for long."""
    for row in _unsettled(now):
        lasts = window_of(row, now)
        if lasts is None:
            continue
        if now >= lasts[1] or _reminds(row, lasts, now):
            return True
        if row.until_recovery and bool(_live(matching.read(row.matchers)[0])) != row.seen_wrong:
            return True
    return False


def wrong_marks(now: datetime) -> bool:
    """Whether some card says another end of its silence than there is."""
    hushes = at_work(now)
    marked = (Breaker.objects.filter(silenced_until__isnull=False), _open().filter(silenced_until__isnull=False))
    if not hushes and not any(some.exists() for some in marked):
        return False
    return bool(_marks(hushes) or _marks_of_alerts(hushes))


def look(round: "Round") -> None:
    """What the clock does to silences: recoveries end them, ends are reminded of, and what still holds then is told."""
    now = round.now
    ended: list[Matchers] = []
    for row in _unsettled(now):
        lasts = window_of(row, now)
        if lasts is None:
            continue
        matchers = matching.read(row.matchers)[0]
        if now < lasts[1]:
            _while_it_lasts(round, row, matchers, lasts)
            lasts = window_of(row, now) or lasts
        if now >= lasts[1] and row.settled_at != lasts[1]:
            ended.append(matchers)
            row.settled_at = lasts[1]
            row.save(update_fields=["settled_at"])
    told: set[int] = set()
    for matchers in ended:
        for alert in _live(matchers):
            if alert.pk not in told and alert.recovering_since is None:
                told.add(alert.pk)
                round.tell_at_last(alert)


def mark(now: datetime) -> None:
    """Say on each card and each live alert until when it is silenced. Inside `bulk.writing()`."""
    hushes = at_work(now)
    marks, alerts = _marks(hushes), _marks_of_alerts(hushes)
    if not marks and not alerts:
        return
    version = bulk.next_version()
    if marks:
        marking.silences(marks, version)
    by_end: dict[datetime | None, list[int]] = defaultdict(list)
    for pk, until in alerts.items():
        by_end[until].append(pk)
    for until, some in by_end.items():
        Alert.objects.filter(pk__in=some).update(silenced_until=until, version=version)
    ids, changes = frozenset(alerts), Changes(version, frozenset(marks))

    def after() -> None:
        if marks:
            breakers_changed.send_robust(sender=None, changes=changes)
        if ids:
            alerts_changed.send_robust(sender=Alert, version=version, ids=ids)

    bulk.after_commit(after)


def _marks(hushes: list[Hush]) -> dict[int, datetime | None]:
    """{breaker: until when it is silenced} of those whose card says something else."""
    marks: dict[int, datetime | None] = {}
    for breaker, subject, marked in _breakers():
        until = max((hush.until for hush in hushes if hush.matchers.matches(subject)), default=None)
        if marked != (None if until is None else to_us(until)):
            marks[breaker] = until
    return marks


def _marks_of_alerts(hushes: list[Hush]) -> dict[int, datetime | None]:
    """{alert: until when it is silenced} of those live ones that say something else, whatever they are about."""
    marks: dict[int, datetime | None] = {}
    for row in _open().only(*_SUBJECT, "silenced_until"):
        subject = subject_of(row)
        until = max((hush.until for hush in hushes if hush.matchers.matches(subject)), default=None)
        if row.silenced_until != until:
            marks[row.pk] = until
    return marks


def _reminds(row: Silence, lasts: tuple[datetime, datetime], now: datetime) -> bool:
    begun, ends = lasts
    return ends > now >= ends - silences.REMINDS_BEFORE > begun and row.reminded_at != ends


def _while_it_lasts(round: "Round", row: Silence, matchers: Matchers, lasts: tuple[datetime, datetime]) -> None:
    now, live = round.now, _live(matchers)
    if row.until_recovery:
        if live and not row.seen_wrong:
            row.seen_wrong = True
            row.save(update_fields=["seen_wrong"])
        elif row.seen_wrong and not live:
            row.ended_at, row.ended_by = now, RECOVERY
            row.save(update_fields=["ended_at", "ended_by"])
            return
    ends = lasts[1]
    if _reminds(row, lasts, now):
        row.reminded_at = ends
        row.save(update_fields=["reminded_at"])
        if live:
            first = live[0]
            n = f"{len(live)} alert{'s' * (len(live) != 1)}"
            said = f"the silence by {row.created_by} ends at {ends:%H:%M} UTC, and {n} under it would be told then"
            round.remind(first, said)


def _begun(now: datetime) -> QuerySet[Silence]:
    lasting = Q(every_days=None, ends_at__gt=now) | Q(every_days__isnull=False)
    return Silence.objects.filter(lasting, starts_at__lte=now, ended_at=None).order_by("pk")


def _unsettled(now: datetime) -> list[Silence]:
    rows = Silence.objects.filter(starts_at__lte=now).filter(Q(settled_at=None) | Q(every_days__isnull=False))
    return [row for row in rows.order_by("pk") if (lasts := window_of(row, now)) and row.settled_at != lasts[1]]


def _live(matchers: Matchers) -> list[Alert]:
    rows = _open().select_related("rule", "incident").order_by("pk")
    return [row for row in rows if matchers.matches(subject_of(row))]


def _open() -> QuerySet[Alert]:
    return Alert.objects.filter(resolved_at=None).exclude(status="pending")


def _breakers() -> Iterable[tuple[int, Subject, int | None]]:
    text = "::text" if bulk.is_postgresql() else ""
    rows = bulk.select(
        f"SELECT b.id, s.name, b.dependency, b.name, b.labels{text}, b.silenced_until"  # noqa: S608
        " FROM breakers_breaker b JOIN breakers_service s ON s.id = b.service_id"
    )
    for id, service, dependency, name, labels, until in rows:
        yield id, Subject(service, dependency, name, _labels(labels)), until


def _labels(text: str) -> tuple[tuple[str, str], ...]:
    return () if text == "{}" else labels_of(msgspec.json.decode(text))


def _name(row: Silence) -> str:
    said = matching.said(matching.read(row.matchers)[0]) or "everything"
    return f"{said} until {row.ends_at:%Y-%m-%d %H:%M} UTC"[:500]
