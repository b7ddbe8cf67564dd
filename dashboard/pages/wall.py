"""The wall: every breaker at a glance, the troubled ones first.

Cards to 60 breakers, rows to 500; beyond that the troubled ones alone, page by page, and the rest as numbers.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from breakers import queries
from breakers.models import Service
from breakers.queries.cards import CardFilter
from breakers.queries.services import counts_by_service
from breakers.queries.shapes import Card
from dashboard.pages.actors import for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.faces import BLANK, Face, face
from dashboard.pages.words import PROBLEMS, WORDS, Tally, sentence, tally, whole

MOST_CARDS, MOST_ROWS, PAGE_SIZE = 60, 500, 200
MOST_SERVICES = 500  # in the filter's list; the text finds the others


@dataclass(frozen=True, slots=True)
class Fold:
    """The closed breakers of one service, folded into one row."""

    service: str
    faces: list[Face]
    calls: str


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A service and its breakers by state."""

    service: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Choice:
    """A state to filter by."""

    state: str
    word: str
    chosen: bool


@for_viewers
@require_safe
def wall(request: HttpRequest) -> HttpResponse:
    """The first page."""
    now = now_of(request)
    where = filter_of(request)
    filtered = where != CardFilter()
    counts = queries.counts(where, now)
    everything = queries.counts(CardFilter(), now) if filtered else counts
    request.board_counts = everything  # type: ignore[attr-defined]  # the bar shows them too
    total = sum(counts.values())
    form = "cards" if total <= MOST_CARDS else "rows" if total <= MOST_ROWS else "problems"
    paged = form == "problems"
    shown = replace(where, states=PROBLEMS) if paged and not where.states else where
    cursor = request.GET.get("cursor") if paged else None
    page = queries.for_wall(shown, now, limit=PAGE_SIZE if paged else MOST_ROWS, cursor=cursor or None)
    cards = [item for item in page.items if isinstance(item, Card)]
    troubled = [face(card, now) for card in cards if card.state != "closed"]
    closed = [card for card in cards if card.state == "closed"]
    context = {
        "form": form,
        "sentence": sentence(counts),
        "tally": tally(counts),
        "total": total,
        "hidden": sum(everything.values()) - total,
        "troubled": troubled,
        "closed": [face(card, now) for card in closed] if form == "cards" else [],
        "folds": list(_folds(closed, now)) if form != "cards" else [],
        "by_service": _by_service(where) if paged else [],
        "blank": BLANK,
        "filtered": filtered,
        "live_filter": _as_query(shown),
        "live_limit": PAGE_SIZE if paged else MOST_ROWS,
        "next": _next_page(request, page.next),
        "q": where.q,
        "states": [Choice(state, word, state in where.states) for state, word in WORDS.items() if state != "gone"],
        "services": list(Service.objects.order_by("name").values_list("name", flat=True)[:MOST_SERVICES]),
        "chosen_service": where.services[0] if where.services else "",
        "dependency": where.dependencies[0] if where.dependencies else "",
        "last_trip": _last_trip(counts),
        "address": settings.SITE_URL,
    }
    return render(request, "wall.html", context)


def filter_of(request: HttpRequest) -> CardFilter:
    """The filter in the URL. A state that we do not know matches nothing, so it is left out here."""
    asked = [state for value in request.GET.getlist("state") for state in value.split(",")]
    return CardFilter(
        states=tuple(state for state in WORDS if state in asked and state != "gone"),
        services=_texts(request, "service"),
        dependencies=_texts(request, "dependency"),
        q=_plain(request.GET.get("q", "")).strip()[:200],
    )


def _texts(request: HttpRequest, name: str) -> tuple[str, ...]:
    return tuple(text for value in request.GET.getlist(name) if (text := _plain(value)))


def _plain(text: str) -> str:
    """Without NUL, which PostgreSQL takes in no text."""
    return text.replace("\x00", "")


def _folds(cards: list[Card], now: datetime) -> Iterable[Fold]:
    by_service = attrgetter("service")
    for service, group in groupby(sorted(cards, key=by_service), key=by_service):
        members = list(group)
        calls = sum(card.calls_1m for card in members)
        yield Fold(service, [face(card, now) for card in members], f"{whole(calls / 60)}/s")


def _by_service(where: CardFilter) -> list[ServiceRow]:
    rows = counts_by_service(where)
    return [ServiceRow(service, tally(counts)) for service, counts in rows.items()]


def _as_query(where: CardFilter) -> str:
    pairs = {
        "state": ",".join(where.states),
        "service": ",".join(where.services),
        "dependency": ",".join(where.dependencies),
        "q": where.q,
    }
    return urlencode({key: value for key, value in pairs.items() if value})


def _next_page(request: HttpRequest, following: str | None) -> str:
    if following is None:
        return ""
    asked = request.GET.copy()
    asked["cursor"] = following
    return asked.urlencode()


def _last_trip(counts: dict[str, int]) -> dict[str, object] | None:
    """What a calm wall remembers: its last outage, once it is over."""
    trip = queries.last_outage() if set(counts) == {"closed"} else None
    return trip if trip and trip["ended_at"] else None
