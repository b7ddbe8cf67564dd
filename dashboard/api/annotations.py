"""Annotations: marks on the timelines, by operators and by the services themselves."""

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.errors import AuthenticationError
from ninja.params.functions import Query
from ninja.security import HttpBearer

from breakers import annotating, keys
from breakers.access import Actor, Role
from breakers.annotating import Mark
from breakers.errors import Invalid, NotAllowed
from breakers.models import Service
from breakers.models.annotation import KINDS
from breakers.queries.annotations import Scope, annotations_page, shown
from breakers.queries.shapes import AnnotationView
from breakers.signing import require_signed
from dashboard.api.answers import answer, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, From, Limit, Moment, Text, To, listed, several
from dashboard.pages.actors import address_of
from dashboard.pages.context import now_of

router = Router(tags=["Annotations"])


class IngestKey(HttpBearer):
    """`Authorization: Bearer bbk_…`: a service, for itself."""

    def __call__(self, request: HttpRequest) -> Actor | None:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        text = text.strip()
        return self.authenticate(request, text) if kind.lower() == "bearer" and text.startswith("bbk_") else None

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        """The service as an actor without a role. Errors: AuthenticationError, NotAllowed (paused), BadSignature."""
        now = now_of(request)
        owner = keys.check_key(token, now, address_of(request))
        if owner is None:
            raise AuthenticationError(message="the ingest key is unknown or revoked")
        if owner.paused:
            raise NotAllowed("the service is paused: its marks are not taken until it is resumed")
        if owner.signing is not None:
            told = {
                name.lower().encode(): value.encode("latin-1", "replace") for name, value in request.headers.items()
            }
            require_signed(owner.signing, told, request.body, now)
        name = Service.objects.values_list("name", flat=True).get(pk=owner.service_id)
        request.key_service = name  # type: ignore[attr-defined]
        return Actor(name, Role.NONE, address_of(request))


class NewMark(Body):
    """A mark to be. Without `service`, `breaker` and `dependency` it stands on every timeline; by an ingest key on its service's."""

    kind: Literal["deploy", "config", "chaos", "maintenance", "note"]
    title: Text
    at: Moment | None = None
    until: Moment | None = None
    service: Text | None = None
    breaker: Text | None = None
    dependency: Text | None = None
    url: Text | None = None


@router.get("/annotations", **tells(AnnotationView, 422, listed=True))
def list_annotations(
    request: HttpRequest,
    kind: Annotated[Text, several(f"one of {', '.join(KINDS)}")],
    service: Annotated[Text, Query("", description="those that hold for this service")],
    breaker: Annotated[Text, Query("", description="those that hold for breakers of this name")],
    dependency: Annotated[Text, Query("", description="those that hold for this dependency")],
    start: From,
    end: To,
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """Marks that touch the range, newest first. One that names no service holds for all of them, and so on."""
    kinds = listed(kind)
    for name in kinds:
        if name not in KINDS:
            raise Invalid(("kind", f"unknown kind '{name[:60]}'; expected one of {', '.join(KINDS)}"))
    scope = Scope(service, breaker, dependency)
    return page(annotations_page(scope, kinds=kinds, start=start, end=end, limit=limit, cursor=cursor or None))


_TOLD = tells(AnnotationView, 400, 422, 429, status=201, role=Role.OPERATOR)


@router.post("/annotations", **{**_TOLD, "auth": [IngestKey(), *_TOLD["auth"]]})
def add_annotation(request: HttpRequest, mark: NewMark) -> HttpResponse:
    """Set a mark: by an operator, or with an ingest key for the key's own service."""
    now: datetime = now_of(request)
    wanted = Mark(
        mark.kind,
        mark.title,
        mark.at,
        mark.until,
        mark.service or "",
        mark.breaker or "",
        mark.dependency or "",
        mark.url or "",
    )
    service: str | None = getattr(request, "key_service", None)
    if service is None:
        row = annotating.annotate(acting(request), wanted, at=now)
    else:
        row = annotating.annotate_own(acting(request), service, wanted, at=now)
    return answer(shown(row), status=201)
