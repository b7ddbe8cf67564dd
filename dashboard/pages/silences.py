"""The silences: what is not told now, until when, by whom and why; and a form that says what a new one would hide."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts import queries, rule_queries, silencing
from alerts.domain import matching
from breakers.access import Role
from breakers.errors import Conflict, Invalid, NotAllowed
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.alerts import tabs
from dashboard.pages.context import now_of

LENGTHS = {
    "30": "30 minutes",
    "60": "1 hour",
    "120": "2 hours",
    "240": "4 hours",
    "480": "8 hours",
    "1440": "1 day",
    "10080": "1 week",
}
SHUT = "Silences need the role operator. Nothing was done."
REPEATS = {"": "once", "1": "every day", "7": "every week"}


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def silences(request: HttpRequest) -> HttpResponse:
    """The list and the form; a POST makes one."""
    now = now_of(request)
    saves = request.method == "POST" and "preview" not in request.POST
    if saves and actor_of(request).role < Role.OPERATOR:
        return render(request, "403.html", {"sentence": SHUT}, status=403)
    given = request.POST if request.method == "POST" else request.GET
    wrong: list[str] = []
    if saves:
        try:
            _silence(request, now)
        except Invalid as refused:
            wrong = [each["detail"] for each in refused.errors]
        else:
            messages.success(request, "Silenced: it is recorded and shown as ever, and told to nobody until the end.")
            return redirect("silences")
    matchers, strange = _matchers(given)
    asked = any(given.get(name) for name in (*matching.NAMES, "labels"))
    context = {
        "tab": "silences",
        "tabs": tabs(queries.open_count()),
        "active": rule_queries.silences_page(now, ["active", "coming"], limit=200).items,
        "over": rule_queries.silences_page(now, ["over"], limit=20).items,
        "fields": {
            name: given.get(name, "")
            for name in (*matching.NAMES, "labels", "comment", "from", "minutes", "every_days", "timezone")
        },
        "lengths": LENGTHS,
        "repeats": REPEATS,
        "hides": _hides(matchers) if asked and not strange else "",
        "wrong": [*wrong, *strange],
    }
    return render(request, "silences.html", context, status=422 if wrong else 200)


@for_viewers
@require_safe
def hidden_json(request: HttpRequest) -> HttpResponse:
    """How much these matchers mean now, for the form's script."""
    matchers, wrong = _matchers(request.GET)
    return JsonResponse({"said": "; ".join(wrong) or _hides(matchers)})


@for_viewers
@require_POST
def end(request: HttpRequest, silence_id: str) -> HttpResponse:
    """End it now."""
    try:
        silencing.end(actor_of(request), silence_id, now_of(request))
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except Conflict as refused:
        messages.error(request, f"{refused}.")
    return redirect("silences")


def _silence(request: HttpRequest, now: datetime) -> None:
    given = request.POST
    matchers, wrong = _matchers(given)
    if wrong:
        raise Invalid(*(("labels", each) for each in wrong))
    timezone = given.get("timezone", "").strip() or "UTC"
    if not silencing.is_zone(timezone):
        raise Invalid(("timezone", f"unknown time zone '{timezone[:60]}'; expected one like Europe/Berlin"))
    begins, minutes = _begins(given.get("from", ""), timezone, now), given.get("minutes", "")
    if minutes not in LENGTHS:
        raise Invalid(("to", "say how long it lasts"))
    silencing.silence(
        actor_of(request),
        matchers,
        starts_at=begins,
        ends_at=begins + timedelta(minutes=int(minutes)),
        comment=given.get("comment", ""),
        every_days=int(given["every_days"]) if given.get("every_days") in ("1", "7") else None,
        timezone=timezone,
        until_recovery="until_recovery" in given,
        at=now,
    )


def _begins(text: str, timezone: str, now: datetime) -> datetime:
    """The form's moment, by the clock of that zone; now, where it is empty."""
    if not text.strip():
        return now
    try:
        there = datetime.strptime(text.strip(), "%Y-%m-%dT%H:%M").replace(tzinfo=ZoneInfo(timezone))
        return there.astimezone(UTC)
    except ValueError as error:
        raise Invalid(("from", f"'{text[:40]}' is no moment; expected 2026-11-23T08:00")) from error


def _matchers(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    texts = {name: given.get(name, "").strip() for name in matching.NAMES}
    labels, strange = matching.read_labels(given.get("labels", ""))
    found = {name: value for name, value in {**texts, "labels": labels}.items() if value}
    wrong = [detail for _, detail in matching.read(found)[1]]
    return found, [*wrong, *(f"the label '{word[:60]}' has no colon; expected key:value" for word in strange)]


def _hides(matchers: dict[str, Any]) -> str:
    breakers, alerts = silencing.hidden_by(matching.read(matchers)[0])
    return (
        f"hides {breakers} breaker{'s' * (breakers != 1)}, {alerts} of whose alerts would be told now"
        if breakers
        else "hides nothing that there is now"
    )
