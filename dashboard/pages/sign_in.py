"""The door: sign-in and sign-out."""

import structlog
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from breakers.access import Actor, Role
from breakers.access_trail import NOBODY
from breakers.domain.networks import network_of
from dashboard import tries
from dashboard.access_record import note
from dashboard.pages.actors import actor_of, address_of

WRONG = "That name and password do not belong together."
TOO_MANY = "Too many failed tries. Wait five minutes, then try again, or ask an admin for a sign-in link."

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
    network = network_of(address_of(request))
    places = tries.take_places(name, network)
    if places is None:
        _refused("session.locked", "a sign-in was not looked at: too many failed", request, name)
        return _ask(request, target, name, TOO_MANY, 429)
    user = authenticate(request, username=name, password=request.POST.get("password", "")[:4096])
    if user is None:
        _refused("session.refused", "a sign-in failed", request, name)
        return _ask(request, target, name, WRONG, 401)
    tries.give_back(places)
    tries.remember(name, network)
    login(request, user)
    note("session.begin", request, actor_of(request))
    return redirect(target)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    actor = actor_of(request)
    if actor.user_id is not None:
        note("session.end", request, actor)
    logout(request)
    return redirect("sign-in")


def _ask(request: HttpRequest, target: str, name: str = "", sentence: str = "", status: int = 200) -> HttpResponse:
    return render(request, "sign_in.html", {"next": target, "username": name, "sentence": sentence}, status=status)


def _refused(verb: str, what: str, request: HttpRequest, name: str) -> None:
    """A line in the log, and one in the audit trail that counts what repeats.

    What is no name of ours may be a password, typed in the wrong field.
    """
    known = User.objects.filter(username=name).exists()
    log.warning(what, name=name if known else "nobody of ours", address=address_of(request))
    note(verb, request, Actor(name if known else NOBODY, Role.NONE, address_of(request)))


def _target(request: HttpRequest) -> str:
    """Where to go after, on this site only."""
    wish = request.POST.get("next") or request.GET.get("next") or ""
    safe = wish.startswith("/") and url_has_allowed_host_and_scheme(wish, None)
    return wish if safe else resolve_url("wall")
