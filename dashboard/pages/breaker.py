"""A breaker's page: where it stands, how it came there, and what can be done about it."""

from datetime import timedelta

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from alerts.breaker_queries import standing
from breakers import queries
from breakers.queries.breaker_page import News, Stretch, breaker_news, breaker_page, breaker_range
from breakers.queries.breaker_page import Range as Told
from breakers.queries.shapes import EventView, Timeline
from dashboard.charts import timeline as chart
from dashboard.charts.buckets import has_latency
from dashboard.charts.export import timeline_html
from dashboard.charts.marks import mark_words
from dashboard.charts.table import summary, table
from dashboard.pages import configs
from dashboard.pages.actors import for_viewers
from dashboard.pages.before import changed_before
from dashboard.pages.context import now_of
from dashboard.pages.diagram import diagram
from dashboard.pages.faces import face
from dashboard.pages.odd import odd_sentence
from dashboard.pages.orders import OrderForm, doors, reach, reached, siblings
from dashboard.pages.past import travel
from dashboard.pages.patterns import patterns
from dashboard.pages.ranges import RANGES, Range, around, range_of
from dashboard.pages.reasons import reason_sentence
from dashboard.pages.words import moment

MOST_EVENTS = 20
EVENTS_LOOKED_AT = 200
ROUTINE = ("heartbeat", "success")
MOST_COMMANDS = 10
MOST_ALERTS = 5
POINTS = 300
SHORTEST = timedelta(minutes=1)
# A lane for each instance, in ranges in which not every pod has been replaced several times.
LONGEST_WITH_LANES_S = 7 * 86_400


@for_viewers
@require_safe
def breaker(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The page."""
    past = travel(request)
    now = now_of(request)
    asked = range_of(request.GET, now)
    told = breaker_page(breaker_id, _stretch(asked), now, events=EVENTS_LOOKED_AT, present=past.now if past else None)
    if told.counts is not None:
        request.board_counts = told.counts  # type: ignore[attr-defined]  # the bar shows them too
    news, details = told.news, told.news.details
    why = news.opening.why
    stands = None if past else standing(details.card, now, limit=MOST_ALERTS)
    context = {
        "past": past,
        "details": details,
        "card": details.card,
        "face": face(details.card, now),
        "odd": odd_sentence(details.instances),
        "diagram": diagram(details, now),
        "why": why,
        "reason": reason_sentence(why) if why else "",
        "before": changed_before(details.card, news.opening),
        "ranges": RANGES,
        "range": asked,
        **_drawn(told.range),
        "last_mark": news.last_mark,
        "trips": news.trips,
        "settings": configs.changes(news.settings),
        "config_told": configs.told(details.config),
        "events": _telling(news.events),
        "commands": [] if past else queries.commands_of(breaker_id, limit=MOST_COMMANDS),
        "standing": stands,
        "told_now": [alert for alert in stands.alerts if not alert.over] if stands else [],
        "doors": [] if past else doors(details),
        "form": OrderForm("reset"),
        "reach": reach(details),
        "siblings": [] if past else siblings(details.card, now),
    }
    return render(request, "breaker.html", context)


@for_viewers
@require_safe
def timeline_json(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The figure of the timeline, its sentence, its table, and what else the page says of its range."""
    asked, told = _range(request, breaker_id)
    answer = {
        "range": asked.name,
        "query": asked.query,
        "first": asked.first,
        "length": asked.length,
        "from": asked.begins,
        "to": asked.ends,
        "width_s": told.line.width_s,
        "figure": chart.figure(told.line, told.details.card.failure_rate_threshold, told.marks),
        **_drawn(told),
    }
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


@for_viewers
@require_safe
def timeline_file(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The timeline as one HTML file that needs no network."""
    asked, told = _range(request, breaker_id)
    card = told.details.card
    response = HttpResponse(timeline_html(card, told.line, told.marks))
    name = slugify(f"{card.service} {card.name}") or "breaker"
    stamp = moment(told.line.to).strftime("%Y%m%dT%H%MZ")
    response["Content-Disposition"] = f'attachment; filename="{name}-{asked.name}-{stamp}.html"'
    return response


@for_viewers
@require_safe
def news_json(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """What the socket does not carry: the last events, why it opened, where it stands, and the neighbours in trouble."""
    now = now_of(request)
    news = breaker_news(breaker_id, now, events=EVENTS_LOOKED_AT)
    details = news.details
    answer = {
        **_worded(news),
        "standing": standing(details.card, now, limit=MOST_ALERTS),
        "siblings": siblings(details.card, now),
        "doors": doors(details),
        "reach": reached(details),
        "last_probe_failed_at": details.last_probe_failed_at,
        "last_mark": news.last_mark,
    }
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


@for_viewers
@require_safe
def past_json(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """What moves on the page while the past is played: all that the page says of a moment."""
    past, now = travel(request), now_of(request)
    moment_alone = Stretch(now - SHORTEST, now, 1, False)
    present = past.now if past else now
    told = breaker_page(breaker_id, moment_alone, now, events=EVENTS_LOOKED_AT, present=present)
    answer = {"details": told.news.details, "news": _worded(told.news), "counts": told.counts}
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


def _worded(news: News) -> dict[str, object]:
    """What the page says of what happened, in words that the server and the script share."""
    why = news.opening.why
    return {
        "events": _telling(news.events),
        "why": why,
        "reason": reason_sentence(why) if why else "",
        "before": changed_before(news.details.card, news.opening),
        "odd": odd_sentence(news.details.instances),
        "trips": news.trips,
        "settings": {"told": configs.told(news.details.config), "changes": configs.changes(news.settings)},
    }


def _range(request: HttpRequest, breaker_id: str) -> tuple[Range, Told]:
    past = travel(request)
    now = now_of(request)
    asked = range_of(request.GET, now)
    return asked, breaker_range(breaker_id, _stretch(asked), now, past.now if past else None)


def _stretch(asked: Range) -> Stretch:
    lanes = (asked.end - asked.start).total_seconds() <= LONGEST_WITH_LANES_S
    return Stretch(asked.start, asked.end, POINTS, lanes)


def _drawn(told: Told) -> dict[str, object]:
    """What the page says of a range, beside its figure."""
    line, failing = told.line, told.failing
    return {
        "summary": summary(line),
        "rows": table(line),
        "patterns": patterns(line, told.details.config),
        "marks": [{"at": mark.at, "words": mark_words(mark), "url": mark.url} for mark in told.marks],
        "failures": failing.failures,
        "earlier": failing.earlier,
        "earlier_query": around(moment(failing.earlier)) if failing.earlier else "",
        "notes": _notes(line),
    }


def _notes(line: Timeline) -> list[str]:
    """What the figure leaves out, and why."""
    hidden = len(line.lanes or []) - len(chart.shown_lanes(line))
    notes = [f"{hidden} more instances have no lane: those longest in trouble do."] if hidden > 0 else []
    return notes if has_latency(line) else [*notes, chart.NO_LATENCY]


def _telling(newest: list[EventView]) -> list[EventView]:
    """The last events that say more than "still here"; where there are none, the last ones."""
    # Looked for among the newest alone: a calm breaker may have millions of the others.
    return ([event for event in newest if event.type not in ROUTINE] or newest)[:MOST_EVENTS]
