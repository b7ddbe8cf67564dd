"""An incident's post-mortem in one press: Markdown for people, JSON for programs, the lanes as SVG."""

from datetime import timedelta

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from alerts import incident_queries, recounting
from alerts.domain.postmortems import bullets, table, text
from alerts.domain.wording import span
from alerts.shapes import PostmortemView
from dashboard.charts import swim_lanes as drawing
from dashboard.pages.actors import for_viewers
from dashboard.pages.context import now_of
from dashboard.pages.incidents import lanes

KINDS = {"md": "text/markdown; charset=utf-8", "json": "application/json", "svg": "image/svg+xml"}


@for_viewers
@require_safe
def postmortem(request: HttpRequest, incident_id: str, form: str) -> HttpResponse:
    """The file."""
    now = now_of(request)
    if form == "svg":
        view = incident_queries.incident(incident_id, now)
        body: bytes | str = drawing.svg(view.title, view.started_at, view.resolved_at or "now", lanes(view, now))
    else:
        told = recounting.postmortem(incident_id, now)
        body = markdown(told, f"incident-{incident_id}.svg") if form == "md" else msgspec.json.encode(told)
    response = HttpResponse(body, content_type=KINDS[form])
    response["Content-Disposition"] = f'attachment; filename="incident-{incident_id}.{form}"'
    return response


def markdown(told: PostmortemView, picture: str) -> str:
    """The document. `picture`: the file of the lanes beside it."""
    view = told.incident
    lasted = "not over yet" if told.lasted_s is None else span(timedelta(seconds=told.lasted_s))
    lines = [
        f"# {text(view.title)}",
        "",
        f"Incident {view.id}, {view.started_at} to {view.closed_at or 'now'}, {lasted}. Times are UTC.",
        "",
        f"![The members in the order of opening]({picture})",
        "",
        "## Cause",
        "",
        f"Suspected: **{text(view.suspect.dependency)}**, confidence {view.suspect.confidence}."
        if view.suspect.dependency
        else "Nobody is suspected.",
        "",
        *bullets(view.suspect.reasons),
        "## Members",
        "",
        *table(
            ("Opened", "Resolved", "Service", "Breaker", "Dependency"),
            (
                (
                    each.opened_at,
                    each.resolved_at,
                    each.service,
                    each.breaker.name if each.breaker else None,
                    each.dependency,
                )
                for each in view.members
            ),
        ),
        "## Trips and open minutes by service",
        "",
        *table(("Service", "Trips", "Minutes"), ((name, told.trips[name], n) for name, n in told.open_minutes.items())),
        "## Timeline",
        "",
        *table(("At", "Who", "What"), ((line.at, line.who or "the board", line.what) for line in told.timeline)),
        "## Orders",
        "",
        *table(
            ("At", "Who", "Order", "Breaker", "Status", "Verdict"),
            ((c["at"], c["who"], c["action"], c["breaker"], c["status"], c["verdict"]) for c in told.commands),
        ),
        "## Who was told",
        "",
        *table(
            ("At", "Kind", "Destination", "Alert", "Delivery", "Finished"),
            ((n["at"], n["kind"], n["destination"], n["alert"], n["state"], n["finished_at"]) for n in told.notices),
        ),
        *bullets(f"{n} messages {reason}" for reason, n in told.held_back.items()),
        "## What we learned",
        "",
        "",
    ]
    return "\n".join(lines)
