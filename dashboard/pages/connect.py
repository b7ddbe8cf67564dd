"""Connecting a service: choose a library, copy the snippet with its address and key, and watch it arrive step by step."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from breakers import keys
from breakers.access import Role
from breakers.errors import BreakersError, Conflict, Invalid, NotAllowed, NotFound, StoreUnavailable
from breakers.queries.connecting import Way, way_of
from breakers.times import rfc3339
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.ranges import moment_of
from dashboard.pages.snippets import LIBRARIES, library_of, snippet

# What arrived so long before the page was opened counts too: the first event may have been quicker than the page.
GRACE = timedelta(minutes=10)
STATUS = {Conflict: 409, Invalid: 422, StoreUnavailable: 503}
STEPS = {
    "reached": "Reached us",
    "key": "Key",
    "format": "Format",
    "breaker": "First breaker",
    "heartbeat": "Heartbeat",
    "commands": "Commands",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched: which service, since when."""

    service: str
    since: datetime

    @property
    def query(self) -> str:
        """Its part of a URL."""
        return urlencode({"service": self.service, "since": rfc3339(self.since)})


@for_viewers
@sensitive_variables("key")
@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """The page. A POST makes a key for the service named, and the service where it is new; the key is shown this once."""
    now = now_of(request)
    if request.method != "POST":
        watched = _watched(request, now)
        return _page(request, request.GET.get("library", ""), watched)
    name = request.POST.get("service", "").replace("\x00", "")[:300]
    chosen = request.POST.get("library", "")
    try:
        added = keys.add_service(actor_of(request), name, at=now, new_key=True, label="connect")
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except (Conflict, Invalid, StoreUnavailable) as wrong:
        return _page(request, chosen, None, sentence=f"{wrong}.", name=name, status=STATUS[type(wrong)])
    return _page(request, chosen, Watched(added.service.name, now), key=added.key)


@for_viewers
@require_safe
def connect_json(request: HttpRequest) -> HttpResponse:
    """The steps of the service that is watched."""
    watched = _watched(request, now_of(request))
    if watched is None:
        raise NotFound("no service was named")
    return HttpResponse(msgspec.json.encode(way_of(watched.service, watched.since)), content_type="application/json")


@sensitive_variables("key")
def _page(
    request: HttpRequest,
    library: str,
    watched: Watched | None,
    *,
    key: str | None = None,
    sentence: str = "",
    name: str = "",
    status: int = 200,
) -> HttpResponse:
    chosen = library_of(library)
    way: Way | None = None
    if watched is not None:
        try:
            way = way_of(watched.service, watched.since)
        except BreakersError as unknown:
            sentence, status, watched = f"{str(unknown).capitalize()}.", 404, None
    context = {
        "libraries": LIBRARIES,
        "chosen": chosen,
        "snippet": snippet(chosen, settings.SITE_URL, key),
        "key": key,
        "may_make": actor_of(request).role >= Role.ADMIN,
        "sentence": sentence,
        "name": name or (watched.service if watched else ""),
        "watched": watched,
        "steps": [(step, STEPS[step.name]) for step in way.steps] if way else [],
        "breakers": way.breakers if way else [],
        "refused": way.refused if way else [],
        "source": f"{reverse('connect-json')}?{watched.query}" if watched else "",
    }
    return render(request, "connect.html", context, status=status)


def _watched(request: HttpRequest, now: datetime) -> Watched | None:
    service = request.GET.get("service", "").replace("\x00", "").strip()[:300]
    if not service:
        return None
    return Watched(service, moment_of(request.GET.get("since", "")) or now - GRACE)
