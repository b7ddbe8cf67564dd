"""Annotating: the only writer of marks. People and tools set them by a role, a service sets its own by its ingest key."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from breakers import auditing, bulk
from breakers.access import Actor, Role, require
from breakers.domain.limits import whole_seconds
from breakers.errors import Invalid, NotAllowed, OverLimit
from breakers.models import Annotation, Breaker
from breakers.models.annotation import KINDS
from breakers.models.service import NAME_LENGTH
from breakers.signals import Changes, breakers_changed

LONGEST_URL = 2_000
# By one ingest key's service; people and their pipelines have a token.
MOST_OWN, WITHIN = 600, timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark to be. `at` None: now; an empty name: any."""

    kind: str
    title: str
    at: datetime | None = None
    until: datetime | None = None
    service: str = ""
    breaker: str = ""
    dependency: str = ""
    url: str = ""


def annotate(actor: Actor, mark: Mark, *, at: datetime) -> Annotation:
    """Set a mark. Errors: NotAllowed, Invalid (each field that is wrong)."""
    require(actor, Role.OPERATOR, "setting a mark")
    return _write(actor, mark, at)


def annotate_own(actor: Actor, service: str, mark: Mark, *, at: datetime) -> Annotation:
    """Set a mark for the service that an ingest key speaks for.

    Errors: NotAllowed (another service), Invalid, OverLimit: each leaves a line in the audit trail, which never shrinks.
    """
    if mark.service not in ("", service):
        raise NotAllowed(f"this ingest key speaks for {service}; it sets no marks for {mark.service[:NAME_LENGTH]}")
    own = Mark(mark.kind, mark.title, mark.at, mark.until, service, mark.breaker, mark.dependency, mark.url)
    with bulk.writing():
        newest = Annotation.objects.filter(service=service, created_by=actor.name).order_by("-pk")
        oldest = newest.values_list("created_at", flat=True)[MOST_OWN - 1 : MOST_OWN].first()
        if oldest is not None and oldest > at - WITHIN:
            detail = (
                f"{service} set {MOST_OWN} marks within an hour, the most that an ingest key may; this one was not set"
            )
            raise OverLimit(detail, whole_seconds((oldest + WITHIN - at).total_seconds()))
        return _write(actor, own, at)


def _write(actor: Actor, mark: Mark, now: datetime) -> Annotation:
    check(mark, now)
    row = Annotation(
        kind=mark.kind,
        title=mark.title.strip(),
        at=mark.at or now,
        until=mark.until,
        service=mark.service.strip(),
        breaker=mark.breaker.strip(),
        dependency=mark.dependency.strip(),
        url=mark.url.strip(),
        created_by=actor.name,
        created_at=now,
    )
    with bulk.writing():
        row.save(force_insert=True)
        told = {
            "title": row.title,
            "at": row.at.isoformat(),
            "until": row.until.isoformat() if row.until else None,
            "service": row.service,
            "breaker": row.breaker,
            "dependency": row.dependency,
            "url": row.url,
        }
        after = {key: value for key, value in told.items() if value}
        auditing.write(actor, f"mark.{row.kind}", "mark", row.pk, row.title, after=after, at=now)
        _announce(row)
    return row


def _announce(row: Annotation) -> None:
    """The breakers that it marks changed: whoever looks at one of them is told."""
    version = bulk.next_version()
    marked = Breaker.objects.all()
    for value, field in ((row.service, "service__name"), (row.breaker, "name"), (row.dependency, "dependency")):
        if value:
            marked = marked.filter(**{field: value})
    ids = frozenset(marked.values_list("pk", flat=True))
    marked.update(version=version)
    changes = Changes(version, ids)
    bulk.after_commit(lambda: breakers_changed.send_robust(sender=None, changes=changes) and None)


def check(mark: Mark, now: datetime) -> None:
    """Whether it can be set. Errors: Invalid, with each field that is wrong."""
    wrong = []
    if mark.kind not in KINDS:
        wrong.append(("kind", f"unknown kind '{mark.kind[:60]}'; expected one of {', '.join(KINDS)}"))
    title = mark.title.strip()
    if not title or len(title) > NAME_LENGTH:
        wrong.append(("title", f"a title has 1 to {NAME_LENGTH} characters; this one has {len(title)}"))
    if mark.until is not None and mark.until <= (mark.at or now):
        wrong.append(("until", "'until' is not after 'at'"))
    for field, text in (("service", mark.service), ("breaker", mark.breaker), ("dependency", mark.dependency)):
        if len(text) > NAME_LENGTH:
            wrong.append((field, f"'{field}' has {len(text)} characters; at most {NAME_LENGTH} are taken"))
    texts = {"title": mark.title, "service": mark.service, "breaker": mark.breaker, "dependency": mark.dependency}
    wrong += [(field, f"'{field}' has control characters") for field, text in texts.items() if not text.isprintable()]
    if mark.url and not _is_link(mark.url):
        wrong.append(("url", f"the url is '{mark.url[:60]}'; expected http:// or https://, at most {LONGEST_URL} long"))
    if wrong:
        raise Invalid(*wrong)


def _is_link(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and len(text) <= LONGEST_URL and text.isprintable()
