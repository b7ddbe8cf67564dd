"""The wall on a television: large, without controls, for people who are signed in and for screens that hold a link."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from breakers import queries
from breakers.access import Role, require
from breakers.errors import Invalid, NotAllowed
from breakers.queries.shapes import Card
from dashboard import screens
from dashboard.pages import searches
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.faces import BLANK, face
from dashboard.pages.wall import cause_among, cause_answer, cause_source
from dashboard.pages.words import PROBLEMS, wall_sentence

MOST_CARDS = 60
KEPT_FOR = 400 * 24 * 3600  # s, the longest that browsers keep a cookie; renewed with each look
REVOKED = "This screen's link has ended, was revoked, or never was one. Ask an admin of the board for a new one."


@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """A screen comes with its link: it keeps the token, and the address that is shown holds none."""
    if screens.link_of(token, now_of(request)) is None:
        return _refused(request)
    answer = redirect("screen")
    _keep(answer, token)
    return answer


@require_safe
def screen(request: HttpRequest) -> HttpResponse:
    """The wall, to be read from across the room."""
    token = request.COOKIES.get(settings.SCREEN_COOKIE_NAME, "")
    if actor_of(request).role >= Role.VIEWER:
        return _drawn(request, searches.search_of(request), back=True)
    link = screens.link_of(token, now_of(request))
    if link is not None:
        answer = _drawn(request, searches.read(link.query), back=False)
        _keep(answer, token)
        return answer
    if token:
        return _refused(request)
    return redirect_to_login(request.get_full_path())


@require_safe
def cause_json(request: HttpRequest) -> HttpResponse:
    """The likely cause in a screen's headline. A screen with a link opens the wall alone: no incident's page."""
    if actor_of(request).role >= Role.VIEWER:
        return cause_answer(searches.search_of(request), now_of(request), link=True)
    link = screens.link_of(request.COOKIES.get(settings.SCREEN_COOKIE_NAME, ""), now_of(request))
    if link is None:
        return HttpResponse(status=403)
    return cause_answer(searches.read(link.query), now_of(request), link=False)


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def screen_links(request: HttpRequest) -> HttpResponse:
    """The links that there are, and a new one; its address is shown this once."""
    actor, made, status = actor_of(request), None, 200
    try:
        require(actor, Role.ADMIN, "looking after screens")
        if request.method == "POST":
            name, query = (request.POST.get(field, "").replace("\x00", "") for field in ("name", "query"))
            made = screens.make_link(actor, name, query, at=now_of(request), days=_days(request.POST.get("days", "")))
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": str(refused)}, status=403)
    except Invalid as refused:
        messages.error(request, str(refused))
        status = 422
    context = {
        "links": screens.links(),
        "made": made,
        "asked": request.POST if status != 200 else {},
        "now": now_of(request),
    }
    return render(request, "screens.html", context, status=status)


@for_viewers
@require_POST
def revoke(request: HttpRequest, link_id: int) -> HttpResponse:
    """End a link."""
    try:
        screens.revoke_link(actor_of(request), link_id, at=now_of(request))
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": str(refused)}, status=403)
    return redirect("screens")


def _days(text: str) -> int:
    """How long a new link is to be good. Errors: Invalid."""
    text = text.strip() or str(screens.DAYS)
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise Invalid(("days", f"the days are '{text[:20]}'; expected a whole number"))
    return int(text)


def _drawn(request: HttpRequest, search: searches.Search, *, back: bool) -> HttpResponse:
    now = now_of(request)
    found = queries.survey(search.where, now)
    partial = len(found.rows) > MOST_CARDS
    listed = found.where(PROBLEMS) if partial else found
    cards = [item for item in listed.page(now, limit=MOST_CARDS).items if isinstance(item, Card)]
    counts = found.counts
    context = {
        "sentence": wall_sentence(counts, filtered=search.filtered),
        "total": len(found.rows),
        "cause": cause_among(found, search),
        "cause_source": cause_source(search, "screen-cause"),
        "closed_total": counts.get("closed", 0),
        "partial": partial,
        "troubled": [face(card, now) for card in cards if card.state != "closed"],
        "closed": [face(card, now) for card in cards if card.state == "closed"],
        "blank": BLANK,
        "search": search,
        "filtered": search.filtered,
        "live_filter": search.live("-state:closed" if partial else ""),
        "live_limit": MOST_CARDS,
        "back": back,
    }
    answer = render(request, "screen.html", context)
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


def _keep(answer: HttpResponse, token: str) -> None:
    answer.set_cookie(
        settings.SCREEN_COOKIE_NAME,
        token,
        max_age=KEPT_FOR,
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )


def _refused(request: HttpRequest) -> HttpResponse:
    answer = render(request, "screen_over.html", {"sentence": REVOKED}, status=403)
    answer.delete_cookie(settings.SCREEN_COOKIE_NAME)
    return answer
