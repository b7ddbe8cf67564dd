"""The raw events of a breaker, page by page, each as it is kept."""

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from breakers import queries
from breakers.domain.reports import TYPES
from dashboard.pages.actors import for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.ranges import moment_of
from dashboard.pages.said import event_word

PAGE_SIZE = 50


@for_viewers
@require_safe
def events(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The list, newest first; of one type and up to one moment where the URL says so."""
    asked = request.GET.get("type", "")
    kind = asked if asked in TYPES else ""
    before = moment_of(request.GET.get("before", ""))
    found = queries.events(
        breaker_id,
        types=(kind,) if kind else (),
        end=before,
        limit=PAGE_SIZE,
        cursor=request.GET.get("cursor") or None,
    )
    following = request.GET.copy()
    following["cursor"] = found.next or ""
    context = {
        "card": queries.card(breaker_id, now_of(request)),
        "events": [(event, _json(event)) for event in found.items],
        "types": [(name, event_word(name)) for name in TYPES],
        "chosen": kind,
        "before": f"{before:%Y-%m-%dT%H:%M:%S}" if before else "",
        "next": following.urlencode() if found.next else "",
        "first": not request.GET.get("cursor"),
    }
    return render(request, "events.html", context)


def _json(event: object) -> str:
    return msgspec.json.format(msgspec.json.encode(event), indent=2).decode()
