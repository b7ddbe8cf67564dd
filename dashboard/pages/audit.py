"""The audit page: who did what, when, from where and why."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from breakers import queries
from breakers.access import Role
from dashboard.pages.actors import actor_of, for_viewers

PAGE_SIZE = 50


@for_viewers
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """The trail, newest first."""
    actor, verb = (request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in ("actor", "verb"))
    breaker = request.GET.get("breaker", "").replace("\x00", "")[:20]
    page = queries.audit_trail(
        target_kind="breaker" if breaker else "",
        target_id=breaker,
        actor=actor,
        verb=verb,
        limit=PAGE_SIZE,
        cursor=request.GET.get("cursor") or None,
        whole=actor_of(request).role >= Role.ADMIN,
    )
    following = request.GET.copy()
    following["cursor"] = page.next or ""
    context = {
        "rows": page.items,
        "actor": actor,
        "verb": verb,
        "breaker": breaker,
        "filtered": bool(actor or verb or breaker),
        "next": following.urlencode() if page.next else "",
        "first": not request.GET.get("cursor"),
    }
    return render(request, "audit.html", context)
