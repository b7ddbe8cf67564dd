"""Destinations: where alerts go, how each of them does, a form for each kind, a test, and the trail."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from alerts import addressing, queries
from alerts.destinations import push, services
from breakers.access import Role
from breakers.errors import BreakersError, Conflict, Invalid, NotAllowed, NotFound
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.alerts import tabs
from dashboard.pages.context import now_of

# What each kind asks for: field, label, what stands in it, whether it is a secret.
FORMS: dict[str, list[tuple[str, str, str, bool]]] = {
    "webhook": [
        ("url", "URL", "https://hooks.example.com/breakers", True),
        ("secret", "Signing secret (whsec_…), if it checks signatures", "", True),
    ],
    "email": [
        ("to", "Address", "oncall@example.com", False),
        ("server", "Mail server of its own (else the site's)", "smtp://user:password@mail.example.com:587", True),
        ("sender", "From", "board@example.com", False),
    ],
    "alertmanager": [
        ("url", "URL", "https://alertmanager.example.com", True),
        ("secret", "Bearer token, if it wants one", "", True),
    ],
    "apprise": [("url", "Apprise URL", "slack://TokenA/TokenB/TokenC", True)],
}
WORDS = {
    "webhook": "Webhook",
    "email": "E-mail",
    "apprise": "Chat, pager, SMS",
    "alertmanager": "Alertmanager",
    "push": "This browser",
}


@for_viewers
@require_safe
def destinations(request: HttpRequest) -> HttpResponse:
    """The list, and the doors to new ones."""
    known = queries.destinations()
    context = {
        "destinations": known,
        "names": {view.id: view.name for view in known},
        "routes": queries.routes(),
        "kinds": [(kind, WORDS[kind]) for kind in FORMS],
        "push_key": push.public_key(),
        "may_configure": _may(request),
        "tabs": tabs(queries.open_count()),
        "tab": "destinations",
    }
    return render(request, "destinations.html", context)


@for_viewers
@require_safe
def destination(request: HttpRequest, destination_id: str) -> HttpResponse:
    """One: how it does, its form, and what it was sent."""
    return _shown(request, destination_id)


@for_viewers
@require_safe
def new(request: HttpRequest, kind: str) -> HttpResponse:
    """A form for a destination to be."""
    if kind not in FORMS:
        raise NotFound(f"no kind of destination '{kind[:40]}'")
    return _form(request, kind)


@sensitive_post_parameters()
@for_viewers
@require_POST
def add(request: HttpRequest, kind: str) -> HttpResponse:
    """Set one up."""
    if kind not in WORDS:
        raise NotFound(f"no kind of destination '{kind[:40]}'")
    try:
        config = _config(request.POST)
        kept = addressing.add(actor_of(request), request.POST.get("name", ""), kind, config, at=now_of(request))
    except NotAllowed as refused:
        return _refused(request, refused)
    except (Invalid, Conflict) as refused:
        return _form(request, kind, f"{refused}.")
    for warning in kept.warnings:
        messages.warning(request, f"Saved, but {warning}.")
    return redirect("destination", kept.row.pk)


@sensitive_post_parameters()
@for_viewers
@require_POST
def change(request: HttpRequest, destination_id: str) -> HttpResponse:
    """Change it, switch it off or on, test it, or delete it: the button says which."""
    actor, verb, now = actor_of(request), request.POST.get("verb", ""), now_of(request)
    try:
        if verb == "remove":
            addressing.remove(actor, destination_id, at=now)
            return redirect("destinations")
        if verb == "test":
            return _shown(request, destination_id, tested=addressing.test(actor, destination_id, at=now))
        if verb in {"on", "off"}:
            addressing.change(actor, destination_id, enabled=verb == "on", at=now)
        else:
            config = _config(request.POST)
            kept = addressing.change(actor, destination_id, name=request.POST.get("name"), config=config, at=now)
            for warning in kept.warnings:
                messages.warning(request, f"Saved, but {warning}.")
    except NotAllowed as refused:
        return _refused(request, refused)
    except (Invalid, Conflict) as refused:
        return _shown(request, destination_id, sentence=f"{refused}.", status=422)
    return redirect("destination", destination_id)


def _shown(request: HttpRequest, destination_id: str, *, status: int = 200, **more: Any) -> HttpResponse:
    view = queries.destination(destination_id)
    fields = [(name, label, hint, view.config.get(name, "")) for name, label, hint, _ in FORMS.get(view.kind, [])]
    context = {
        "destination": view,
        "word": WORDS[view.kind],
        "fields": fields,
        "trail": queries.trail_of(destination_id),
        "may_configure": _may(request),
        **more,
    }
    return render(request, "destination.html", context, status=status)


def _form(request: HttpRequest, kind: str, sentence: str = "") -> HttpResponse:
    chosen = request.GET.get("service") or request.POST.get("service") or ""
    offered = services.offered() if kind == "apprise" else ()
    service = next((each for each in offered if each.schema == chosen), None)
    given = request.POST.get
    context = {
        "kind": kind,
        "word": WORDS[kind],
        "name": given("name", ""),
        # A secret that was typed is not sent back: it would stand in the page's text.
        "fields": [
            (name, label, hint, "" if secret else given(name, "")) for name, label, hint, secret in FORMS.get(kind, [])
        ],
        "services": offered,
        "service": service,
        "sentence": sentence,
        "may_configure": _may(request),
    }
    return render(request, "destination_new.html", context, status=422 if sentence else 200)


def _config(given: Mapping[str, str]) -> dict[str, object]:
    """What the form says; an empty field is not given, so what was there stays."""
    if schema := given.get("service"):
        return {"url": _url_of(schema, given)}
    known = {"url", "secret", "to", "server", "sender", "p256dh", "auth"}
    config: dict[str, object] = {name: given[name] for name in known if given.get(name)}
    # A secret is taken away by its own box: an empty field means that it stays.
    config.update({name: None for name in known if given.get(f"forget-{name}")})
    return config


def _url_of(schema: str, given: Mapping[str, str]) -> str:
    """The Apprise URL that a service's form makes. Errors: Invalid."""
    service = next((each for each in services.offered() if each.schema == schema), None)
    if service is None:
        raise Invalid(("service", f"unknown service '{schema[:40]}'"))
    url = service.template.replace("{schema}", schema)
    for field in service.fields:
        value = given.get(f"token-{field.name}", "").strip()
        if not value:
            raise Invalid((field.name, f"'{field.label}' is missing"))
        url = url.replace("{" + field.name + "}", quote(value, safe=""))
    return url


def _may(request: HttpRequest) -> bool:
    return actor_of(request).role >= Role.ADMIN


def _refused(request: HttpRequest, refused: BreakersError) -> HttpResponse:
    return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
