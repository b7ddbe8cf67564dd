"""Breakers: the wall as a list, one with everything about it, its timeline, its events, and what an admin sets."""

from datetime import timedelta
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

import alerts.queries
from alerts.shapes import AlertView
from breakers import administering, queries
from breakers.access import Role
from breakers.domain.reports import TYPES
from breakers.errors import Invalid
from breakers.queries.shapes import Card, EventView, Timeline
from dashboard.api.answers import answer, nothing, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, From, Limit, Text, To, listed, several
from dashboard.api.shapes import BreakerView
from dashboard.pages.context import now_of

# What a timeline shows where no range was asked for.
USUAL_RANGE = timedelta(hours=1)
MOST_ALERTS = 50

router = Router(tags=["Breakers"])


class HeadlineRule(Body):
    """What an admin sets at a breaker."""

    headline: Literal["any", "majority", "all"]


@router.get("/breakers", **tells(Card, 422, listed=True))
def list_breakers(
    request: HttpRequest,
    state: Annotated[Text, several("the headline's state")],
    service: Annotated[Text, several("its service")],
    dependency: Annotated[Text, several("what it guards")],
    label: Annotated[Text, several("`key:value`; all must match")],
    q: Annotated[Text, Query("", description="found in name, service or dependency")],
    query: Annotated[Text, Query("", description="as in the wall's search: `state:open service:pay* open>5m`")],
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """Cards in the wall's order: worst state first, longest in it, most refused calls, name."""
    where = queries.make_filter(state=state, service=service, dependency=dependency, q=q, label=label, query=query)
    return page(queries.for_wall(where, now_of(request), limit=limit, cursor=cursor or None))


@router.get("/breakers/{breaker_id}", **tells(BreakerView, 404))
def get_breaker(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """One card, and all that is known of the breaker beside its timeline and its events: `each_instance`, `transitions`, `alerts` …"""
    return answer(_view(request, breaker_id))


@router.patch("/breakers/{breaker_id}", **tells(BreakerView, 400, 404, 422, role=Role.ADMIN))
def set_headline(request: HttpRequest, breaker_id: str, rule: HeadlineRule) -> HttpResponse:
    """Set the rule by which the instances make the headline. It judges from now on; the past stays as it was drawn."""
    administering.set_headline(acting(request), breaker_id, rule.headline, at=now_of(request))
    return answer(_view(request, breaker_id))


@router.delete("/breakers/{breaker_id}/instances/{path:name}", **tells(None, 404, status=204, role=Role.ADMIN))
def remove_instance(request: HttpRequest, breaker_id: str, name: str) -> HttpResponse:
    """Take an instance out of the counts. It comes back when it is heard again."""
    administering.remove_instance(acting(request), breaker_id, name, at=now_of(request))
    return nothing()


@router.get("/breakers/{breaker_id}/timeline", **tells(Timeline, 404, 422))
def get_timeline(
    request: HttpRequest,
    breaker_id: str,
    start: From,
    end: To,
    points: Annotated[int, Query(300, description="how many buckets, at most 1,000")],
    instances: Annotated[bool, Query(False, description="also the spans of each instance, as `lanes`")],
) -> HttpResponse:
    """Spans of state and buckets of outcomes, of the last hour unless told otherwise. Every transition is in the spans."""
    now = now_of(request)
    until = end or now
    line = queries.timeline(
        breaker_id, start or until - USUAL_RANGE, until, now, points=points, lanes=instances, exact=True
    )
    return answer(line)


@router.get("/breakers/{breaker_id}/events", **tells(EventView, 404, 422, listed=True))
def list_events(
    request: HttpRequest,
    breaker_id: str,
    type: Annotated[Text, several(f"one of {', '.join(TYPES)}")],
    start: From,
    end: To,
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """The raw events, newest first."""
    types = listed(type)
    for name in types:
        if name not in TYPES:
            raise Invalid(("type", f"unknown type '{name[:60]}'; expected one of {', '.join(TYPES)}"))
    found = queries.events(breaker_id, types=types, start=start, end=end, limit=limit, cursor=cursor or None)
    return page(found)


def _view(request: HttpRequest, breaker_id: str) -> BreakerView:
    now = now_of(request)
    details = queries.details(breaker_id, now)
    told = alerts.queries.alerts_page(("firing", "acknowledged"), breaker_id=breaker_id, limit=MOST_ALERTS)
    return BreakerView(
        **{field: getattr(details.card, field) for field in Card.__struct_fields__},
        each_instance=details.instances,
        transitions=details.paths,
        config=details.config,
        why=queries.why_opened(breaker_id, now),
        last_probe_failed_at=details.last_probe_failed_at,
        alerts=[item for item in told.items if isinstance(item, AlertView)],
    )
