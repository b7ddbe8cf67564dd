"""Routes: a form in words for who hears of which alerts, when, and who next."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from alerts import leading, queries, rota_queries
from alerts.domain.routes import DAYS, NAMES
from alerts.reaching import MARK
from alerts.rota_shapes import RotaView
from alerts.shapes import DestinationView, RouteView
from breakers.access import Role
from breakers.errors import Conflict, Invalid, NotAllowed
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of

STEPS = 4
REPEATS = 4


@for_viewers
@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """A form for a route to be."""
    return _form(request, None)


@for_viewers
@require_safe
def route(request: HttpRequest, route_id: str) -> HttpResponse:
    """A route's form."""
    return _form(request, queries.route_view(queries.route_row(route_id)))


@for_viewers
@require_POST
def save(request: HttpRequest, route_id: str = "") -> HttpResponse:
    """Set one up, change it, switch it off or on, or delete it: the button says which."""
    actor, now, verb = actor_of(request), now_of(request), request.POST.get("verb", "")
    try:
        if route_id and verb == "remove":
            leading.remove(actor, route_id, at=now)
        elif route_id and verb in {"on", "off"}:
            leading.change(actor, route_id, {"enabled": verb == "on"}, at=now)
        elif route_id:
            leading.change(actor, route_id, _given(request.POST), at=now)
        else:
            leading.add(actor, _given(request.POST), at=now)
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except (Invalid, Conflict) as refused:
        known = queries.route_view(queries.route_row(route_id)) if route_id else None
        return _form(request, known, f"{refused}.")
    return redirect("destinations")


def _form(request: HttpRequest, view: RouteView | None, sentence: str = "") -> HttpResponse:
    said: dict[str, Any] = _said(request.POST) if request.method == "POST" else _known(view)
    context = {
        "route": view,
        "said": said,
        "names": [*told_names(rota_queries.rotas(now_of(request)), queries.destinations()).items()],
        "days": DAYS,
        "severities": leading.SEVERITIES,
        "sentence": sentence,
        "may_configure": actor_of(request).role >= Role.ADMIN,
    }
    return render(request, "route.html", context, status=422 if sentence else 200)


def told_names(rotas: Sequence[RotaView], destinations: Sequence[DestinationView]) -> dict[str, str]:
    """What a route may lead to, by what it names them: whoever is on call first."""
    on_call = {
        f"{MARK}{each.id}": f"whoever is on call for {each.name} (now {' and '.join(each.on_call.people) or 'nobody'})"
        for each in rotas
    }
    return {**on_call, **{each.id: each.name for each in destinations}}


def _known(view: RouteView | None) -> dict[str, Any]:
    """What a form shows of a route, or of none."""
    matchers = dict(view.matchers) if view else {}
    labels = matchers.pop("labels", {})
    hours = view.hours if view else None
    steps = [(f"{step.after_s / 60:g}", step.destinations) for step in view.steps] if view else []
    return {
        "name": view.name if view else "",
        "matchers": [(name, matchers.get(name, "")) for name in NAMES],
        "labels": ", ".join(f"{key}:{value}" for key, value in labels.items()) if isinstance(labels, dict) else "",
        "destinations": view.destinations if view else [],
        "steps": [*steps, *[("", []) for _ in range(STEPS - len(steps))]],
        "repeat": ", ".join(f"{each / 60:g}" for each in (view.repeat_s if view else leading.USUAL_REPEAT_S)),
        "hours": hours or {"days": list(DAYS), "from": "08:00", "to": "18:00", "timezone": "UTC"},
        "always_on": hours is None,
        "always": view.always if view else [],
    }


def _said(given: QueryDict) -> dict[str, Any]:
    """What was typed, to be shown again beside what is wrong with it."""
    return {
        "name": given.get("name", ""),
        "matchers": [(name, given.get(name, "")) for name in NAMES],
        "labels": given.get("labels", ""),
        "destinations": given.getlist("destinations"),
        "steps": [(given.get(f"after-{n}", ""), given.getlist(f"step-{n}")) for n in range(STEPS)],
        "repeat": given.get("repeat", ""),
        "hours": {
            "days": given.getlist("days"),
            "from": given.get("from", ""),
            "to": given.get("to", ""),
            "timezone": given.get("timezone", ""),
        },
        "always_on": "hours" not in given,
        "always": given.getlist("always"),
    }


def _given(form: QueryDict) -> Mapping[str, object]:
    """What the form means, for the gerund to check. Errors: Invalid for what can't be read."""
    said = _said(form)
    matchers: dict[str, object] = {name: text.strip() for name, text in said["matchers"] if text.strip()}
    if said["labels"].strip():
        matchers["labels"] = dict(_label(part) for part in said["labels"].split(",") if part.strip())
    steps = [
        {"after_s": _seconds(f"steps.{number}.after_s", after), "destinations": to}
        for number, (after, to) in enumerate(said["steps"])
        if str(after).strip() and to
    ]
    return {
        "name": said["name"],
        "matchers": matchers,
        "destinations": said["destinations"],
        "steps": steps,
        "repeat_s": [_seconds("repeat_s", part) for part in said["repeat"].split(",") if part.strip()],
        "hours": None if said["always_on"] else said["hours"],
        "always": said["always"],
    }


def _label(text: str) -> tuple[str, str]:
    key, colon, value = text.strip().partition(":")
    if not colon:
        raise Invalid(("labels", f"'{text.strip()[:60]}' is no label; expected key:value"))
    return key.strip(), value.strip()


def _seconds(field: str, minutes: object) -> int:
    try:
        return round(float(str(minutes).strip()) * 60)
    except (ValueError, OverflowError):
        raise Invalid((field, f"'{str(minutes)[:20]}' is no number of minutes")) from None
