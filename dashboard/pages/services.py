"""The services page, for admins: who posts, with which keys, signed how, how fast; a secret is shown once, where it is made."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from breakers import keys
from breakers.access import Role
from breakers.configuring import configure
from breakers.domain.limits import DEFAULTS, RANGES
from breakers.errors import Conflict, Invalid
from breakers.keys import MOST_KEYS
from breakers.models.service import NAME_LENGTH
from breakers.queries import access
from breakers.queries.shapes import ServiceView
from breakers.signing import MODES, OFF
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of

PAGE_SIZE = 100
LIMIT_WORDS = {
    "requests_per_s": "Requests a second",
    "requests_burst": "Requests at once, after calm",
    "events_per_s": "Events a second",
    "events_burst": "Events at once, after calm",
    "bytes_per_s": "Bytes a second",
    "bytes_burst": "Bytes at once, after calm",
    "breakers": "Breakers",
    "instances": "Instances of a breaker",
    "text_bytes": "Bytes of a message",
    "depth": "Depth of the JSON",
}
SIGNATURE_WORDS = {
    "off": "Posts are not signed",
    "optional": "Posts that are signed are checked",
    "required": "Posts that are not signed are refused",
}


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def services(request: HttpRequest) -> HttpResponse:
    """The list; posted to, one more service."""
    if actor_of(request).role < Role.ADMIN:
        return _not_allowed(request)
    name = ""
    if request.method == "POST":
        name = request.POST.get("name", "")
        try:
            return _add(request, name)
        except (Conflict, Invalid) as refused:
            messages.error(request, f"{refused}.")
    page = access.services_page(keys=True, limit=PAGE_SIZE, cursor=request.GET.get("cursor") or None)
    context = {
        "rows": [
            (each, sum(each.breakers.values()), len(_live(each)))
            for each in page.items
            if isinstance(each, ServiceView)
        ],
        "next": page.next,
        "name": name,
        "longest": NAME_LENGTH,
        "modes": [(mode, SIGNATURE_WORDS[mode]) for mode in MODES],
    }
    return render(request, "services.html", context)


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def service(request: HttpRequest, name: str) -> HttpResponse:
    """One service; posted to, what its form says is done."""
    if actor_of(request).role < Role.ADMIN:
        return _not_allowed(request)
    if "\x00" in name:
        raise Http404("a name has no NUL")
    if request.method == "POST":
        do = _DEEDS.get(request.POST.get("do", ""))
        if do is None:
            raise Http404("no such deed")
        access.service(name, keys=False)
        try:
            return do(request, name) or redirect("service", name)
        except (Conflict, Invalid) as refused:
            messages.error(request, f"{refused}.")
    view = access.service(name, keys=True)
    context = {
        "service": view,
        "keys": sorted(view.keys or [], key=lambda key: (key.revoked_at is not None, key.created_at)),
        "full": len(_live(view)) >= MOST_KEYS,
        "most_keys": MOST_KEYS,
        "modes": [(mode, SIGNATURE_WORDS[mode]) for mode in MODES],
        "limits": [_limit(view, field, request) for field in LIMIT_WORDS],
        "patterns": request.POST.get("patterns", "\n".join(view.redaction.patterns or [])),
        "label_length": NAME_LENGTH,
    }
    return render(request, "service.html", context)


def _add(request: HttpRequest, name: str) -> HttpResponse:
    signatures = request.POST.get("signatures", OFF)
    if signatures not in MODES:
        raise Http404("no such way to sign")
    added = keys.add_service(actor_of(request), name, at=now_of(request), signatures=signatures)
    if added.key is None:
        raise Conflict(f"there is a service '{added.service.name}' already")
    shown = [("Ingest key", added.key)]
    if added.signing_secret:
        shown.append(("Signing secret", added.signing_secret))
    return _show(request, added.service.name, shown)


def _pause(request: HttpRequest, name: str) -> None:
    paused = request.POST.get("paused") == "1"
    configure(actor_of(request), name, {"paused": paused}, at=now_of(request))
    messages.success(request, "Paused: what it posts is refused." if paused else "Resumed: what it posts is taken.")


def _sign(request: HttpRequest, name: str) -> HttpResponse | None:
    done = configure(actor_of(request), name, {"signatures": request.POST.get("signatures", "")}, at=now_of(request))
    if done.signing_secret:
        return _show(request, name, [("Signing secret", done.signing_secret)])
    messages.success(request, f"{SIGNATURE_WORDS[done.service.signatures]}.")
    return None


def _rotate(request: HttpRequest, name: str) -> HttpResponse:
    done = configure(actor_of(request), name, {"rotate_secret": True}, at=now_of(request))
    return _show(request, name, [("Signing secret", done.signing_secret or "")])


def _set_limits(request: HttpRequest, name: str) -> None:
    wanted: dict[str, Any] = {}
    for field in LIMIT_WORDS:
        text = request.POST.get(field, "").replace(",", "").strip()
        wanted[field] = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text or None
    configure(actor_of(request), name, {"limits": wanted}, at=now_of(request))
    messages.success(request, "The limits hold within 5 s.")


def _redact(request: HttpRequest, name: str) -> None:
    wanted = {
        "on": "on" in request.POST,
        "patterns": [line.strip() for line in request.POST.get("patterns", "").splitlines() if line.strip()],
        "keep_messages": "keep_messages" in request.POST,
    }
    configure(actor_of(request), name, {"redaction": wanted}, at=now_of(request))
    messages.success(request, "What is stored from now on is redacted so; what is stored already stays as it is.")


def _add_key(request: HttpRequest, name: str) -> HttpResponse:
    label = request.POST.get("label", "").replace("\x00", "").strip()[:NAME_LENGTH]
    added = keys.add_key(actor_of(request), name, at=now_of(request), label=label)
    return _show(request, name, [("Ingest key", added.key)])


def _revoke(request: HttpRequest, name: str) -> None:
    row = keys.revoke_key(
        actor_of(request), name, request.POST.get("key", "")[:20].replace("\x00", ""), at=now_of(request)
    )
    messages.success(request, f"Key {row.key_id} is refused within 10 s.")


def _show(request: HttpRequest, name: str, shown: list[tuple[str, str]]) -> HttpResponse:
    """What is never shown again: the answer to the very post that made it."""
    return render(request, "service_secret.html", {"name": name, "shown": shown}, status=201)


def _limit(view: ServiceView, field: str, request: HttpRequest) -> dict[str, Any]:
    value, default = getattr(view.limits, field), getattr(DEFAULTS, field)
    least, most = RANGES[field]
    kept = "" if value == default else str(value)
    return {
        "field": field,
        "word": LIMIT_WORDS[field],
        "value": request.POST.get(field, kept) if request.POST.get("do") == "limits" else kept,
        "default": f"{default:,}",
        "range": f"{least:,} to {most:,}",
    }


def _live(view: ServiceView) -> list[Any]:
    return [key for key in view.keys or [] if key.revoked_at is None]


def _not_allowed(request: HttpRequest) -> HttpResponse:
    sentence = f"Services are set up by admins; you are {actor_of(request).role.name.lower()}. Nothing was done."
    return render(request, "403.html", {"sentence": sentence}, status=403)


_DEEDS: dict[str, Callable[[HttpRequest, str], HttpResponse | None]] = {
    "pause": _pause,
    "signatures": _sign,
    "rotate": _rotate,
    "limits": _set_limits,
    "redaction": _redact,
    "key": _add_key,
    "revoke": _revoke,
}
