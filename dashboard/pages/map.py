"""The map of services and what they call, and the page of one dependency: who calls it, who is cut off from it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from breakers.domain.rates import rate
from breakers.queries.annotations import Scope, annotations
from breakers.queries.map import RANK, REFUSING, Edge, callers, calls_of, edges
from breakers.queries.past import edges_at
from breakers.queries.shapes import AnnotationView, Card
from breakers.times import rfc3339
from dashboard.charts.marks import mark_words
from dashboard.pages.actors import for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.faces import Face, face
from dashboard.pages.past import travel
from dashboard.pages.words import percent, whole, word

MARKED = timedelta(hours=24)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Row:
    """An edge in words. `said`: its breakers by state, where they differ."""

    service: str
    dependency: str
    state: str
    word: str
    since: str
    said: str
    failing: str
    refused: int
    href: str


@for_viewers
@require_safe
def map_page(request: HttpRequest) -> HttpResponse:
    """The drawing and its twin as a list."""
    where = _where(request)
    found = _found(request)
    past = travel(request)
    then = {"at": rfc3339(past.at)} if past else {}
    if past:
        request.board_counts = _counts(_found(request, everything=True))  # type: ignore[attr-defined]  # the bar shows them too
    context = {
        "past": past,
        "rows": [row(edge) for edge in sorted(found, key=lambda edge: (RANK[edge.state], edge.since))],
        "sentence": sentence(found),
        "q": where.q,
        "only": where.only,
        "source": f"{reverse('map-json')}?{urlencode(where.query | then)}",
    }
    return render(request, "map.html", context)


@for_viewers
@require_safe
def map_json(request: HttpRequest) -> HttpResponse:
    """The edges, for the drawing."""
    found = _found(request)
    answer: dict[str, object] = {"sentence": sentence(found), "edges": [row(edge) for edge in found]}
    if travel(request):
        # The bar of a page that plays the past shows the counts of then.
        answer["counts"] = _counts(_found(request, everything=True))
    return HttpResponse(msgspec.json.encode(answer), content_type=JSON)


@for_viewers
@require_safe
def dependency(request: HttpRequest) -> HttpResponse:
    """One dependency."""
    now = now_of(request)
    name = _plain(request.GET.get("name", ""))
    cards = callers(name, now)
    own = calls_of(name, now)
    if not cards and not own:
        raise Http404(f"nothing calls '{name}'")
    context = {
        "name": name,
        "sentence": cut_off_sentence(cards),
        "since": _cut_off_since(cards),
        "state": cards[0].state if cards else own[0].state,
        "faces": _faces(cards, now),
        "own": _faces(own, now),
        "marks": _marks(name, now),
        "source": f"{reverse('dependency-json')}?{urlencode({'name': name})}",
    }
    return render(request, "dependency.html", context)


@for_viewers
@require_safe
def dependency_json(request: HttpRequest) -> HttpResponse:
    """What changes on the page of a dependency."""
    now, name = now_of(request), _plain(request.GET.get("name", ""))
    cards = callers(name, now)
    answer = {
        "sentence": cut_off_sentence(cards),
        "since": _cut_off_since(cards),
        "cards": cards,
        "own": calls_of(name, now),
        "marks": [{"at": mark.at, "words": words, "url": mark.url} for mark, words in _marks(name, now)],
    }
    return HttpResponse(msgspec.json.encode(answer), content_type=JSON)


def row(edge: Edge) -> Row:
    """An edge in words."""
    states = sorted(edge.counts, key=lambda state: RANK[state])
    said = ", ".join(f"{whole(edge.counts[state])} {word(state).lower()}" for state in states)
    pair = urlencode({"service": edge.service, "dependency": edge.dependency})
    return Row(
        service=edge.service,
        dependency=edge.dependency,
        state=edge.state,
        word=word(edge.state),
        since=edge.since,
        said=said if edge.total > 1 else "",
        failing=percent(rate(edge.failures_1m, edge.calls_1m)),
        refused=edge.rejected_1m,
        href=reverse("breaker", args=[edge.breaker_id]) if edge.total == 1 else f"{reverse('wall')}?{pair}",
    )


def sentence(found: Sequence[Edge]) -> str:
    """`3 of 41 ways are cut (1 of them in part), to payments-db and search-es.`"""
    touched = [edge for edge in found if edge.state in REFUSING]
    cut = [edge for edge in touched if edge.counts.keys() <= set(REFUSING)]
    if not found:
        return "Nothing is drawn yet."
    ways = "way" if len(found) == 1 else "ways"
    if not touched:
        return f"No way is cut, of {whole(len(found))} {ways}."
    names = sorted({edge.dependency for edge in touched})
    to = names[0] if len(names) == 1 else f"{', '.join(names[:2])} and {len(names) - 2} more"
    to = " and ".join(names) if len(names) == 2 else to
    are = "is" if len(touched) == 1 else "are"
    part = len(touched) - len(cut)
    within = "" if not part else " in part" if not cut else f" ({whole(part)} of them in part)"
    return f"{whole(len(touched))} of {whole(len(found))} {ways} {are} cut{within}, to {to}."


def cut_off_sentence(cards: Sequence[Card]) -> str:
    """`2 of 5 services are cut off from it: orders, checkout.`"""
    services = sorted({card.service for card in cards})
    cut = sorted({card.service for card in cards if card.state in REFUSING})
    # Other breakers of theirs let calls through.
    part = {card.service for card in cards if card.state not in REFUSING} & set(cut)
    if not services:
        return "No breaker guards calls to it."
    if not cut:
        return "Nobody is cut off from it."
    named = ", ".join(cut[:5]) + (f" and {len(cut) - 5} more" if len(cut) > 5 else "")
    verb = "is" if len(cut) == 1 else "are"
    within = "" if not part else " in part" if len(part) == len(cut) else f" ({len(part)} of them in part)"
    return f"{len(cut)} of {len(services)} {'service' if len(services) == 1 else 'services'} {verb} cut off from it{within}: {named}."


@dataclass(frozen=True, slots=True)
class _Where:
    """Which edges."""

    q: str
    only: bool

    @property
    def query(self) -> dict[str, str]:
        pairs = {"q": self.q, "only": "troubled" if self.only else ""}
        return {key: value for key, value in pairs.items() if value}

    def matches(self, edge: Edge) -> bool:
        needle = self.q.casefold()
        text = f"{edge.service}\n{edge.dependency}".casefold()
        return needle in text and not (self.only and edge.state == "closed")


def _where(request: HttpRequest) -> _Where:
    return _Where(_plain(request.GET.get("q", "")).strip()[:200], request.GET.get("only") == "troubled")


def _found(request: HttpRequest, *, everything: bool = False) -> list[Edge]:
    where, past = _where(request), travel(request)
    all_of_them = edges_at(past.at, past.now) if past else edges(now_of(request))
    return [edge for edge in all_of_them if everything or where.matches(edge)]


def _counts(found: Sequence[Edge]) -> dict[str, int]:
    states = Counter[str]()
    for edge in found:
        states.update(edge.counts)
    return dict(states)


def _marks(name: str, now: datetime) -> list[tuple[AnnotationView, str]]:
    """The marks of a dependency, newest first. Those of some service alone say little of what it calls."""
    marks = annotations(Scope(dependency=name), now - MARKED, now)
    return [(mark, mark_words(mark)) for mark in reversed(marks) if mark.dependency or not mark.service]


def _cut_off_since(cards: Sequence[Card]) -> str | None:
    return min((card.since for card in cards if card.state in REFUSING), default=None)


def _faces(cards: Sequence[Card], now: datetime) -> list[tuple[Card, Face]]:
    return [(card, face(card, now)) for card in cards]


def _plain(text: str) -> str:
    return text.replace("\x00", "")
