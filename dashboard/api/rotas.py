"""Rotas: who is on call now and next, overrides, and how people are reached."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import ConfigDict, Field, StrictInt

from alerts import rostering, rota_queries
from alerts.rota_shapes import DutyView, OverrideView, PersonView, RotaView
from breakers.access import Role
from dashboard.api.answers import answer, nothing, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, From, Limit, Moment, Text, To
from dashboard.pages.context import now_of

router = Router(tags=["On call"])

AHEAD = timedelta(days=14)


class RotaLayer(Body):
    """People who take turns, by the names that they sign in with, in their order; `hours` null: always."""

    people: list[Text]
    since: Text
    at: Text = "09:00"
    every_days: StrictInt = 7
    hours: dict[str, Any] | None = None


class ChangedRota(Body):
    """What is not given stays as it is. `calendar` is a text, `calendar_url` an address; null takes either away."""

    name: Text | None = None
    timezone: Text | None = None
    layers: list[RotaLayer] | None = None
    fallback: list[Text] | None = None
    calendar: Text | None = None
    calendar_url: Text | None = None


class NewRota(ChangedRota):
    """A rota to be."""

    name: Text
    fallback: list[Text]


class NewOverride(Body):
    """Someone on call in another's place. `from`: now, where it is not given."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    person: Text
    begins_at: Annotated[Moment | None, Field(alias="from")] = None
    ends_at: Annotated[Moment, Field(alias="to")]
    comment: Annotated[Text, Field(max_length=rostering.LONGEST_COMMENT)] = ""


class ChangedPerson(Body):
    """What is not given stays as it is."""

    destinations: list[Text] | None = None
    names: list[Text] | None = None


class DutiesView(msgspec.Struct, frozen=True):
    """Who is on call from a moment to another, without a hole."""

    items: list[DutyView]


@router.get("/rotas", **tells(RotaView, 422, listed=True))
def list_rotas(request: HttpRequest, limit: Limit, cursor: Cursor) -> HttpResponse:
    """Rotas by name, with who is on call now and next, and where nobody is."""
    return page(rota_queries.rotas_page(now_of(request), limit=limit, cursor=cursor or None))


@router.post("/rotas", **tells(RotaView, 400, 409, 422, status=201, role=Role.ADMIN))
def add_rota(request: HttpRequest, rota: NewRota) -> HttpResponse:
    """Add a rota. A route leads to it as `rota:<id>`, among its destinations or those of a step."""
    row = rostering.add(acting(request), _given(rota), at=now_of(request))
    return answer(rota_queries.rota(row, now_of(request)), status=201, location=f"/api/v1/rotas/{row.pk}")


@router.get("/rotas/{rota_id}", **tells(RotaView, 404))
def get_rota(request: HttpRequest, rota_id: str) -> HttpResponse:
    """One rota."""
    return answer(rota_queries.rota(rota_queries.row_of(rota_id), now_of(request)))


@router.patch("/rotas/{rota_id}", **tells(RotaView, 400, 404, 409, 422, role=Role.ADMIN))
def set_rota(request: HttpRequest, rota_id: str, rota: ChangedRota) -> HttpResponse:
    """Change it. A calendar is read at once, and one with an address each quarter of an hour."""
    row = rostering.change(acting(request), rota_id, _given(rota), at=now_of(request))
    return answer(rota_queries.rota(row, now_of(request)))


@router.delete("/rotas/{rota_id}", **tells(None, 404, 409, status=204, role=Role.ADMIN))
def remove_rota(request: HttpRequest, rota_id: str) -> HttpResponse:
    """Delete it, with its overrides. 409 while a route leads to it."""
    rostering.remove(acting(request), rota_id, at=now_of(request))
    return nothing()


@router.get("/rotas/{rota_id}/duties", **tells(DutiesView, 404, 422))
def list_duties(request: HttpRequest, rota_id: str, begins: From, ends: To) -> HttpResponse:
    """Who is on call from a moment to another: from now for two weeks, where they are not given."""
    begins = begins or now_of(request)
    row = rota_queries.row_of(rota_id)
    return answer(DutiesView(rota_queries.duties(row, begins, ends or begins + AHEAD)))


@router.post("/rotas/{rota_id}/overrides", **tells(OverrideView, 400, 404, 422, status=201, role=Role.OPERATOR))
def add_override(request: HttpRequest, rota_id: str, override: NewOverride) -> HttpResponse:
    """Put someone on call in the place of whoever it would be."""
    row = rostering.override(
        acting(request),
        rota_id,
        override.person,
        begins_at=override.begins_at,
        ends_at=override.ends_at,
        comment=override.comment,
        at=now_of(request),
    )
    return answer(rota_queries.override_view(row), status=201)


@router.delete("/rotas/{rota_id}/overrides/{override_id}", **tells(None, 404, 409, status=204, role=Role.OPERATOR))
def end_override(request: HttpRequest, rota_id: str, override_id: str) -> HttpResponse:
    """Take an override back: one that lasts ends now."""
    rostering.end_override(acting(request), rota_id, override_id, at=now_of(request))
    return nothing()


@router.get("/people", **tells(PersonView, 422, listed=True))
def list_people(request: HttpRequest, limit: Limit, cursor: Cursor) -> HttpResponse:
    """Who signs in here, and how they are reached when on call."""
    return page(rota_queries.people_page(limit=limit, cursor=cursor or None))


@router.patch("/people/{name}", **tells(PersonView, 400, 404, 422, role=Role.ADMIN))
def set_person(request: HttpRequest, name: str, person: ChangedPerson) -> HttpResponse:
    """Say by which destinations someone is reached, and what calendars call them."""
    rostering.reach(acting(request), name, _given(person), at=now_of(request))
    return answer(rota_queries.person(name))


def _given(body: Body) -> dict[str, Any]:
    """What the body holds, without what it left out; null means something for a calendar alone."""
    told = body.model_dump(exclude_unset=True)
    return {name: value for name, value in told.items() if value is not None or name.startswith("calendar")}
