"""The door: sign-in and sign-out. Failed tries are limited for each name and each network, over all processes.

A try takes a place before the password is looked at, so that many at once are no way around the limit.
"""

import hashlib
import secrets

import structlog
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from breakers.domain.networks import network_of
from dashboard.pages.actors import address_of

PLACES_A_NAME, NAME_SECONDS = 5, 300
PLACES_AN_ADDRESS, ADDRESS_SECONDS = 10, 60
WRONG = "That name and password do not belong together."
TOO_MANY = "Too many failed tries. Wait five minutes, then try again."

log = structlog.get_logger(__name__)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; send the person on to where they came from."""
    target = _target(request)
    if request.user.is_authenticated:
        return redirect(target)
    if request.method != "POST":
        return _ask(request, target)
    name = request.POST.get("username", "").replace("\x00", "")[:150]
    places = [
        _take_place("name", name.casefold(), PLACES_A_NAME, NAME_SECONDS),
        _take_place("address", network_of(address_of(request)), PLACES_AN_ADDRESS, ADDRESS_SECONDS),
    ]
    if not all(places):
        cache.delete_many([place for place in places if place])
        _note("a sign-in was not looked at: too many failed", request, name)
        return _ask(request, target, name, TOO_MANY, 429)
    user = authenticate(request, username=name, password=request.POST.get("password", "")[:4096])
    if user is None:
        _note("a sign-in failed", request, name)
        return _ask(request, target, name, WRONG, 401)
    cache.delete_many([place for place in places if place])
    login(request, user)
    return redirect(target)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("sign-in")


def _ask(request: HttpRequest, target: str, name: str = "", sentence: str = "", status: int = 200) -> HttpResponse:
    return render(request, "sign_in.html", {"next": target, "username": name, "sentence": sentence}, status=status)


def _note(what: str, request: HttpRequest, name: str) -> None:
    """A line in the log, and none in the audit trail: that never shrinks, and strangers must not make it grow.

    What is no name of ours may be a password, typed in the wrong field.
    """
    known = User.objects.filter(username=name).exists()
    log.warning(what, name=name if known else "nobody of ours", address=address_of(request))


def _target(request: HttpRequest) -> str:
    """Where to go after, on this site only."""
    wish = request.POST.get("next") or request.GET.get("next") or ""
    safe = wish.startswith("/") and url_has_allowed_host_and_scheme(wish, None)
    return wish if safe else resolve_url("wall")


def _take_place(kind: str, who: str, places: int, seconds: int) -> str | None:
    """The key of a free place; None where all are taken. A place is free again `seconds` after it was taken."""
    digest = hashlib.sha256(who.encode(errors="replace")).hexdigest()[:32]
    order = list(range(places))
    secrets.SystemRandom().shuffle(order)
    keys = (f"sign-in:{kind}:{digest}:{place}" for place in order)
    return next((key for key in keys if cache.add(key, 1, seconds)), None)
