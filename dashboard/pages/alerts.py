"""The alerts: what fires, who has it in hand, who was told and how that went."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from alerts import handling, queries, rota_queries
from breakers.errors import Conflict, Invalid, NotAllowed
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of

PAGE_SIZE = 50
TABS = {
    "firing": ("firing",), "acknowledged": ("acknowledged",), "silenced": ("firing", "acknowledged"), "history": ("resolved",),
}  # fmt: skip


@for_viewers
@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """The list: firing, acknowledged, what of both is silenced, history."""
    tab = request.GET.get("tab", "")
    tab = tab if tab in TABS else "firing"
    silenced_at = now_of(request) if tab == "silenced" else None
    cursor = request.GET.get("cursor") or None
    page = queries.alerts_page(TABS[tab], silenced_at=silenced_at, limit=PAGE_SIZE, cursor=cursor)
    counts = queries.open_count()
    context = {
        "tab": tab,
        "tabs": tabs(counts),
        "alerts": page.items,
        "next": page.next,
        "destinations": queries.destinations(),
        "rotas": rota_queries.rotas(now_of(request)),
    }
    return render(request, "alerts.html", context)


def tabs(counts: dict[str, int]) -> list[tuple[str, int | None]]:
    """The tabs of the alerts' pages, with how many there are."""
    return [(name, counts.get(name)) for name in TABS]


@for_viewers
@require_safe
def alert(request: HttpRequest, alert_id: str) -> HttpResponse:
    """One alert: its life, and everyone who was told."""
    context = {"alert": queries.alert(alert_id), "history": queries.history(alert_id)}
    return render(request, "alert.html", context)


@for_viewers
@require_POST
def handle(request: HttpRequest, alert_id: str, verb: str) -> HttpResponse:
    """Acknowledge, or take that back."""
    comment = request.POST.get("comment", "").strip()
    now = now_of(request)
    try:
        if verb == "acknowledge":
            handling.acknowledge(actor_of(request), alert_id, comment, now)
        else:
            handling.unacknowledge(actor_of(request), alert_id, now, comment)
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except (Conflict, Invalid) as refused:
        messages.error(request, f"{refused}.")
    return redirect("alert", alert_id)


@for_viewers
@require_POST
def resend(request: HttpRequest, alert_id: str, notification_id: str) -> HttpResponse:
    """Send a notification again that did not get through."""
    try:
        handling.resend(actor_of(request), notification_id, now_of(request))
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except Conflict as refused:
        messages.error(request, f"{refused}.")
    return redirect("alert", alert_id)
