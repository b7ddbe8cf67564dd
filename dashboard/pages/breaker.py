"""A breaker's page: where it stands, how it came there, and what can be done about it."""

from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

import alerts.queries
from breakers import queries
from breakers.queries.shapes import Details, EventView, Timeline
from dashboard.charts import timeline as chart
from dashboard.charts.export import timeline_html
from dashboard.pages.actors import for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.diagram import diagram
from dashboard.pages.faces import face
from dashboard.pages.orders import OrderForm, doors, reach, siblings
from dashboard.pages.reasons import reason_sentence
from dashboard.pages.words import moment

MOST_EVENTS = 20
EVENTS_LOOKED_AT = 200
ROUTINE = ("heartbeat", "success")
MOST_COMMANDS = 10
MOST_ALERTS = 5
POINTS = 300


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time that ends now, by its name in the URL."""

    name: str
    words: str
    length: timedelta


RANGES = (
    Range("15m", "15 min", timedelta(minutes=15)),
    Range("1h", "1 h", timedelta(hours=1)),
    Range("6h", "6 h", timedelta(hours=6)),
    Range("24h", "24 h", timedelta(hours=24)),
    Range("7d", "7 d", timedelta(days=7)),
)


@for_viewers
@require_safe
def breaker(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The page."""
    now = now_of(request)
    details = queries.details(breaker_id, now)
    why = queries.why_opened(breaker_id, now)
    line = _timeline(request, breaker_id)
    context = {
        "details": details,
        "card": details.card,
        "face": face(details.card, now),
        "live": [copy for copy in details.instances if copy.left_at is None],
        "rule": _rule(details),
        "diagram": diagram(details, now),
        "why": why,
        "reason": reason_sentence(why) if why else "",
        "ranges": RANGES,
        "range": _range_of(request),
        "summary": chart.summary(line),
        "rows": chart.table(line),
        "events": _events(breaker_id),
        "commands": queries.commands_of(breaker_id, limit=MOST_COMMANDS),
        "alerts": alerts.queries.for_breaker(breaker_id, limit=MOST_ALERTS),
        "doors": doors(details),
        "form": OrderForm("reset"),
        "reach": reach(details),
        "siblings": siblings(details.card, now),
    }
    return render(request, "breaker.html", context)


@for_viewers
@require_safe
def timeline_json(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The figure of the failure timeline, its sentence and its table."""
    card = queries.card(breaker_id, now_of(request))
    line = _timeline(request, breaker_id)
    answer = {
        "range": _range_of(request).name,
        "width_s": line.width_s,
        "summary": chart.summary(line),
        "figure": chart.figure(line, card.failure_rate_threshold),
        "rows": chart.table(line),
    }
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


@for_viewers
@require_safe
def timeline_file(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The failure timeline as one HTML file that needs no network."""
    card = queries.card(breaker_id, now_of(request))
    line = _timeline(request, breaker_id)
    response = HttpResponse(timeline_html(card, line))
    name = slugify(f"{card.service} {card.name}") or "breaker"
    stamp = moment(line.to).strftime("%Y%m%dT%H%MZ")
    response["Content-Disposition"] = f'attachment; filename="{name}-{_range_of(request).name}-{stamp}.html"'
    return response


@for_viewers
@require_safe
def news_json(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """What the socket does not carry: the last events, why it opened, the alerts, and the neighbours in trouble."""
    now = now_of(request)
    why = queries.why_opened(breaker_id, now)
    answer = {
        "events": _events(breaker_id),
        "why": why,
        "reason": reason_sentence(why) if why else "",
        "alerts": alerts.queries.for_breaker(breaker_id, limit=MOST_ALERTS),
        "siblings": siblings(queries.card(breaker_id, now), now),
    }
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


def _events(breaker_id: str) -> list[object]:
    """The last events that say more than "still here"; where there are none, the last ones."""
    # Looked for among the newest alone: a calm breaker may have millions of the others.
    newest = queries.events(breaker_id, limit=EVENTS_LOOKED_AT).items
    telling: list[object] = [event for event in newest if isinstance(event, EventView) and event.type not in ROUTINE]
    return (telling or newest)[:MOST_EVENTS]


def _timeline(request: HttpRequest, breaker_id: str) -> Timeline:
    now = now_of(request)
    return queries.timeline(breaker_id, now - _range_of(request).length, now, now, points=POINTS)


def _range_of(request: HttpRequest) -> Range:
    asked = request.GET.get("range", "")
    return next((each for each in RANGES if each.name == asked), RANGES[1])


def _rule(details: Details) -> str:
    said = {"any": "any instance", "majority": "the majority", "all": "all instances"}
    total = sum(details.card.instances.values())
    return f"{said[details.card.headline]} of {total}"
