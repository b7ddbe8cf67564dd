"""The audit trail: who did what, when, from where and why."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from breakers import queries
from breakers.access import Role
from breakers.queries.shapes import AuditView
from dashboard.api.answers import page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Cursor, From, Limit, Text, To

router = Router(tags=["Audit"])


@router.get("/audit", **tells(AuditView, 422, listed=True))
def list_audit(
    request: HttpRequest,
    actor: Annotated[Text, Query("", description="who did it")],
    verb: Annotated[Text, Query("", description="what its verb begins with, e.g. `command.`")],
    target_kind: Annotated[Text, Query("", description="breaker, alert, notification, service or token")],
    target_id: Annotated[Text, Query("", description="the id of what it was done to")],
    start: From,
    end: To,
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """The trail, newest first. It only grows. Of what only admins may see, before, after and address are for admins."""
    found = queries.audit_trail(
        target_kind=target_kind,
        target_id=target_id,
        actor=actor,
        verb=verb,
        start=start,
        end=end,
        limit=limit,
        cursor=cursor or None,
        whole=acting(request).role >= Role.ADMIN,
    )
    return page(found)
