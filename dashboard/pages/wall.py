"""The wall: every breaker at a glance, the troubled ones first.

Cards to 60 breakers, rows to 500, strips beyond, unless a person chose a form that the number allows: one look at thin rows
counts, orders and groups them, and only what is shown becomes cards.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from alerts import incident_queries
from breakers import queries
from breakers.access import Role
from breakers.errors import Conflict, Invalid
from breakers.queries import CardFilter
from breakers.queries.shapes import Card
from dashboard.live.snapshot import MOST_CELLS
from dashboard.models import Preference
from dashboard.pages import searches
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import back_to, now_of
from dashboard.pages.faces import BLANK, Face, face
from dashboard.pages.several import BLANK as BLANK_SEVERAL
from dashboard.pages.strips import GROUPS, strips
from dashboard.pages.words import PROBLEMS, lasted, moment, per_second, tally, wall_sentence

# The most breakers of a form: chosen by the number alone, and where a person wants it.
USUAL = {"cards": 60, "rows": 500}
ALLOWED = {"cards": 200, "rows": 500}
# A wall that grows while it is looked at keeps its form for so many times the usual number.
SLACK, NO_END = 1.3, 10**9
FORMS = ("cards", "rows", "strips")
FIRST_PROBLEMS, PAGE_SIZE = 8, 200


@dataclass(frozen=True, slots=True)
class Fold:
    """The closed breakers of one service, folded into one row."""

    service: str
    faces: list[Face]
    calls: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A form to choose."""

    form: str
    word: str
    chosen: bool
    allowed: bool


@dataclass(frozen=True, slots=True)
class LastTrip:
    """The last outage of a wall that is calm, in words."""

    breaker: str
    href: str
    service: str
    started_at: str
    lasted: str


@for_viewers
@require_safe
def wall(request: HttpRequest) -> HttpResponse:
    """The first page."""
    now, search = now_of(request), searches.search_of(request)
    actor = actor_of(request)
    epoch, version = queries.board()
    found = queries.survey(search.where, now)
    counts = found.counts
    everything = queries.counts(CardFilter(), now) if search.filtered else counts
    request.board_counts = everything  # type: ignore[attr-defined]  # the bar shows them too
    total = len(found.rows)
    wish = Preference.objects.filter(user_id=searches.person(actor)).values_list("density", flat=True).first() or ""
    form = form_of(total, wish)
    paged = form == "strips"
    whole_list = "all" in request.GET or "cursor" in request.GET
    limit = (PAGE_SIZE if whole_list else FIRST_PROBLEMS) if paged else USUAL["rows"]
    listed = found.where(PROBLEMS) if paged else found
    page = listed.page(now, limit=limit, cursor=request.GET.get("cursor") or None if paged else None)
    cards = [item for item in page.items if isinstance(item, Card)]
    closed = [card for card in cards if card.state == "closed"]
    by = request.GET.get("by", "")
    by = by if by in GROUPS else "service"
    context = {
        "form": form,
        "most": round(SLACK * (ALLOWED if form == wish else USUAL).get(form, NO_END)),
        "forms": _choices(total, wish),
        "sentence": wall_sentence(counts, filtered=search.filtered),
        "tally": tally(counts),
        "cause": cause_among(found, search),
        "cause_source": cause_source(search, "cause"),
        "total": total,
        "hidden": sum(everything.values()) - total,
        "troubled": [face(card, now) for card in cards if card.state != "closed"],
        "troubled_total": len(listed.rows) if paged else 0,
        "closed": [face(card, now) for card in closed] if form == "cards" else [],
        "folds": list(_folds(closed, now)) if form == "rows" else [],
        "strips": strips(found, by, search.text if search.filtered else "") if paged else [],
        "cells": total <= MOST_CELLS,
        "by": by,
        "blank": BLANK,
        "search": search,
        "filtered": search.filtered,
        "views": searches.views_of(actor),
        "live_filter": search.live("-state:closed" if paged else ""),
        "cells_filter": search.live(),
        "live_limit": limit,
        "cursor": f"{epoch}.{version}",
        "whole_list": whole_list,
        "all_link": _with(request, all="1"),
        "next": _with(request, cursor=page.next) if page.next and whole_list else "",
        "by_links": [(name, _with(request, by=name), name == by) for name in GROUPS],
        "last_trip": _last_trip(counts),
        "address": settings.SITE_URL,
        # What can be done from here, and by whom.
        "act": True,
        "pick": actor.role >= Role.OPERATOR,
        "several": BLANK_SEVERAL,
        "back": request.get_full_path(),
    }
    return render(request, "wall.html", context)


