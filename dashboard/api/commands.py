"""Commands: orders given, and how far each came."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from breakers import commanding, queries
from breakers.access import Role
from breakers.queries.shapes import CommandView
from dashboard.api.answers import answer, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Moment, Text
from dashboard.pages.context import now_of

MOST_INSTANCES = 1_000

router = Router(tags=["Commands"])


class Order(Body):
    """An order: what, why, to whom (every live instance unless named), and for the overrides until when."""

    action: Literal["probe", "reset", "force_open", "force_closed", "disable", "release"]
    reason: Text
    instances: Annotated[list[Text], Field(min_length=1, max_length=MOST_INSTANCES)] | None = None
    until: Moment | None = None


@router.post(
    "/breakers/{breaker_id}/commands", **tells(CommandView, 400, 404, 409, 422, status=201, role=Role.OPERATOR)
)
def give_order(request: HttpRequest, breaker_id: str, order: Order) -> HttpResponse:
    """Order something of a breaker. Overrides end after 30 minutes unless `until` says when."""
    command = commanding.order(
        acting(request),
        breaker_id,
        order.action,
        order.reason,
        instances=order.instances,
        until=order.until,
        at=now_of(request),
    )
    return _shown(str(command.pk), status=201, location=f"/api/v1/commands/{command.pk}")


@router.get("/commands/{command_id}", **tells(CommandView, 404))
def get_command(request: HttpRequest, command_id: str) -> HttpResponse:
    """How far a command came at each instance, and what the traffic after it showed."""
    return _shown(command_id)


def _shown(command_id: str, **how: Any) -> HttpResponse:
    return answer(queries.command(command_id), **how)
