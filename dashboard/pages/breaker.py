"""A breaker's page: where it stands, how it came there, and what can be done about it."""

from datetime import datetime

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

import alerts.queries
from breakers import queries
from breakers.queries import history
from breakers.queries.annotations import Scope, annotations, last_mark
from breakers.queries.past import counts_at, details_at
from breakers.queries.shapes import AnnotationView, Card, Details, EventView, Timeline
from dashboard.charts import timeline as chart
from dashboard.charts.buckets import has_latency
from dashboard.charts.export import timeline_html
from dashboard.charts.marks import mark_words
from dashboard.charts.table import summary, table
from dashboard.pages.actors import for_viewers
from dashboard.pages.before import changed_before
from dashboard.pages.context import now_of
from dashboard.pages.diagram import diagram
from dashboard.pages.faces import face
from dashboard.pages.odd import odd_sentence
from dashboard.pages.orders import OrderForm, doors, reach, siblings
from dashboard.pages.past import Past, travel
from dashboard.pages.patterns import patterns
from dashboard.pages.ranges import RANGES, Range, range_of
from dashboard.pages.reasons import reason_sentence
from dashboard.pages.words import moment

MOST_EVENTS = 20
EVENTS_LOOKED_AT = 200
ROUTINE = ("heartbeat", "success")
MOST_COMMANDS = 10
MOST_ALERTS = 5
POINTS = 300
# A lane for each instance, in ranges in which not every pod has been replaced several times.
LONGEST_WITH_LANES_S = 7 * 86_400


@for_viewers
@require_safe
def breaker(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The page."""
    past = travel(request)
    now = now_of(request)
    details = _details(breaker_id, past, now)
    if past:
        request.board_counts = counts_at(now)  # type: ignore[attr-defined]  # the bar shows them too
    why = queries.why_opened(breaker_id, now)
    asked = range_of(request.GET, now)
    line = _timeline(breaker_id, asked, request)
    context = {
        "past": past,
        "details": details,
        "card": details.card,
        "face": face(details.card, now),
        "live": [copy for copy in details.instances if copy.left_at is None],
        "odd": odd_sentence(details.instances),
        "rule": _rule(details),
        "diagram": diagram(details, now),
        "why": why,
        "reason": reason_sentence(why) if why else "",
        "before": changed_before(details.card, why),
        "ranges": RANGES,
        "range": asked,
        **_drawn(details.card, asked, line, details.config),
        "last_mark": last_mark(_scope(details.card)),
        "trips": history.trips(breaker_id, now),
        "settings": history.settings_history(breaker_id, now),
        "events": _events(breaker_id, now if past else None),
        "commands": [] if past else queries.commands_of(breaker_id, limit=MOST_COMMANDS),
        "alerts": [] if past else alerts.queries.for_breaker(breaker_id, limit=MOST_ALERTS),
        "doors": [] if past else doors(details),
        "form": OrderForm("reset"),
        "reach": reach(details),
        "siblings": siblings(details.card, now),
    }
    return render(request, "breaker.html", context)


@for_viewers
@require_safe
def timeline_json(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The figure of the timeline, its sentence, its table, and what else the page says of its range."""
    past = travel(request)
    now = now_of(request)
    asked = range_of(request.GET, now)
    details = _details(breaker_id, past, now)
    card = details.card
    line = _timeline(breaker_id, asked, request)
    marks = _marks(card, asked)
    answer = {
        "range": asked.name,
        "query": asked.query,
        "from": asked.begins,
        "to": asked.ends,
        "width_s": line.width_s,
        "figure": chart.figure(line, card.failure_rate_threshold, marks),
        **_drawn(card, asked, line, details.config),
    }
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


@for_viewers
@require_safe
def timeline_file(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The timeline as one HTML file that needs no network."""
    past = travel(request)
    now = now_of(request)
    asked = range_of(request.GET, now)
    card = _details(breaker_id, past, now).card
    line = _timeline(breaker_id, asked, request)
    response = HttpResponse(timeline_html(card, line, _marks(card, asked)))
    name = slugify(f"{card.service} {card.name}") or "breaker"
    stamp = moment(line.to).strftime("%Y%m%dT%H%MZ")
    response["Content-Disposition"] = f'attachment; filename="{name}-{asked.name}-{stamp}.html"'
    return response


@for_viewers
@require_safe
def news_json(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """What the socket does not carry: the last events, why it opened, the alerts, and the neighbours in trouble."""
    now = now_of(request)
    why = queries.why_opened(breaker_id, now)
    details = queries.details(breaker_id, now)
    answer = {
        "events": _events(breaker_id),
        "why": why,
        "reason": reason_sentence(why) if why else "",
        "before": changed_before(details.card, why),
        "odd": odd_sentence(details.instances),
        "trips": history.trips(breaker_id, now),
        "alerts": alerts.queries.for_breaker(breaker_id, limit=MOST_ALERTS),
        "siblings": siblings(details.card, now),
        "last_mark": last_mark(_scope(details.card)),
    }
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


def _drawn(card: Card, asked: Range, line: Timeline, config: dict[str, object]) -> dict[str, object]:
    """What the page says of a range, beside its figure."""
    failing = history.failures(card.id, asked.start, asked.end)
    return {
        "summary": summary(line),
        "rows": table(line),
        "patterns": patterns(line, config),
        "marks": [{"at": mark.at, "words": mark_words(mark), "url": mark.url} for mark in _marks(card, asked)],
        "failures": failing,
        "earlier": None if failing.groups else history.last_failure_before(card.id, asked.start),
        "notes": _notes(line),
    }


def _notes(line: Timeline) -> list[str]:
    """What the figure leaves out, and why."""
    hidden = len(line.lanes or []) - len(chart.shown_lanes(line))
    notes = [f"{hidden} more instances have no lane: those longest in trouble do."] if hidden > 0 else []
    return notes if has_latency(line) else [*notes, chart.NO_LATENCY]


def _marks(card: Card, asked: Range) -> list[AnnotationView]:
    return annotations(_scope(card), asked.start, asked.end)


def _scope(card: Card) -> Scope:
    return Scope(card.service, card.name, card.dependency)


def _details(breaker_id: str, past: Past | None, now: datetime) -> Details:
    return details_at(breaker_id, past.at, past.now) if past else queries.details(breaker_id, now)


def _events(breaker_id: str, end: datetime | None = None) -> list[object]:
    """The last events that say more than "still here"; where there are none, the last ones."""
    # Looked for among the newest alone: a calm breaker may have millions of the others.
    newest = queries.events(breaker_id, end=end, limit=EVENTS_LOOKED_AT).items
    telling: list[object] = [event for event in newest if isinstance(event, EventView) and event.type not in ROUTINE]
    return (telling or newest)[:MOST_EVENTS]


def _timeline(breaker_id: str, asked: Range, request: HttpRequest) -> Timeline:
    lanes = (asked.end - asked.start).total_seconds() <= LONGEST_WITH_LANES_S
    return queries.timeline(breaker_id, asked.start, asked.end, now_of(request), points=POINTS, lanes=lanes)


def _rule(details: Details) -> str:
    said = {"any": "any instance", "majority": "the majority", "all": "all instances"}
    total = sum(details.card.instances.values())
    return f"{said[details.card.headline]} of {total}"
