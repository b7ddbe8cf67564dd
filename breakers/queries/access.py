"""Services and their keys, as the API and the pages that administer them read them. No secret is among it."""

import base64
import binascii

from django.db.models import Count

from breakers.domain.limits import limits_of
from breakers.errors import Invalid, NotFound
from breakers.models import Breaker, IngestKey, ReachedLimit, Service
from breakers.queries.shapes import KeyView, Page, ReachedView, RedactionView, ServiceView
from breakers.times import rfc3339


def services_page(*, keys: bool, limit: int = 50, cursor: str | None = None) -> Page:
    """Services by name; with their keys only where `keys`. Items are ServiceView. Errors: Invalid (cursor)."""
    rows = Service.objects.order_by("name")
    if cursor:
        rows = rows.filter(name__gt=read_cursor(cursor))
    page = list(rows[: limit + 1])
    more = len(page) > limit
    return Page(list(_views(page[:limit], keys)), make_cursor(page[limit - 1].name) if more else None)


def service(name: str, *, keys: bool) -> ServiceView:
    """One service. Errors: NotFound."""
    row = Service.objects.filter(name=name).first()
    if row is None:
        raise NotFound(f"there is no service '{name[:200]}'")
    return _views([row], keys)[0]


def key_view(row: IngestKey) -> KeyView:
    """What may be told of a key."""
    return KeyView(row.key_id, row.label, rfc3339(row.created_at), rfc3339(row.last_used_at), rfc3339(row.revoked_at))


def _views(rows: list[Service], keys: bool) -> list[ServiceView]:
    """Four queries, however many services."""
    known: dict[int, list[KeyView]] = {row.pk: [] for row in rows}
    if keys:
        for key in IngestKey.objects.filter(service__in=rows).order_by("created_at", "id"):
            known[key.service_id].append(key_view(key))
    counts: dict[int, dict[str, int]] = {row.pk: {} for row in rows}
    by_state = Breaker.objects.filter(service__in=rows).values_list("service_id", "state").annotate(Count("id"))
    for service_id, state, count in by_state.order_by("state"):
        counts[service_id][state] = count
    reached: dict[int, list[ReachedView]] = {row.pk: [] for row in rows}
    for limit in ReachedLimit.objects.filter(service__in=rows).order_by("what"):
        reached[limit.service_id].append(
            ReachedView(limit.what, rfc3339(limit.since), rfc3339(limit.last_at), limit.times, limit.detail)
        )
    return [
        ServiceView(
            name=row.name,
            paused=row.paused,
            signatures=row.signatures,
            created_at=rfc3339(row.created_at),
            breakers=counts[row.pk],
            limits=limits_of(row.limits),
            limits_reached=reached[row.pk],
            redaction=RedactionView(
                not row.redaction.get("off"),
                row.redaction.get("patterns", []) if keys else None,
                not row.redaction.get("no_messages"),
            ),
            earlier_secret_until=rfc3339(row.earlier_until),
            keys=known[row.pk] if keys else None,
        )
        for row in rows
    ]


def make_cursor(name: str) -> str:
    """The place after this name in a list by name."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def read_cursor(text: str) -> str:
    """The name again. Errors: Invalid."""
    try:
        # PostgreSQL knows no NUL.
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().replace("\x00", "")
    except (binascii.Error, ValueError) as error:
        raise Invalid(("cursor", f"the cursor '{text[:60]}' is none of ours")) from error
