"""The first sign-in: a link that works once asks for a password, and for a name where it makes the first admin."""

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from breakers.domain.networks import network_of
from breakers.errors import Invalid
from dashboard import inviting, tries
from dashboard.models import Invitation
from dashboard.pages.actors import address_of
from dashboard.pages.context import now_of

BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, then sign the person in. Looking at the page does not use the link up."""
    try:
        invitation = inviting.find(token, now_of(request))
        if request.method != "POST":
            return _ask(request, invitation)
        return _accept(request, token, invitation)
    except inviting.LinkIsOver as error:
        return render(request, "welcome.html", {"over": str(error)}, status=410)


def _accept(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    name = request.POST.get("username", "")
    password = request.POST.get("password", "")[:4096]
    if password != request.POST.get("again", "")[:4096]:
        return _ask(request, invitation, name, ["The two passwords differ."])
    try:
        user = inviting.accept(token, name, password, address=address_of(request), at=now_of(request))
    except Invalid as error:
        return _ask(request, invitation, name, [each["detail"] for each in error.errors])
    tries.free(user.get_username())
    tries.remember(user.get_username(), network_of(address_of(request)))
    login(request, user, BACKEND)
    return redirect("/")


def _ask(
    request: HttpRequest, invitation: Invitation, name: str = "", sentences: list[str] | None = None
) -> HttpResponse:
    told = {"person": invitation.user, "username": name[:150], "sentences": sentences or []}
    return render(request, "welcome.html", told, status=422 if sentences else 200)