@for_viewers
@require_POST
def choose_density(request: HttpRequest) -> HttpResponse:
    """Remember the form of the wall for who is signed in. It changes nothing that anybody else sees."""
    wish = request.POST.get("density", "")
    Preference.objects.update_or_create(
        user_id=searches.person(actor_of(request)), defaults={"density": wish if wish in FORMS else ""}
    )
    return redirect(back_to(request))


@for_viewers
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the query under a name."""
    name, query = (request.POST.get(field, "").replace("\x00", "") for field in ("name", "query"))
    try:
        searches.save_view(actor_of(request), name, query.strip(), at=now_of(request))
    except (Invalid, Conflict) as refused:
        messages.error(request, str(refused))
    return redirect(back_to(request))


@for_viewers
@require_POST
def delete_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget one."""
    searches.delete_view(actor_of(request), view_id, at=now_of(request))
    return redirect(back_to(request))


@for_viewers
@require_safe
def completions_json(request: HttpRequest) -> HttpResponse:
    """What may stand behind a field of the query."""
    field, prefix = (request.GET.get(name, "").replace("\x00", "")[:200] for name in ("field", "prefix"))
    return JsonResponse({"values": searches.completions(field, prefix)})


@for_viewers
@require_safe
def cause_json(request: HttpRequest) -> JsonResponse:
    """The likely cause of the wall's headline, asked for again when a card joins or leaves an incident."""
    return cause_answer(searches.search_of(request), now_of(request), link=True)


@for_viewers
@require_safe
def last_trip_json(request: HttpRequest) -> JsonResponse:
    """What a calm wall remembers, asked for again when it is calm again."""
    trip = _last_trip(queries.counts(CardFilter(), now_of(request)))
    return JsonResponse({"trip": asdict(trip) if trip else None})


def cause_answer(search: searches.Search, now: datetime, *, link: bool) -> JsonResponse:
    """The likely cause behind what a search shows; with a `link` to its incident for those who may follow it."""
    cause = cause_among(queries.survey(search.where, now) if search.filtered else None, search)
    href = reverse("incident", args=[cause.incident]) if cause and link else ""
    dependency, share = (cause.dependency, cause.share) if cause else ("", "")
    return JsonResponse({"dependency": dependency, "share": share, "href": href})


def cause_among(found: queries.Survey | None, search: searches.Search) -> incident_queries.Cause | None:
    """The likely cause behind what a wall shows: its search finds `found`."""
    among = {row.id for row in found.rows} if found is not None and search.filtered else None
    return incident_queries.likely_cause(among)


def cause_source(search: searches.Search, view: str) -> str:
    """Where the likely cause behind a search is asked for again."""
    return f"{reverse(view)}?{search.address}" if search.filtered else reverse(view)


def form_of(total: int, wish: str) -> str:
    """The form for so many breakers, by a person's wish where the number allows it."""
    if wish == "strips" or total <= ALLOWED.get(wish, -1):
        return wish
    return next((form for form, most in USUAL.items() if total <= most), "strips")


def _choices(total: int, wish: str) -> list[Choice]:
    words = {"": "Automatic", "cards": "Cards", "rows": "Rows", "strips": "Strips"}
    return [Choice(form, word, form == wish, total <= ALLOWED.get(form, total)) for form, word in words.items()]


def _folds(cards: list[Card], now: datetime) -> Iterable[Fold]:
    by_service = attrgetter("service")
    for service, group in groupby(sorted(cards, key=by_service), key=by_service):
        members = list(group)
        calls = sum(card.calls_1m for card in members)
        yield Fold(service, [face(card, now) for card in members], per_second(calls))


def _with(request: HttpRequest, **changes: str) -> str:
    asked = request.GET.copy()
    for name, value in changes.items():
        asked[name] = value
    return asked.urlencode()


def _last_trip(counts: dict[str, int]) -> LastTrip | None:
    """What a calm wall remembers: its last outage, once it is over."""
    trip = queries.last_outage() if set(counts) == {"closed"} else None
    if not trip or not trip["ended_at"]:
        return None
    began, ended = str(trip["started_at"]), str(trip["ended_at"])
    return LastTrip(
        str(trip["breaker"]),
        reverse("breaker", args=[trip["breaker_id"]]),
        str(trip["service"]),
        began,
        lasted((moment(ended) - moment(began)).total_seconds()),
    )
