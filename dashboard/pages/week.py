"""The week by team: what tripped, for how long, what was noisiest; and what people are told of it on Monday."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from alerts import queries, reviewing
from alerts.domain import weeks
from breakers.errors import Invalid
from dashboard.pages.actors import for_viewers
from dashboard.pages.alerts import tabs
from dashboard.pages.context import now_of


@for_viewers
@require_safe
def week(request: HttpRequest) -> HttpResponse:
    """A week; without `from`, the one before this."""
    now = now_of(request)
    this = weeks.monday_of(now.astimezone(UTC))
    start = _monday(request.GET["from"]) if "from" in request.GET else this - weeks.LASTS
    end = start + weeks.LASTS
    context = {
        "tab": "week",
        "tabs": tabs(queries.open_count()),
        "start": start,
        "end": end,
        "before": start - weeks.LASTS,
        "after": end if end <= this else None,
        "lasts": start <= now < end,
        "teams": reviewing.week(start, now),
        "heading": reviewing.HEADING,
    }
    return render(request, "week.html", context)


def _monday(text: str) -> datetime:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return weeks.monday_of(day)
    except (ValueError, OverflowError):
        raise Invalid(("from", f"'{text[:20]}' is no day like 2026-11-23")) from None
