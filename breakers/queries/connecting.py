"""Connecting: how far a service that is being connected has come, from what it left behind here."""

from datetime import datetime

import msgspec

from breakers.errors import NotFound
from breakers.models import Breaker, IngestKey, Instance, Refusal, Service
from breakers.models.source import NOBODY
from breakers.times import rfc3339

MOST_NAMED = 3
MOST_REFUSED = 5


class Step(msgspec.Struct, frozen=True):
    """One step of the way. `at` null: not there yet. `detail`: what was seen, or what to do."""

    name: str
    at: str | None
    detail: str


class Refused(msgspec.Struct, frozen=True):
    """A try that was refused. `own` false: its key said nothing, so that it may be someone else's."""

    at: str
    status: int
    detail: str
    own: bool


class Way(msgspec.Struct, frozen=True):
    """All steps of a service, in their order; `breakers` are (id, name) of the first ones, `refused` the last tries, newest first."""

    service: str
    steps: list[Step]
    breakers: list[tuple[str, str]]
    refused: list[Refused]


def way_of(service: str, since: datetime) -> Way:
    """How far a service has come since a moment. Errors: NotFound."""
    row = Service.objects.filter(name=service).first()
    if row is None:
        raise NotFound(f"there is no service '{service}'")
    heard = Instance.objects.filter(breaker__service=row, heard_at__gte=since)
    first = heard.order_by("heard_at").select_related("breaker").first()
    beating = heard.filter(interval_s__isnull=False).order_by("heard_at").first()
    able = next((copy for copy in heard.order_by("heard_at")[:50] if copy.commands), None)
    used = (
        IngestKey.objects.filter(service=row, revoked_at=None, last_used_at__gte=since)
        .order_by("-last_used_at")
        .first()
    )
    refused = _refused(row, since)
    known = [each.at for each in refused if each.own]
    good = rfc3339(first.heard_at) if first else known[-1] if known else rfc3339(used.last_used_at) if used else None
    seen = good or (refused[-1].at if refused else None)
    breakers = Breaker.objects.filter(pk__in=heard.values("breaker_id")).order_by("created_at", "pk")[:MOST_NAMED]
    named = [(str(breaker.pk), breaker.name) for breaker in breakers]
    steps = [
        Step("reached", seen, "requests arrive here" if seen else "nothing has arrived yet"),
        Step("key", good, "the key is good" if good else "waiting for a request with its key"),
        Step("format", rfc3339(first.heard_at) if first else None, _format(first, good)),
        Step("breaker", rfc3339(first.heard_at) if first else None, ", ".join(name for _, name in named) or "none yet"),
        Step("heartbeat", rfc3339(beating.heard_at) if beating else None, _heartbeat(beating)),
        Step("commands", rfc3339(able.heard_at) if able else None, _commands(able)),
    ]
    return Way(service, steps, named, refused)


def _refused(row: Service, since: datetime) -> list[Refused]:
    """What was refused of it, and of senders whose key says nothing, since then; the newest first."""
    rows = Refusal.objects.filter(service_id__in=(row.pk, NOBODY), at__gte=since).order_by("-id")[:MOST_REFUSED]
    return [Refused(rfc3339(each.at), each.status, each.detail, each.service_id == row.pk) for each in rows]


def _format(first: Instance | None, good: str | None) -> str:
    if first is None:
        return "what it sent was refused" if good else "waiting for the first event"
    return f"understood, from {first.name}" + (f" with {first.library}" if first.library else "")


def _heartbeat(beating: Instance | None) -> str:
    if beating is None:
        return "none yet: without one, silence can't be told from calm"
    return f"every {beating.interval_s} s at least"


def _commands(able: Instance | None) -> str:
    if able is None or not able.commands:
        return "not set: no instance has said that it takes any"
    return f"takes {', '.join(able.commands)}"
