"""Orders: one dialog for all verbs, and the page behind it that works without scripts."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from breakers import commanding, queries
from breakers.access import Role
from breakers.errors import BreakersError, Conflict, Invalid, NotAllowed, NotFound, StoreUnavailable
from breakers.models.command import OVERRIDES
from breakers.queries.shapes import Card, Details, InstanceView, Neighbour
from breakers.queries.survey import neighbours
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import now_of

STATUS = {Conflict: 409, Invalid: 422, StoreUnavailable: 503}
ADMINISTRATIVE = ("forced_open", "forced_closed", "disabled")
MOST_SIBLINGS = 5
MOST_NAMED = 8
NO_INSTANCE = "No live instance can be reached."
PRESETS = (
    "The dependency is healthy again",
    "A deployment fixed the cause",
    "Letting a few calls try",
    "Protecting the dependency",
    "Drill",
)


@dataclass(frozen=True, slots=True)
class Verb:
    """An order that can be given, the gentle ones first, and what it does in words."""

    action: str
    word: str
    effect: str
    harsh: bool = False
    lease: bool = False


VERBS = (
    Verb("probe", "Allow a probe", "Goes half-open now: a few calls try the dependency, the rest are still refused."),
    Verb("reset", "Reset", "Closes it and clears its counts: all calls pass again, at once."),
    Verb("release", "Release", "Leaves the forced state: the breaker decides by itself again."),
    Verb(
        "force_open",
        "Force open",
        "Refuses every call until the end you set, however healthy the dependency is.",
        True,
        True,
    ),
    Verb(
        "force_closed",
        "Force closed",
        "Protection off: every call passes until the end you set, whatever fails.",
        True,
        True,
    ),
    Verb(
        "disable",
        "Disable",
        "Protection off: every call passes and nothing is counted until the end you set.",
        True,
        True,
    ),
)
LEASES = ((15, "15 minutes"), (30, "30 minutes"), (60, "1 hour"), (120, "2 hours"), (240, "4 hours"), (480, "8 hours"))


@dataclass(frozen=True, slots=True)
class OrderForm:
    """What was entered, and what is wrong with it."""

    action: str
    preset: str = ""
    reason: str = ""
    minutes: int = 30
    sentence: str = ""
    fields: frozenset[str] = frozenset()
    verbs: tuple[Verb, ...] = VERBS
    presets: tuple[str, ...] = PRESETS
    leases: tuple[tuple[int, str], ...] = LEASES


@dataclass(frozen=True, slots=True)
class Door:
    """A button that opens the form at a verb; `shut` says why it can't be pressed."""

    action: str
    label: str
    shut: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom an order would reach."""

    live: list[InstanceView] = field(default_factory=list)
    missing: dict[str, list[str]] = field(default_factory=dict)


def doors(details: Details) -> list[Door]:
    """The buttons of a breaker's page."""
    live = [copy for copy in details.instances if copy.left_at is None]
    forced = details.card.state in ADMINISTRATIVE or (details.card.wanted and details.card.wanted.action != "release")
    shown = [("probe", "Probe…"), ("reset", "Reset…"), ("force_open", "Force…")]
    if forced:
        shown.insert(0, ("release", "Release…"))
    return [Door(action, label, "" if live else NO_INSTANCE) for action, label in shown]


def reach(details: Details) -> Reach:
    """Every live instance, and by verb those that said that they can't."""
    live = [copy for copy in details.instances if copy.left_at is None]
    missing = {
        verb.action: [copy.name for copy in live if copy.commands is not None and verb.action not in copy.commands]
        for verb in VERBS
    }
    return Reach(live, {action: names for action, names in missing.items() if names})


def reached(details: Details) -> dict[str, object]:
    """Whom an order would reach, in words: for the page, and for the script that keeps it."""
    found = reach(details)
    return {
        "sentence": reach_sentence(found, details.card.service),
        "lacking": {verb.action: missing_words(found, verb.action) for verb in VERBS},
        "impossible": [verb.action for verb in VERBS if nobody_can(found, verb.action)],
    }


