"""Answers: structs as JSON, and how a route says in the OpenAPI document what it answers."""

from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse

from breakers.access import Role
from breakers.queries.shapes import Page
from dashboard.api.credentials import credentials

JSON = "application/json"
PROBLEM = "application/problem+json"
encode = msgspec.json.Encoder().encode


def answer(body: object, status: int = 200, location: str = "") -> HttpResponse:
    """A struct as it stands."""
    response = HttpResponse(encode(body), status=status, content_type=JSON)
    if location:
        response["Location"] = location
    return response


def nothing() -> HttpResponse:
    """Done, and nothing to say."""
    return HttpResponse(status=204)


def page(found: Page) -> HttpResponse:
    """One page of a list."""
    return answer(found)


def tells(
    shape: type | None, *problems: int, status: int = 200, listed: bool = False, role: Role = Role.VIEWER
) -> dict[str, Any]:
    """The keywords of a route: the shape that it answers (or a page of it), its problems, and the role that it wants.

    The role is asked for before anything of the request is read; the gerunds ask again, whoever calls them.
    """
    responses: dict[int, Any] = {status: {"description": HTTPStatus(status).phrase}}
    if shape is not None:
        body = {"$ref": f"#/components/schemas/{shape.__name__}"}
        responses[status]["content"] = {JSON: {"schema": _page_of(body) if listed else body}}
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for code in sorted({401, 403, 503, *problems}):
        responses[code] = {"description": HTTPStatus(code).phrase, "content": problem}
    return {
        "auth": credentials(role),
        "response": {status: None},
        "openapi_extra": {"responses": responses, "x-role": role.name.lower()},
    }


def _page_of(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {"items": {"type": "array", "items": item}, "next": {"type": ["string", "null"]}},
    }
