"""Digesting: where many alerts come at once, people get one message that counts them, and machines still get each.

Beyond ten messages a minute to one destination the next opens a digest, sent a minute later; what comes until then joins it. The
members point to it and keep their own reason, so that nothing is told twice and nothing is silently dropped.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, QuerySet

from alerts import outbox, queries
from alerts.destinations import speaking
from alerts.destinations.base import Notice
from alerts.domain.backoff import GIVE_UP_AFTER
from alerts.domain.deciding import SENTENCES, Reason
from alerts.domain.rules.catalogue import TEAM
from alerts.domain.wording import plain
from alerts.models import Alert, Destination, Notification
from alerts.models.destination import FOR_PEOPLE
from alerts.models.notification import State
from breakers import bulk

STORM = 10  # messages to one destination
WITHIN = timedelta(seconds=60)
GATHERS = timedelta(seconds=60)
# A storm is over when so long nothing more came than people can read.
QUIET = timedelta(minutes=5)
MOST_NAMES = 100
SEVERITIES = ("critical", "warning", "info")
# Asked for by hand, they are not put off.
ALONE = frozenset({"digest", "test"})


def puts_off(row: Notification, destination: Destination, at: datetime) -> bool:
    """Whether this notification, just claimed, goes into a digest in place of being sent; then it is done with.

    A digest that is due gets its text here, when its members are known.
    """
    if destination.kind not in FOR_PEOPLE or row.resend_of_id is not None:
        return False
    if row.kind == "digest":
        _compose(row, destination, at)
        return False
    if row.kind in ALONE or row.attempt or not _is_storm(destination, at):
        return False
    with bulk.writing():
        # Asked again under the lock: it may have been claimed anew meanwhile.
        mine = Notification.objects.filter(pk=row.pk, state=State.DUE, attempt=row.attempt + 1)
        if not mine.update(
            state=State.DROPPED,
            reason=Reason.DIGESTED,
            digest=_open_digest(row, destination, at),
            claimed_until=None,
            finished_at=at,
        ):
            return False
        Alert.objects.filter(pk=row.alert_id).update(version=bulk.next_version())
    return True


def _is_storm(destination: Destination, at: datetime) -> bool:
    mine = _told_to(destination)
    if mine.filter(kind="digest", state=State.DUE).exists():
        return True
    sent = mine.filter(state=State.SENT, finished_at__gt=at - WITHIN).count()
    if sent >= STORM:
        return True
    # After a storm, single messages come back once it has been quiet for a while.
    return mine.filter(kind="digest", finished_at__gt=at - QUIET).exists() and sent > 0


def _told_to(destination: Destination) -> QuerySet[Notification]:
    """What it was told of what is wrong: a team's week is a digest too, and no sign of a storm; nor is another's digest."""
    rows = Notification.objects.filter(destination=destination).exclude(alert__subject_kind=TEAM)
    return rows.exclude(kind="digest", stands_in_for__isnull=False)


def _open_digest(row: Notification, destination: Destination, at: datetime) -> Notification:
    known = _told_to(destination).filter(kind="digest", state=State.DUE, claimed_until=None)
    digest = known.order_by("pk").first()
    if digest is not None:
        return digest
    last = Notification.objects.filter(alert=row.alert_id, destination=destination).order_by("-sequence")[:1].get()
    return Notification.objects.create(
        alert_id=row.alert_id,
        destination=destination,
        kind="digest",
        sequence=last.sequence + 1,
        body=b"",
        webhook_id=outbox.new_webhook_id(),
        created_at=at,
        due_at=at + GATHERS,
        give_up_at=at + GATHERS + GIVE_UP_AFTER,
    )


def _compose(digest: Notification, destination: Destination, at: datetime) -> None:
    if digest.body:
        return
    alert = Alert.objects.select_related("rule").get(pk=digest.alert_id)
    late_for(destination).update(digest=digest)
    summary, lines, beyond = text_of(digest)
    url = f"{settings.SITE_URL}/alerts/"
    notice = Notice("digest", queries.shaped(alert, []), summary, url, at, lines=lines, beyond=beyond)
    digest.body = speaking.compose(destination.kind, notice)
    Notification.objects.filter(pk=digest.pk).update(body=digest.body)


def late_for(destination: Destination) -> QuerySet[Notification]:
    """What was over for too long when we heard of it, and waits for this destination's next digest."""
    return Notification.objects.filter(
        destination=destination, state=State.DROPPED, digest=None, reason=SENTENCES[Reason.LATE]
    )


def line_of(late: Notification) -> str:
    """Its line."""
    return plain(late.alert.summary, 200)


def text_of(digest: Notification) -> tuple[str, tuple[str, ...], int]:
    """A digest's sentence, a line for each member, worst first, and how many more there are."""
    joined = list(digest.members.select_related("alert").order_by("pk"))
    late = [member for member in joined if member.reason == SENTENCES[Reason.LATE]]
    members = [member for member in joined if member.reason != SENTENCES[Reason.LATE]]
    alerts = {member.alert_id: member.alert for member in members}
    counts = {severity: sum(alert.severity == severity for alert in alerts.values()) for severity in SEVERITIES}
    causes = (
        Alert.objects.filter(pk__in=alerts)
        .values_list("dependency")
        .annotate(n=Count("pk"))
        .order_by("-n", "dependency")
    )
    told = ", ".join(f"{n} {severity}" for severity, n in counts.items() if n)
    summary = f"{len(alerts)} more alerts in a minute ({told}), most of them on {plain(causes[0][0])}"
    rank = {severity: place for place, severity in enumerate(SEVERITIES)}
    worst = sorted(members, key=lambda member: (rank.get(member.alert.severity, len(rank)), member.pk))
    lines = [f"{member.kind}: {plain(member.alert.summary, 200)}" for member in worst[:MOST_NAMES]]
    lines += [line_of(member) for member in late[: MOST_NAMES - len(lines)]]
    return summary, tuple(lines), len(joined) - len(lines)
