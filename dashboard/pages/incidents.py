"""Incidents: what broke together, who is suspected and why, and in which order it went."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from alerts import incident_queries, responding
from alerts.shapes import IncidentView, MemberView
from breakers.errors import Conflict, Invalid, NotAllowed, NotFound
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of

PAGE_SIZE = 50
TABS = {"open": ("firing", "acknowledged"), "history": ("resolved",)}
LANE = 1_000  # units across a lane
NARROWEST = 4
HEIGHTS = {"closed": 4, "forced_closed": 4, "disabled": 4, "half_open": 10, "stale": 6, "unknown": 6}


@dataclass(frozen=True, slots=True)
class Piece:
    """A span of a lane, in units from its left end."""

    state: str
    x: int
    width: int
    height: int

    @property
    def y(self) -> int:
        """It stands on the bottom of its lane, which is 16 high."""
        return 16 - self.height


@dataclass(frozen=True, slots=True)
class Lane:
    """A member and what its breaker was in, from the incident's start to its end."""

    member: MemberView
    pieces: tuple[Piece, ...]
    after_s: int


@for_viewers
@require_safe
def incidents(request: HttpRequest) -> HttpResponse:
    """The list: open first, then what is over."""
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "open"
    cursor = request.GET.get("cursor") or None
    page = incident_queries.incidents_page(TABS[tab], now=now_of(request), limit=PAGE_SIZE, cursor=cursor)
    context = {
        "tab": tab,
        "tabs": list(TABS),
        "incidents": page.items,
        "next": page.next,
        "last": incident_queries.last_resolved() if not page.items else None,
    }
    return render(request, "incidents.html", context)


@for_viewers
@require_safe
def incident(request: HttpRequest, incident_id: str) -> HttpResponse:
    """One incident: its cause, its lanes, who was told, what people did."""
    now = now_of(request)
    view = incident_queries.incident(incident_id, now)
    others = incident_queries.incidents_page(("firing", "acknowledged"), now=None, limit=20)
    sent, held = incident_queries.told_of(view.id)
    context = {
        "incident": view,
        "lanes": lanes(view, now),
        "history": incident_queries.history(view.id),
        "others": [each for each in others.items if isinstance(each, IncidentView) and each.id != view.id],
        "sent": sent,
        "held": held,
    }
    return render(request, "incident.html", context)


@for_viewers
@require_POST
def handle(request: HttpRequest, incident_id: str, verb: str) -> HttpResponse:
    """Acknowledge, split, merge, clear the suspect."""
    actor, now = actor_of(request), now_of(request)
    try:
        match verb:
            case "acknowledge":
                responding.acknowledge(actor, incident_id, request.POST.get("comment", "").strip(), now)
            case "split":
                new = responding.split(actor, incident_id, request.POST.getlist("alert"), now)
                return redirect("incident", new.pk)
            case "merge":
                responding.merge(actor, incident_id, request.POST.getlist("incident"), now)
            case _:
                responding.not_this(actor, incident_id, now)
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except (Conflict, Invalid, NotFound) as refused:
        incident_queries.row_of(incident_id)
        messages.error(request, f"{refused}.")
    return redirect("incident", incident_id)


def lanes(view: IncidentView, now: datetime) -> list[Lane]:
    """The members in the order of first opening, on one axis."""
    if not view.members:
        return []
    spans = incident_queries.lanes(view, now)
    start = min(datetime.fromisoformat(each.opened_at) for each in view.members)
    end = datetime.fromisoformat(view.resolved_at) if view.resolved_at else now
    whole = max((end - start).total_seconds(), 1.0)

    def at(moment: datetime) -> int:
        return round(LANE * min(max((moment - start).total_seconds() / whole, 0), 1))

    found = []
    for member in view.members:
        pieces = []
        for state, begun, ended in spans.get(member.alert, []):
            width = max(at(ended) - at(begun), NARROWEST)
            pieces.append(Piece(state, min(at(begun), LANE - width), width, HEIGHTS.get(state, 16)))
        after = (datetime.fromisoformat(member.opened_at) - start).total_seconds()
        found.append(Lane(member, tuple(sorted(pieces, key=lambda piece: piece.height)), round(after)))
    return found
