"""On call: who is it now and next, two weeks of it drawn, overrides, the rotas' forms, and how people are reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from alerts import calendars, queries, rostering, rota_queries
from alerts.domain.rotas import instant
from alerts.domain.routes import DAYS
from alerts.models import Override, Rota
from alerts.rota_queries import Roster
from alerts.shapes import RotaView
from breakers.access import Role
from breakers.errors import Conflict, Invalid, NotAllowed
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.alerts import tabs
from dashboard.pages.context import now_of
from dashboard.pages.schedules import Schedule, local, schedule, sentence

LAYERS = 2
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
        if row is not None and verb == "remove":
            rostering.remove(actor, rota_id, at=now)
            return redirect("on-call")
        given = _given(request, row)
        if verb == "preview":
            # It is not saved; but it may ask for a calendar, so it wants the role all the same.
            if actor.role < Role.ADMIN:
                raise NotAllowed(f"trying a rota out needs the role admin; {actor.name} is {actor.role.name.lower()}")
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
        person, begins_at, ends_at, comment = _override_of(given, row)
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
    slots = [
        (
            " and ".join(roster.name(person) for person in each.people) or "Nobody on call",
            each.begins,
            each.ends,
            each.why,
        )
        for each in roster.duties(row, now.replace(minute=0, second=0, microsecond=0), now + EXPORTED)
    ]
    response = HttpResponse(calendars.written(f"On call: {row.name}", slots, now), content_type="text/calendar")
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
    typed = request.method == "POST" and (draft is not None or bool(wrong))
    names = _destination_names()
    zone = ZoneInfo(row.timezone) if row else None
    context: dict[str, Any] = {
        "rota": roster.view(row) if row else None,
        "shown": _shown(roster, row, names) if row else None,
        "overrides": [
            (each, local(each.begins_at, zone), local(each.ends_at, zone))
            for each in (rota_queries.overrides_of(row, roster.now) if row else [])
            if zone
        ],
        "schedule": schedule(roster, row, draft_override) if row else None,
        "effect": sentence(roster, row, draft_override) if row and draft_override else "",
        "draft": schedule(roster, draft) if draft else None,
        "typed_override": request.POST if draft_override or wrong_override else {},
        "people": [(each.names[0], each.name) for each in roster.people.values() if each.active and each.names],
        "destinations": queries.destinations(),
        "said": _typed(request.POST) if typed else _known(row, roster),
        "days": DAYS,
        "turns": TURNS,
        "wrong": wrong,
        "wrong_override": wrong_override,
    }
    return render(request, "rota.html", context, status=422 if wrong or wrong_override else 200)


def _known(row: Rota | None, roster: Roster) -> dict[str, Any]:
    """What the form shows of a rota, or of none."""
    layers = roster.view(row).layers if row else []
    shown = [
        {
            "people": ", ".join(each.people),
            "since": each.since,
            "at": each.at,
            "every": str(each.every_days),
            "limited": each.hours is not None,
            "hours": each.hours or {"days": list(DAYS), "from": "08:00", "to": "18:00"},
        }
        for each in layers
    ]
    monday = roster.now.date() - timedelta(days=roster.now.weekday())
    while len(shown) < LAYERS:
        hours = {"days": list(DAYS), "from": "08:00", "to": "18:00"}
        shown.append({
            "people": "", "since": monday.isoformat(), "at": "09:00", "every": "7", "limited": False, "hours": hours,
        })  # fmt: skip
    return {
        "name": row.name if row else "",
        "timezone": row.timezone if row else "UTC",
        "layers": shown,
        "fallback": row.fallback if row else [],
    }


def _typed(given: QueryDict) -> dict[str, Any]:
    """What was typed, to be shown again. A calendar's address is not: it may be a secret."""
    numbers = [n for n in range(rostering.MOST_LAYERS) if f"people-{n}" in given]
    return {
        "name": given.get("name", ""),
        "timezone": given.get("timezone", ""),
        "layers": [
            {
                "people": given.get(f"people-{n}", ""),
                "since": given.get(f"since-{n}", ""),
                "at": given.get(f"at-{n}", ""),
                "every": given.get(f"every-{n}", ""),
                "limited": f"limited-{n}" in given,
                "hours": {
                    "days": given.getlist(f"days-{n}"),
                    "from": given.get(f"from-{n}", ""),
                    "to": given.get(f"to-{n}", ""),
                },
            }
            for n in numbers
        ],
        "fallback": given.getlist("fallback"),
    }


def _given(request: HttpRequest, row: Rota | None) -> dict[str, object]:
    """What the form means, for the gerund to check. Errors: Invalid for what can't be read."""
    said = _typed(request.POST)
    given: dict[str, object] = {name: said[name] for name in ("name", "timezone", "fallback")}
    given["layers"] = [_layer(number, each) for number, each in enumerate(said["layers"]) if each["people"].strip()]
    file, text = request.FILES.get("calendar_file"), request.POST.get("calendar", "").strip()
    if file is not None and not isinstance(file, list):
        if (file.size or 0) > calendars.LONGEST:
            raise Invalid(("calendar", f"the calendar is larger than {calendars.LONGEST // 1024} KiB"))
        text = file.read().decode("utf-8", "replace")
    if text:
        given["calendar"] = text
    if url := request.POST.get("calendar_url", "").strip():
        given["calendar_url"] = url
    if "forget-calendar" in request.POST and row is not None and not text and not url:
        given["calendar_url" if row.calendar_url else "calendar"] = None
    return given


def _layer(number: int, said: Mapping[str, Any]) -> dict[str, object]:
    if not said["every"].isdecimal() or len(said["every"]) > 3:
        raise Invalid((f"layers.{number}.every_days", f"'{said['every'][:20]}' is no number of days"))
    return {
        "people": [each.strip() for each in said["people"].split(",") if each.strip()],
        "since": said["since"],
        "at": said["at"],
        "every_days": int(said["every"]),
        "hours": said["hours"] if said["limited"] else None,
    }


def _override_of(given: QueryDict, row: Rota) -> tuple[str, datetime | None, datetime, str]:
    """What the form means, by the clock of the rota's place. Errors: Invalid."""
    begins = given.get("from", "").strip()
    ends_at = _local("to", given.get("to", ""), row.timezone)
    return (
        given.get("person", ""),
        _local("from", begins, row.timezone) if begins else None,
        ends_at,
        given.get("comment", "").strip(),
    )


def _local(field: str, text: str, timezone: str) -> datetime:
    day, _, clock = text.strip().partition("T")
    try:
        return instant(date.fromisoformat(day), time.fromisoformat(clock), timezone)
    except (ValueError, OverflowError):
        raise Invalid((field, f"'{text[:40]}' is no moment; expected 2026-11-27T18:00")) from None


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
