"""Incidents: openings of one cause, and what people say about who belongs together."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from alerts import incident_queries, responding
from alerts.shapes import IncidentView
from breakers.access import Role
from dashboard.api.alerts import Comment
from dashboard.api.answers import answer, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, Limit, Text, listed, several
from dashboard.pages.context import now_of

router = Router(tags=["Incidents"])

Ids = Annotated[list[Text], Field(min_length=1, max_length=1_000)]


class Members(Body):
    """The ids of the alerts that are to go."""

    alerts: Ids


class Others(Body):
    """The ids of the incidents that are to be taken in."""

    incidents: Ids


@router.get("/incidents", **tells(IncidentView, 422, listed=True))
def list_incidents(
    request: HttpRequest,
    status: Annotated[Text, several("firing, acknowledged or resolved")],
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """Incidents, newest first. Those that were merged into another are found by their id alone."""
    return page(
        incident_queries.incidents_page(listed(status), now=now_of(request), limit=limit, cursor=cursor or None)
    )


@router.get("/incidents/{incident_id}", **tells(IncidentView, 404))
def get_incident(request: HttpRequest, incident_id: str) -> HttpResponse:
    """One incident, its members in the order of first opening."""
    return answer(incident_queries.incident(incident_id, now_of(request)))


@router.post("/incidents/{incident_id}/acknowledge", **tells(IncidentView, 400, 404, 409, 422, role=Role.OPERATOR))
def acknowledge_incident(request: HttpRequest, incident_id: str, said: Comment | None = None) -> HttpResponse:
    """Take all of it in hand, and what joins it later."""
    row = responding.acknowledge(acting(request), incident_id, said.comment if said else "", now_of(request))
    return answer(incident_queries.incident(str(row.pk), now_of(request)))


@router.post("/incidents/{incident_id}/split", **tells(IncidentView, 400, 404, 409, 422, role=Role.OPERATOR))
def split_incident(request: HttpRequest, incident_id: str, members: Members) -> HttpResponse:
    """Take members out into an incident of their own: the answer."""
    new = responding.split(acting(request), incident_id, members.alerts, now_of(request))
    return answer(incident_queries.incident(str(new.pk), now_of(request)))


@router.post("/incidents/{incident_id}/merge", **tells(IncidentView, 400, 404, 409, 422, role=Role.OPERATOR))
def merge_incidents(request: HttpRequest, incident_id: str, others: Others) -> HttpResponse:
    """Take other incidents in."""
    responding.merge(acting(request), incident_id, others.incidents, now_of(request))
    return answer(incident_queries.incident(incident_id, now_of(request)))


@router.post("/incidents/{incident_id}/not-this", **tells(IncidentView, 404, 409, role=Role.OPERATOR))
def clear_suspect(request: HttpRequest, incident_id: str) -> HttpResponse:
    """It is not the suspected one: the next one is, or nobody."""
    responding.not_this(acting(request), incident_id, now_of(request))
    return answer(incident_queries.incident(incident_id, now_of(request)))
