"""Alerts: what is wrong, who has it in hand, and who was told."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query
from pydantic import Field

from alerts import handling, queries
from alerts.shapes import AlertView, NotificationView
from breakers import queries as breaker_queries
from breakers.access import Role
from dashboard.api.answers import answer, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, Limit, Text, listed, several
from dashboard.pages.context import now_of

router = Router(tags=["Alerts"])


class Comment(Body):
    """A word beside what was done."""

    comment: Annotated[Text, Field(max_length=handling.LONGEST_COMMENT)] = ""


@router.get("/alerts", **tells(AlertView, 422, listed=True))
def list_alerts(
    request: HttpRequest,
    status: Annotated[Text, several("firing, acknowledged or resolved")],
    severity: Annotated[Text, several("how bad it is")],
    service: Annotated[Text, several("the service of its breaker")],
    dependency: Annotated[Text, several("what its breaker guards")],
    label: Annotated[Text, several("`key:value`; all must match")],
    breaker: Annotated[Text, Query("", description="the id of its breaker")],
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """Alerts, newest first."""
    found = queries.alerts_page(
        listed(status),
        listed(service),
        severities=listed(severity),
        dependencies=listed(dependency),
        labels=breaker_queries.make_filter(label=label).labels,
        breaker_id=breaker,
        limit=limit,
        cursor=cursor or None,
    )
    return page(found)


@router.get("/alerts/{alert_id}", **tells(AlertView, 404))
def get_alert(request: HttpRequest, alert_id: str) -> HttpResponse:
    """One alert with its notifications and every try at sending them."""
    return answer(queries.alert(alert_id))


@router.post("/alerts/{alert_id}/acknowledge", **tells(AlertView, 400, 404, 422, role=Role.OPERATOR))
def acknowledge_alert(request: HttpRequest, alert_id: str, said: Comment | None = None) -> HttpResponse:
    """Take it in hand."""
    return answer(handling.acknowledge(acting(request), alert_id, said.comment if said else "", now_of(request)))


@router.post("/alerts/{alert_id}/unacknowledge", **tells(AlertView, 400, 404, 409, 422, role=Role.OPERATOR))
def unacknowledge_alert(request: HttpRequest, alert_id: str, said: Comment | None = None) -> HttpResponse:
    """Give it out of hand."""
    shown = handling.unacknowledge(acting(request), alert_id, now_of(request), said.comment if said else "")
    return answer(shown)


@router.post(
    "/notifications/{notification_id}/resend", **tells(NotificationView, 404, 409, status=201, role=Role.OPERATOR)
)
def resend_notification(request: HttpRequest, notification_id: str) -> HttpResponse:
    """Send a finished notification again, as a new one."""
    return answer(handling.resend(acting(request), notification_id, now_of(request)), status=201)
