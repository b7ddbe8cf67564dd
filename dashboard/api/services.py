"""Services and the keys that they post with."""

from typing import Annotated, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from breakers import keys
from breakers.access import Role
from breakers.configuring import configure
from breakers.errors import Conflict
from breakers.models.service import NAME_LENGTH
from breakers.queries import access
from breakers.queries.shapes import ServiceView
from dashboard.api.answers import answer, nothing, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, Limit, Text
from dashboard.api.shapes import AddedKey, AddedService, ConfiguredService
from dashboard.pages.context import now_of

router = Router(tags=["Services"])


class NewService(Body):
    """A service to be."""

    name: Text
    signatures: Literal["off", "optional", "required"] = "off"


class Limited(Body):
    """Limits of a service; null is the default again."""

    requests_per_s: int | None = None
    requests_burst: int | None = None
    events_per_s: int | None = None
    events_burst: int | None = None
    bytes_per_s: int | None = None
    bytes_burst: int | None = None
    breakers: int | None = None
    instances: int | None = None
    text_bytes: int | None = None
    depth: int | None = None


class Redaction(Body):
    """What is kept of its texts: the built-in rules, own patterns beside them, whether messages are kept at all."""

    on: bool = True
    patterns: list[Text] = []
    keep_messages: bool = True


class ServiceSettings(Body):
    """What an admin sets at a service; what is not named stays. Paused: what it posts is refused."""

    paused: bool | None = None
    signatures: Literal["off", "optional", "required"] | None = None
    rotate_secret: bool = False
    limits: Limited | None = None
    redaction: Redaction | None = None


class NewKey(Body):
    """A key to be; the label tells it from the others."""

    label: Annotated[Text, Field(max_length=NAME_LENGTH)] = ""


@router.get("/services", **tells(ServiceView, 422, listed=True))
def list_services(request: HttpRequest, limit: Limit, cursor: Cursor) -> HttpResponse:
    """Services by name; admins also see their keys' public ids."""
    return page(access.services_page(keys=_sees_keys(request), limit=limit, cursor=cursor or None))


@router.post("/services", **tells(AddedService, 400, 409, 422, status=201, role=Role.ADMIN))
def add_service(request: HttpRequest, service: NewService) -> HttpResponse:
    """Add a service. Its first key, and the secret that it signs with, are in the answer, and nowhere else."""
    added = keys.add_service(acting(request), service.name, at=now_of(request), signatures=service.signatures)
    if added.key is None:
        raise Conflict(f"there is a service '{added.service.name}' already")
    return answer(AddedService(added.service.name, added.key, added.signing_secret), status=201)


@router.post("/services/{path:name}/keys", **tells(AddedKey, 400, 404, 409, 422, status=201, role=Role.ADMIN))
def add_key(request: HttpRequest, name: str, key: NewKey | None = None) -> HttpResponse:
    """One more key, at most ten live ones. It is in the answer, and nowhere else."""
    added = keys.add_key(acting(request), name, at=now_of(request), label=key.label if key else "")
    return answer(AddedKey(added.row.key_id, name, added.row.label, added.key), status=201)


@router.delete("/services/{path:name}/keys/{key_id}", **tells(None, 404, status=204, role=Role.ADMIN))
def revoke_key(request: HttpRequest, name: str, key_id: str) -> HttpResponse:
    """End a key: it is refused within 10 s."""
    keys.revoke_key(acting(request), name, key_id, at=now_of(request))
    return nothing()


@router.patch("/services/{path:name}", **tells(ConfiguredService, 400, 404, 422, role=Role.ADMIN))
def set_service(request: HttpRequest, name: str, service: ServiceSettings) -> HttpResponse:
    """Pause a service or let it go on, set its signatures, limits and redaction, rotate its secret; within 5 s it holds.

    A new signing secret is in the answer, and nowhere else; the one before it is taken for 24 hours more.
    """
    done = configure(acting(request), name, service.dict(exclude_unset=True), at=now_of(request))
    view = access.service(name, keys=_sees_keys(request))
    return answer(ConfiguredService(**msgspec.structs.asdict(view), signing_secret=done.signing_secret))


def _sees_keys(request: HttpRequest) -> bool:
    return acting(request).role >= Role.ADMIN
