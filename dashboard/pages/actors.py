"""Actors: from a browser's request to the person who acts, and the door that keeps the others out.

A person's role is the best of the groups viewer, operator and admin that they are in; a superuser is an admin.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from breakers.access import Actor, Role
from breakers.errors import Invalid, NotFound

NOBODY = Actor("nobody", Role.NONE)


def actor_of(request: HttpRequest) -> Actor:
    """Who is signed in, with their role; asked of the database once a request."""
    known: Actor | None = getattr(request, "actor", None)
    if known is None:
        known = _ask(request)
        request.actor = known  # type: ignore[attr-defined]
    return known


def address_of(request: HttpRequest) -> str:
    """The client's address, as the server that listens reports it."""
    return str(request.META.get("REMOTE_ADDR") or "")


def for_viewers(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponseBase]:
    """The door of every page: strangers go to the sign-in, people without a role read one sentence.

    What the page asks for and is not there (an id, a cursor) is a 404.
    """

    @wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        actor = actor_of(request)
        if actor.user_id is None:
            return redirect_to_login(request.get_full_path())
        if actor.role < Role.VIEWER:
            return render(request, "no_role.html", status=403)
        try:
            response = view(request, *args, **kwargs)
        except (NotFound, Invalid) as missing:
            raise Http404(str(missing)) from missing
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return door


def _ask(request: HttpRequest) -> Actor:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.is_active:
        return NOBODY
    roles = [Role.named(name) for name in user.groups.values_list("name", flat=True)]
    role = Role.ADMIN if user.is_superuser else max(roles, default=Role.NONE)
    return Actor(user.get_username(), role, address_of(request), user_id=user.pk)
