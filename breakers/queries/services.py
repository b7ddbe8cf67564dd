"""Services: their breakers by state, for boards that are too large to list."""

from django.db.models import Count, Q

from breakers.models import Breaker
from breakers.queries.cards import CardFilter

MOST_SERVICES = 500


def counts_by_service(where: CardFilter) -> dict[str, dict[str, int]]:
    """{service: {state: how many breakers}} as last recorded, the first 500 services by name."""
    asked = Q()
    if where.services:
        asked &= Q(service__name__in=where.services)
    if where.dependencies:
        asked &= Q(dependency__in=where.dependencies)
    if where.q:
        asked &= Q(name__icontains=where.q) | Q(service__name__icontains=where.q) | Q(dependency__icontains=where.q)
    rows = (
        Breaker.objects.filter(asked)
        .values_list("service__name", "state")
        .annotate(breakers=Count("id"))
        .order_by("service__name")
    )
    found: dict[str, dict[str, int]] = {}
    for service, state, breakers in rows:
        if service not in found and len(found) == MOST_SERVICES:
            break
        found.setdefault(service, {})[state] = breakers
    return found
