"""Sources: who posts, how well, and what was refused of it."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from breakers import queries
from breakers.queries.shapes import ServiceSources
from dashboard.api.answers import page, tells
from dashboard.api.parameters import Cursor, Limit, Text
from dashboard.pages.context import now_of

router = Router(tags=["Sources"])


@router.get("/sources", **tells(ServiceSources, 422, listed=True))
def list_sources(
    request: HttpRequest,
    service: Annotated[Text, Query("", description="this service alone, with all its instances")],
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """Services by name, each instance as a poster: heard, rate, duplicates, gaps, clock; and the last requests refused."""
    return page(queries.sources_page(now_of(request), service=service, limit=limit, cursor=cursor or None))
