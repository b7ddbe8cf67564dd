"""Time travel: `?at=` shows wall, map and breaker as they were at a moment. Everything can be looked at, nothing can be done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from breakers.queries.past import wall_at
from breakers.times import rfc3339
from dashboard.pages.actors import for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.faces import BLANK, face
from dashboard.pages.ranges import moment_of
from dashboard.pages.words import sentence, tally, whole

MOST_SHOWN = 200
MOST_CARDS = 60
STEPS = (
    ("1 h back", timedelta(hours=-1)),
    ("5 min back", timedelta(minutes=-5)),
    ("5 min on", timedelta(minutes=5)),
    ("1 h on", timedelta(hours=1)),
)
SPEEDS = (1, 10, 60)
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Past:
    """The moment that is looked at, and the present that it is looked at from."""

    at: datetime
    now: datetime
    path: str
    speeds: tuple[int, ...] = SPEEDS

    @property
    def query(self) -> str:
        """Its part of a URL, before other parts."""
        return urlencode({"at": rfc3339(self.at)})

    @property
    def entered(self) -> str:
        """For an `<input type="datetime-local">`, in UTC."""
        return f"{self.at:%Y-%m-%dT%H:%M:%S}"

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Links to moments around it."""
        near = [(words, self.at + by) for words, by in STEPS]
        return [(words, urlencode({"at": rfc3339(at)})) for words, at in near if at < self.now]


def travel(request: HttpRequest) -> Past | None:
    """The past that the URL asks for, None for the present; from then on it is the moment of the request."""
    known: Past | None = getattr(request, "past", None)
    if known is not None:
        return known
    at = moment_of(request.GET.get("at", "")) if "at" in request.GET else None
    now = now_of(request)
    if at is None or at >= now:
        return None
    past = Past(at, now, request.path)
    request.moment = at  # type: ignore[attr-defined]
    request.past = past  # type: ignore[attr-defined]
    return past


def or_now(then: Callable[..., HttpResponseBase], present: Callable[..., HttpResponseBase]) -> Any:
    """One address, two views: of the past where the URL asks for a moment, else of the present."""

    @wraps(present)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return then(request, *args, **kwargs) if travel(request) else present(request, *args, **kwargs)

    return view


@for_viewers
@require_safe
def wall(request: HttpRequest) -> HttpResponse:
    """The wall as it was: the worst first, all of them as cards while they are few."""
    past = travel(request)
    counts, cards = wall_at(
        past.at if past else now_of(request), past.now if past else now_of(request), limit=MOST_SHOWN
    )
    request.board_counts = counts  # type: ignore[attr-defined]  # the bar shows them too
    total = sum(counts.values())
    context = {
        "past": past,
        "sentence": sentence(counts),
        "tally": tally(counts),
        "total": total,
        "form": "cards" if total <= MOST_CARDS else "rows",
        "faces": [face(card, now_of(request)) for card in cards],
        "blank": BLANK,
        "rest": rest_words(len(cards), total - len(cards)),
        "source": reverse("past-wall-json"),
    }
    return render(request, "past_wall.html", context)


@for_viewers
@require_safe
def wall_json(request: HttpRequest) -> HttpResponse:
    """The cards and the sentence of a moment."""
    past = travel(request)
    counts, cards = wall_at(
        past.at if past else now_of(request), past.now if past else now_of(request), limit=MOST_SHOWN
    )
    hidden = sum(counts.values()) - len(cards)
    answer = {"sentence": sentence(counts), "cards": cards, "at": rfc3339(now_of(request))}
    return _answer({**answer, "counts": counts, "rest": rest_words(len(cards), hidden)})


def rest_words(shown: int, hidden: int) -> str:
    """What a wall of the past leaves out."""
    return f"The worst {shown} are shown; {whole(hidden)} more were no worse." if hidden else ""


def _answer(body: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), content_type=JSON)
