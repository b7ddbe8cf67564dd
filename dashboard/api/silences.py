"""Silences: what is not told for a while, by whom and why."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import ConfigDict, Field, StrictBool, StrictInt

from alerts import rule_queries, silencing
from alerts.shapes import SilenceView
from breakers.access import Role
from dashboard.api.answers import answer, nothing, page, tells
from dashboard.api.credentials import acting
from dashboard.api.parameters import Body, Cursor, Limit, Moment, Text, listed, several
from dashboard.api.rules import Matchers
from dashboard.pages.context import now_of

router = Router(tags=["Silences"])


class NewSilence(Body):
    """A silence to be. `from`: now, where it is not given. `every_days`: it comes again, each time at the same
    hours by the clock of `timezone` (`Europe/Berlin`; UTC where it is not given), also where clocks are put forward or back.
    """

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    matchers: Matchers
    starts_at: Annotated[Moment | None, Field(alias="from")] = None
    ends_at: Annotated[Moment, Field(alias="to")]
    comment: Annotated[Text, Field(max_length=silencing.LONGEST_COMMENT)]
    every_days: StrictInt | None = None
    repeats_until: Moment | None = None
    timezone: Annotated[Text, Field(max_length=silencing.LONGEST_ZONE)] = "UTC"
    until_recovery: StrictBool = False


@router.get("/silences", **tells(SilenceView, 422, listed=True))
def list_silences(
    request: HttpRequest,
    status: Annotated[Text, several("coming, active or over")],
    limit: Limit,
    cursor: Cursor,
) -> HttpResponse:
    """Silences, newest first."""
    return page(rule_queries.silences_page(now_of(request), listed(status), limit=limit, cursor=cursor or None))


@router.post("/silences", **tells(SilenceView, 400, 422, status=201, role=Role.OPERATOR))
def add_silence(request: HttpRequest, silence: NewSilence) -> HttpResponse:
    """Tell nobody for a while. States go on beneath it, and what still holds at its end is told then."""
    row = silencing.silence(
        acting(request),
        {name: value for name, value in silence.matchers.model_dump().items() if value},
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        comment=silence.comment,
        every_days=silence.every_days,
        repeats_until=silence.repeats_until,
        timezone=silence.timezone,
        until_recovery=silence.until_recovery,
        at=now_of(request),
    )
    return answer(rule_queries.silence_view(row, now_of(request)), status=201)


@router.delete("/silences/{silence_id}", **tells(None, 404, 409, status=204, role=Role.OPERATOR))
def end_silence(request: HttpRequest, silence_id: str) -> HttpResponse:
    """End it now."""
    silencing.end(acting(request), silence_id, now_of(request))
    return nothing()
