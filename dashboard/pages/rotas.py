"""On call: who is it now and next, two weeks of it drawn, overrides, the rotas' forms, and how people are reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from alerts import calendars, queries, rostering, rota_queries
from alerts.domain.routes import DAYS
from alerts.models import Override, Rota
from alerts.rota_queries import Roster
from alerts.rota_shapes import RotaView
from breakers.access import Role, require
from breakers.errors import Conflict, Invalid, NotAllowed
from dashboard.pages import rota_forms
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.alerts import tabs
from dashboard.pages.context import now_of
from dashboard.pages.schedules import Schedule, local, schedule, sentence

TURNS = {1: "each day", 7: "each week", 14: "every two weeks"}
EXPORTED = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Shown:
    """A rota on the page of all of them: who is on call, until when, who next, in the time of its place."""

    view: RotaView
    who: str
    until: str
    next: str
    next_at: str
    fallback: str
    schedule: Schedule


@for_viewers
@require_safe
def on_call(request: HttpRequest) -> HttpResponse:
    """All rotas, and how people are reached."""
    now = now_of(request)
    roster, names = Roster(now), _destination_names()
    context = {
        "tabs": tabs(queries.open_count()),
        "tab": "on-call",
        "rotas": [_shown(roster, row, names) for row in Rota.objects.order_by("name")],
        "people": [
            (each, ", ".join(names.get(pk, "one that is gone") for pk in each.destinations))
            for each in rota_queries.people()
        ],
        "has_destinations": bool(names),
    }
    return render(request, "on_call.html", context)


@for_viewers
@require_safe
def rota(request: HttpRequest, rota_id: str) -> HttpResponse:
    """One: its two weeks, its overrides and its form."""
    return _page(request, rota_queries.row_of(rota_id))


@for_viewers
@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """A form for a rota to be."""
    return _page(request, None)


@sensitive_post_parameters()
@for_viewers
@require_POST
def save(request: HttpRequest, rota_id: str = "") -> HttpResponse:
    """Set one up, change it, show what it would be, or delete it: the button says which."""
    actor, now, verb = actor_of(request), now_of(request), request.POST.get("verb", "")
    row = rota_queries.row_of(rota_id) if rota_id else None
    try:
        require(actor, Role.ADMIN, "changing a rota")
        if row is not None and verb == "remove":
            rostering.remove(actor, rota_id, at=now)
            return redirect("on-call")
        given = rota_forms.given_by(request, row)
        if verb == "preview":
            draft = rostering.drafted(given, row, at=now)
            return _page(request, row and rota_queries.row_of(rota_id), draft=draft)
        kept = rostering.change(actor, rota_id, given, at=now) if row else rostering.add(actor, given, at=now)
    except NotAllowed as refused:
        return _refused(request, refused)
    except (Invalid, Conflict) as refused:
        return _page(request, rota_queries.row_of(rota_id) if rota_id else None, wrong=f"{refused}.")
    return redirect("rota", kept.pk)


@for_viewers
@require_POST
def override(request: HttpRequest, rota_id: str) -> HttpResponse:
    """Put someone on call, or show what that would change."""
    actor, now, row = actor_of(request), now_of(request), rota_queries.row_of(rota_id)
    given = request.POST
    try:
        require(actor, Role.OPERATOR, "putting someone on call")
        person, begins_at, ends_at, comment = rota_forms.override_of(given, row)
        if given.get("verb") == "preview":
            draft = rostering.drafted_override(
                row, actor, person, begins_at=begins_at, ends_at=ends_at, comment=comment, at=now
            )
            return _page(request, row, draft_override=draft)
        rostering.override(actor, rota_id, person, begins_at=begins_at, ends_at=ends_at, comment=comment, at=now)
    except NotAllowed as refused:
        return _refused(request, refused)
    except Invalid as refused:
        return _page(request, row, wrong_override=f"{refused}.")
    messages.success(request, f"{person} is on call then.")
    return redirect("rota", rota_id)


@for_viewers
@require_POST
def end_override(request: HttpRequest, rota_id: str, override_id: str) -> HttpResponse:
    """Take an override back."""
    try:
        rostering.end_override(actor_of(request), rota_id, override_id, at=now_of(request))
    except NotAllowed as refused:
        return _refused(request, refused)
    except Conflict as refused:
        messages.error(request, f"{refused}.")
    return redirect("rota", rota_id)


@for_viewers
@require_safe
def calendar(request: HttpRequest, rota_id: str) -> HttpResponse:
    """The next two months as a calendar file."""
    now, row = now_of(request), rota_queries.row_of(rota_id)
    roster = Roster(now)
    # From the beginning of what lasts now: an hour later it is the same event still.
    since = now - timedelta(days=rostering.LONGEST_TURN + 1)
    slots = [
        (
            " and ".join(roster.name(person) for person in each.people) or "Nobody on call",
            each.begins,
            each.ends,
            each.why,
        )
        for each in roster.duties(row, since, now + EXPORTED)
        if each.ends > now
    ]
    text = calendars.written(f"On call: {row.name}", slots, now, key=str(row.pk), since=since)
    response = HttpResponse(text, content_type="text/calendar")
    response["Content-Disposition"] = 'attachment; filename="on-call.ics"'
    return response


@for_viewers
@require_safe
def person(request: HttpRequest, name: str) -> HttpResponse:
    """How someone is reached."""
    return _person(request, name)


@for_viewers
@require_POST
def reach(request: HttpRequest, name: str) -> HttpResponse:
    """Say how someone is reached."""
    names = [each.strip() for each in request.POST.get("names", "").split(",") if each.strip()]
    given = {"destinations": request.POST.getlist("destinations"), "names": names}
    try:
        rostering.reach(actor_of(request), name, given, at=now_of(request))
    except NotAllowed as refused:
        return _refused(request, refused)
    except Invalid as refused:
        return _person(request, name, f"{refused}.")
    return redirect("on-call")


def _shown(roster: Roster, row: Rota, names: Mapping[str, str]) -> Shown:
    view, zone = roster.view(row), ZoneInfo(row.timezone)
    return Shown(
        view=view,
        who=_people(roster, view.on_call.people) or "Nobody",
        until=local(datetime.fromisoformat(view.on_call.to), zone),
        next=(_people(roster, view.next.people) or "nobody") if view.next else "",
        next_at=local(datetime.fromisoformat(view.next.from_), zone) if view.next else "",
        fallback=", ".join(names.get(pk, "one that is gone") for pk in row.fallback),
        schedule=schedule(roster, row),
    )


def _people(roster: Roster, logins: list[str]) -> str:
    by_login = {each.names[0]: each.name for each in roster.people.values() if each.names}
    return " and ".join(by_login.get(each, each) for each in logins)


def _page(
    request: HttpRequest,
    row: Rota | None,
    *,
    draft: Rota | None = None,
    draft_override: Override | None = None,
    wrong: str = "",
    wrong_override: str = "",
) -> HttpResponse:
    roster = Roster(now_of(request))
    was_typed = request.method == "POST" and (draft is not None or bool(wrong))
    said = rota_forms.typed(request.POST) if was_typed else rota_forms.known(row, roster)
    if draft is not None and "calendar_file" in request.FILES:
        # A browser sends a file once: its text goes on with the form.
        said["calendar"] = draft.calendar
    names = _destination_names()
    zone = ZoneInfo(row.timezone) if row else None
    context: dict[str, Any] = {
        "rota": roster.view(row) if row else None,
        "shown": _shown(roster, row, names) if row else None,
        "overrides": [
            (each, local(each.begins_at, zone), local(each.ends_at, zone))
            for each in (roster.overrides(row) if row else [])
            if zone
        ],
        "schedule": schedule(roster, row, draft_override) if row else None,
        "effect": sentence(roster, row, draft_override) if row and draft_override else "",
        "draft": schedule(roster, draft) if draft else None,
        "typed_override": request.POST if draft_override or wrong_override else {},
        "people": [(each.names[0], each.name) for each in roster.people.values() if each.active and each.names],
        "destinations": queries.destinations(),
        "said": said,
        "days": DAYS,
        "turns": TURNS,
        "wrong": wrong,
        "wrong_override": wrong_override,
    }
    return render(request, "rota.html", context, status=422 if wrong or wrong_override else 200)


def _person(request: HttpRequest, name: str, wrong: str = "") -> HttpResponse:
    view = rota_queries.person(name)
    chosen = request.POST.getlist("destinations") if wrong else view.destinations
    said = request.POST.get("names", "") if wrong else ", ".join(view.names)
    context = {
        "person": view, "chosen": chosen, "names": said, "destinations": queries.destinations(), "wrong": wrong,
    }  # fmt: skip
    return render(request, "reached.html", context, status=422 if wrong else 200)


def _destination_names() -> dict[str, str]:
    return {view.id: view.name for view in queries.destinations()}


def _refused(request: HttpRequest, refused: NotAllowed) -> HttpResponse:
    return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
