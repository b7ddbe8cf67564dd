"""Marks: the list of them, and setting one by hand: a form, then a look at where it will stand, then it stands."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from breakers import annotating, queries
from breakers.access import Role
from breakers.annotating import Mark
from breakers.errors import Invalid, NotAllowed, NotFound, StoreUnavailable
from breakers.models.annotation import KINDS
from breakers.queries.annotations import Scope, annotations_page
from breakers.queries.filters import CardFilter
from breakers.queries.shapes import Card
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.ranges import moment_of

PAGE_SIZE = 50
# The scopes of a breaker's mark, the narrow ones first.
SCOPES = ("breaker", "service", "dependency", "board")
LASTS = (
    ("", "a moment"),
    ("15", "15 minutes"),
    ("60", "1 hour"),
    ("240", "4 hours"),
    ("480", "8 hours"),
    ("1440", "1 day"),
)


@dataclass(frozen=True, slots=True)
class MarkForm:
    """What was entered, and what is wrong with it."""

    kind: str = "deploy"
    title: str = ""
    at: str = ""
    minutes: str = ""
    scope: str = "breaker"
    url: str = ""
    sentences: list[str] = field(default_factory=list)
    fields: frozenset[str] = frozenset()
    kinds: tuple[str, ...] = KINDS
    lasts: tuple[tuple[str, str], ...] = LASTS


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def marks(request: HttpRequest) -> HttpResponse:
    """The list with its form; a POST asks for a look first, and sets the mark once it is confirmed."""
    now = now_of(request)
    card = _card(request, now)
    if request.method != "POST":
        return _page(request, card, MarkForm(scope="breaker" if card else "board"))
    form = _entered(request.POST)
    if actor_of(request).role < Role.OPERATOR:
        return render(request, "403.html", {"sentence": "Marks need the role operator. Nothing was done."}, status=403)
    try:
        mark = _mark(form, card, now)
        annotating.check(mark, now)
        if request.POST.get("confirmed") != "yes":
            return render(request, "mark_confirm.html", _confirming(form, mark, card, now))
        annotating.annotate(actor_of(request), mark, at=now)
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except StoreUnavailable as down:
        return _page(request, card, _wrong(form, Invalid(("", f"{down}. The mark was not set."))), 503)
    except Invalid as wrong:
        return _page(request, card, _wrong(form, wrong), 422)
    return redirect(f"{reverse('breaker', args=[card.id])}#timeline" if card else reverse("marks"))


def _page(request: HttpRequest, card: Card | None, form: MarkForm, status: int = 200) -> HttpResponse:
    scope = Scope(card.service, card.name, card.dependency) if card else Scope()
    found = annotations_page(scope, limit=PAGE_SIZE, cursor=request.GET.get("cursor") or None)
    following = request.GET.copy()
    following["cursor"] = found.next or ""
    context = {
        "card": card,
        "marks": found.items,
        "form": form,
        "scopes": _scopes(card),
        "next": following.urlencode() if found.next else "",
        "first": not request.GET.get("cursor"),
    }
    return render(request, "marks.html", context, status=status)


def _confirming(form: MarkForm, mark: Mark, card: Card | None, now: datetime) -> dict[str, object]:
    """Where it will stand: how many breakers, by name while they are few."""
    where = CardFilter(
        services=(mark.service,) if mark.service else (), dependencies=(mark.dependency,) if mark.dependency else ()
    )
    count = 1 if mark.breaker else sum(queries.counts(where, now).values())
    return {"form": form, "mark": mark, "card": card, "count": count, "at": mark.at or now, "until": mark.until}


def _entered(sent: QueryDict) -> MarkForm:
    def text(name: str, longest: int = 300) -> str:
        return sent.get(name, "").replace("\x00", "").strip()[:longest]

    return MarkForm(
        kind=text("kind"),
        title=text("title"),
        at=text("at"),
        minutes=text("minutes"),
        scope=text("scope"),
        url=text("url", 2_100),
    )


def _mark(form: MarkForm, card: Card | None, now: datetime) -> Mark:
    """What was entered as a mark. Errors: Invalid."""
    at = moment_of(form.at) if form.at else now
    if at is None:
        raise Invalid(("at", f"'{form.at[:40]}' is no moment"))
    known = {minutes for minutes, _ in LASTS}
    if form.minutes not in known:
        raise Invalid(("minutes", f"'{form.minutes[:40]}' is none of the lengths"))
    if form.scope not in (SCOPES if card else ("board",)):
        raise Invalid(("scope", f"'{form.scope[:40]}' is none of the places"))
    until = at + timedelta(minutes=int(form.minutes)) if form.minutes else None
    service = card.service if card and form.scope in ("breaker", "service") else ""
    breaker = card.name if card and form.scope == "breaker" else ""
    dependency = card.dependency if card and form.scope == "dependency" else ""
    return Mark(form.kind, form.title, at, until, service, breaker, dependency, form.url)


def _wrong(form: MarkForm, wrong: Invalid) -> MarkForm:
    return MarkForm(
        kind=form.kind,
        title=form.title,
        at=form.at,
        minutes=form.minutes,
        scope=form.scope,
        url=form.url,
        sentences=[each["detail"] for each in wrong.errors],
        fields=frozenset(each["field"] for each in wrong.errors),
    )


def _scopes(card: Card | None) -> list[tuple[str, str]]:
    if card is None:
        return [("board", "every breaker")]
    return [
        ("breaker", f"this breaker, {card.name}"),
        ("service", f"all of {card.service}"),
        ("dependency", f"everything on {card.dependency}"),
        ("board", "every breaker"),
    ]


def _card(request: HttpRequest, now: datetime) -> Card | None:
    """The breaker that the page is asked for. Errors: NotFound."""
    asked = request.POST.get("breaker") or request.GET.get("breaker") or ""
    if "\x00" in asked:
        raise NotFound("no such breaker")
    return queries.card(asked, now) if asked else None
