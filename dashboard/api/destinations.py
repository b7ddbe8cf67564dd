"""Destinations, and the routes that lead alerts to them."""

from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field, StrictInt

from alerts import addressing, leading, queries
from alerts.shapes import DestinationView, RouteView, TestView
from breakers.access import Role, require
from dashboard.api.answers import answer, nothing, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, Limit, Text
from dashboard.pages.context import now_of

router = Router(tags=["Destinations and routes"])
MOST = 200


class NewDestination(Body):
    """A destination to be. `config`: `url`, and by kind `secret`, `to`, `server`, `sender`, `p256dh`, `auth`.

    `fallback`: the id of the destination that is told instead while this one fails. `per_minute`: how many messages it is
    sent in a minute at most, 1 to 100; null: as many as there are.
    """

    name: Text
    kind: Literal["webhook", "email", "apprise", "alertmanager", "push"]
    config: dict[str, Text | None]
    fallback: Text | None = None
    per_minute: StrictInt | None = None


class ChangedDestination(Body):
    """What is not given stays as it is, a secret too; null takes a part of `config` away, and the fallback, and the limit."""

    name: Text | None = None
    config: dict[str, Text | None] | None = None
    enabled: bool | None = None
    fallback: Text | None = None
    per_minute: StrictInt | None = None


class RouteStep(Body):
    """Who hears next while nobody has the alert in hand: ids of destinations, or `rota:<id>` for whoever is on call."""

    after_s: int
    destinations: list[Text]


class ChangedRoute(Body):
    """What is not given stays as it is."""

    name: Text | None = None
    enabled: bool = True
    matchers: dict[str, Any] = {}
    destinations: Annotated[list[Text], Field(max_length=MOST)] = []
    hours: dict[str, Any] | None = None
    always: list[Text] = []
    steps: list[RouteStep] = []
    repeat_s: list[int] = []


class NewRoute(ChangedRoute):
    """A route to be: alerts that match go to these destinations."""

    name: Text


@router.get("/destinations", **tells(DestinationView, 422, listed=True, role=Role.ADMIN))
def list_destinations(request: HttpRequest, limit: Limit, cursor: Cursor) -> HttpResponse:
    """Destinations by name, those of the environment too; no secret is in the answer."""
    require(acting(request), Role.ADMIN, "seeing destinations")
    return page(queries.destinations_page(limit=limit, cursor=cursor or None))


@router.post("/destinations", **tells(DestinationView, 400, 409, 422, status=201, role=Role.ADMIN))
def add_destination(request: HttpRequest, destination: NewDestination) -> HttpResponse:
    """Add a destination. 422 has `code` bad_url or private_address where its URL can't be taken."""
    kept = addressing.add(
        acting(request),
        destination.name,
        destination.kind,
        destination.config,
        fallback=destination.fallback or "",
        per_minute=destination.per_minute or 0,
        at=now_of(request),
    )
    return _destination(kept, status=201, location=f"/api/v1/destinations/{kept.row.pk}")


@router.get("/destinations/{destination_id}", **tells(DestinationView, 404, role=Role.ADMIN))
def get_destination(request: HttpRequest, destination_id: str) -> HttpResponse:
    """One destination, without its secrets."""
    require(acting(request), Role.ADMIN, "seeing a destination")
    return answer(queries.destination(destination_id))


@router.patch("/destinations/{destination_id}", **tells(DestinationView, 400, 404, 409, 422, role=Role.ADMIN))
def set_destination(request: HttpRequest, destination_id: str, destination: ChangedDestination) -> HttpResponse:
    """Change it, or switch it off and on."""
    kept = addressing.change(
        acting(request),
        destination_id,
        name=destination.name,
        config=destination.config,
        enabled=destination.enabled,
        fallback=(destination.fallback or "") if "fallback" in destination.model_fields_set else None,
        per_minute=(destination.per_minute or 0) if "per_minute" in destination.model_fields_set else None,
        at=now_of(request),
    )
    return _destination(kept)


@router.delete("/destinations/{destination_id}", **tells(None, 404, 409, status=204, role=Role.ADMIN))
def remove_destination(request: HttpRequest, destination_id: str) -> HttpResponse:
    """Delete it. What it was told stays in the trails; its secrets are wiped."""
    addressing.remove(acting(request), destination_id, at=now_of(request))
    return nothing()


@router.post("/destinations/{destination_id}/test", **tells(TestView, 404, role=Role.ADMIN))
def test_destination(request: HttpRequest, destination_id: str) -> HttpResponse:
    """Send it a test by the way that alerts take, and say how that went, within 10 s."""
    return answer(addressing.test(acting(request), destination_id, at=now_of(request)))


@router.get("/routes", **tells(RouteView, 422, listed=True, role=Role.ADMIN))
def list_routes(request: HttpRequest, limit: Limit, cursor: Cursor) -> HttpResponse:
    """Routes by name."""
    require(acting(request), Role.ADMIN, "seeing routes")
    return page(queries.routes_page(limit=limit, cursor=cursor or None))


@router.post("/routes", **tells(RouteView, 400, 409, 422, status=201, role=Role.ADMIN))
def add_route(request: HttpRequest, route: NewRoute) -> HttpResponse:
    """Add a route. From the first one on destinations hear only of what a route sends them."""
    row = leading.add(acting(request), route.model_dump(exclude_unset=True), at=now_of(request))
    return answer(queries.route_view(row), status=201, location=f"/api/v1/routes/{row.pk}")


@router.get("/routes/{route_id}", **tells(RouteView, 404, role=Role.ADMIN))
def get_route(request: HttpRequest, route_id: str) -> HttpResponse:
    """One route."""
    require(acting(request), Role.ADMIN, "seeing a route")
    return answer(queries.route_view(queries.route_row(route_id)))


@router.patch("/routes/{route_id}", **tells(RouteView, 400, 404, 409, 422, role=Role.ADMIN))
def set_route(request: HttpRequest, route_id: str, route: ChangedRoute) -> HttpResponse:
    """Change it, or switch it off and on."""
    row = leading.change(acting(request), route_id, route.model_dump(exclude_unset=True), at=now_of(request))
    return answer(queries.route_view(row))


@router.delete("/routes/{route_id}", **tells(None, 404, status=204, role=Role.ADMIN))
def remove_route(request: HttpRequest, route_id: str) -> HttpResponse:
    """Delete it. With the last one gone every destination hears of everything again."""
    leading.remove(acting(request), route_id, at=now_of(request))
    return nothing()


def _destination(kept: addressing.Kept, **how: Any) -> HttpResponse:
    return answer(queries.destination(str(kept.row.pk), kept.warnings), **how)
