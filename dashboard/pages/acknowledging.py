"""Taking an alert in hand by the link in a message: the link shows a page, and only its button does something.

Mail programs and chat services open links to show what is behind them, so looking must change nothing. The link is the
permission: who has no account here can use it too, and whoever is signed in acts under their own name.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts import handling, links, queries
from alerts.links import Opened
from breakers.access import Actor, Role
from breakers.errors import Invalid, NotFound
from dashboard.pages.actors import actor_of, address_of
from dashboard.pages.context import now_of


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """Ask; take it in hand at the press of the button."""
    try:
        opened = links.opened(token)
        alert = queries.alert(opened.alert_id)
    except NotFound as missing:
        return render(request, "acknowledge.html", {"over": str(missing)}, status=410)
    actor = _actor(request, opened)
    told = {"alert": alert, "who": actor.name, "destination": opened.destination.name}
    if request.method == "POST":
        try:
            comment = request.POST.get("comment", "").strip()
            told["alert"] = handling.acknowledge(actor, opened.alert_id, comment, now_of(request))
        except Invalid as refused:
            return render(request, "acknowledge.html", {**told, "sentence": f"{refused}."}, status=422)
        told["done"] = True
    return render(request, "acknowledge.html", told)


def _actor(request: HttpRequest, opened: Opened) -> Actor:
    person = actor_of(request)
    if person.role >= Role.OPERATOR:
        return person
    return Actor(f"{opened.destination.name} (by its link)"[:200], Role.OPERATOR, address_of(request))