def reach_sentence(found: Reach, service: str) -> str:
    """`2 live instances of orders: pod-1, pod-2.`"""
    total, names = len(found.live), ", ".join(copy.name for copy in found.live[:MOST_NAMED])
    if not total:
        return f"No live instance of {service}."
    more = f" and {total - MOST_NAMED} more" if total > MOST_NAMED else ""
    return f"{total} live instance{'s' * (total != 1)} of {service}: {names}{more}."


def missing_words(found: Reach, action: str) -> str:
    """Which of the instances that an order would reach can't apply it."""
    lacking = found.missing.get(action, [])
    if not lacking:
        return ""
    if nobody_can(found, action):
        return "No instance says that it can do this."
    named = ", ".join(lacking[:3]) + (f" and {len(lacking) - 3} more" if len(lacking) > 3 else "")
    return f"Not offered by {named}."


def nobody_can(found: Reach, action: str) -> bool:
    """Whether every instance that an order would reach said that it can't apply it."""
    return bool(found.live) and len(found.missing.get(action, [])) == len(found.live)


def siblings(card: Card, now: datetime) -> list[Neighbour]:
    """Other breakers on the same dependency that are not closed: the cause may still be there."""
    return neighbours(card, now, limit=MOST_SIBLINGS)


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def order(request: HttpRequest, breaker_id: str) -> HttpResponse:
    """The form on a page of its own; posted, it gives the order."""
    form = _entered(request)
    if request.method != "POST":
        return _show(request, breaker_id, form, 200)
    now = now_of(request)
    try:
        commanding.order(
            actor_of(request), breaker_id, form.action, form.reason or form.preset, until=_until(form, now), at=now
        )
    except BreakersError as refused:
        return _refused(request, breaker_id, form, refused)
    return redirect(f"/breakers/{breaker_id}/#commands")


def _refused(request: HttpRequest, breaker_id: str, form: OrderForm, refused: BreakersError) -> HttpResponse:
    if isinstance(refused, NotFound):
        raise refused
    if isinstance(refused, NotAllowed):
        return render(request, "403.html", {"sentence": f"{_sentence(str(refused))} Nothing was ordered."}, status=403)
    fields = frozenset(error["field"] for error in refused.errors) if isinstance(refused, Invalid) else frozenset[str]()
    status = next((code for kind, code in STATUS.items() if isinstance(refused, kind)), 409)
    shown = OrderForm(form.action, form.preset, form.reason, form.minutes, _sentence(str(refused)), fields)
    return _show(request, breaker_id, shown, status)


def _show(request: HttpRequest, breaker_id: str, form: OrderForm, status: int) -> HttpResponse:
    now = now_of(request)
    details = queries.details(breaker_id, now)
    context = {
        "details": details,
        "card": details.card,
        "form": form,
        "reach": reach(details),
        "siblings": siblings(details.card, now),
        "shut": actor_of(request).role < Role.OPERATOR,
    }
    return render(request, "order.html", context, status=status)


def _entered(request: HttpRequest) -> OrderForm:
    given = request.POST if request.method == "POST" else request.GET
    minutes = given.get("minutes", "")
    known = {verb.action for verb in VERBS}
    action = given.get("action", "")
    return OrderForm(
        # Posted without one, it is refused below, not guessed.
        action=action[:40] if request.method == "POST" or action in known else "reset",
        preset=given.get("preset", "")[:200],
        reason=given.get("reason", "").replace("\x00", "").strip()[:2000],
        minutes=int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 6 else 30,
    )


def _until(form: OrderForm, now: datetime) -> datetime | None:
    return now + timedelta(minutes=form.minutes) if form.action in OVERRIDES else None


def _sentence(text: str) -> str:
    """The error as a sentence: a capital at its front, a stop at its end."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
