"""Several: one verb for breakers chosen on the wall, done to each by itself: what failed is said by name.

The same form stands in a dialog of the wall; this is the page behind it, which works without scripts.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from alerts import handling, silencing
from alerts import queries as alert_queries
from alerts.shapes import AlertView
from breakers import commanding, queries
from breakers.access import Actor, Role, require
from breakers.errors import BreakersError, Conflict, Invalid, NotAllowed, NotFound, StoreUnavailable
from breakers.ids import known_id
from breakers.queries.shapes import Card
from dashboard.pages.actors import actor_of, for_viewers
from dashboard.pages.context import back_to, now_of
from dashboard.pages.faces import Second, second
from dashboard.pages.orders import PRESETS, Verb
from dashboard.pages.silences import LENGTHS
from dashboard.pages.words import word

# At once. A silence each is compared with every breaker; for more there are matchers.
MOST = 100
NAMED = 12  # of those that went well, the rest is counted
SHORTEST, USUAL = "30", "60"  # minutes of silence
VERBS = (
    Verb("acknowledge", "Acknowledge", "Takes their firing alerts in hand: nobody is reminded of those any more."),
    Verb("silence", "Silence", "Tells nobody of them for a while. They are recorded and shown as ever."),
    Verb(
        "probe", "Allow a probe", "Orders them half-open: a few calls try the dependency, the rest are still refused."
    ),
    Verb("reset", "Reset", "Orders them closed, with their counts cleared: all calls pass again, at once."),
)
DONE = {
    "acknowledge": "Acknowledged the alerts of",
    "silence": "Silenced",
    "probe": "Ordered a probe of",
    "reset": "Ordered a reset of",
}
ORDERS = ("probe", "reset")


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of those that were chosen, as the form lists it."""

    card: Card
    second: Second
    word: str


@dataclass(frozen=True, slots=True)
class SeveralForm:
    """What was entered, and what is wrong with it."""

    verb: str = "acknowledge"
    ids: tuple[str, ...] = ()
    preset: str = ""
    reason: str = ""
    minutes: str = USUAL
    count: str = ""
    until_recovery: bool = False
    sentence: str = ""
    fields: frozenset[str] = frozenset()
    verbs: tuple[Verb, ...] = VERBS
    presets: tuple[str, ...] = PRESETS
    lengths: dict[str, str] = field(default_factory=lambda: LENGTHS)


BLANK = SeveralForm()


@for_viewers
@require_http_methods(["GET", "HEAD", "POST"])
def several(request: HttpRequest) -> HttpResponse:
    """The form for those that are chosen; posted, it does it to each and goes back to the wall."""
    now, actor, form = now_of(request), actor_of(request), _entered(request)
    cards = _cards(form.ids, now)
    if request.method != "POST":
        return _show(request, form, cards, 200)
    try:
        require(actor, Role.OPERATOR, "acting on several breakers")
        _check(form, cards)
        failed = _do(actor, form, cards, now)
    except NotAllowed as refused:
        return render(request, "403.html", {"sentence": f"{refused}. Nothing was done."}, status=403)
    except Invalid as refused:
        return _show(request, _refused(form, refused), cards, 422)
    _tell(request, form, cards, failed)
    return redirect(back_to(request))


def _do(actor: Actor, form: SeveralForm, cards: Sequence[Card], now: datetime) -> dict[str, str]:
    """Do it to each; {id: why not}. Errors: NotAllowed, Invalid where it can't be done to any."""
    reason = form.reason or form.preset
    if form.verb == "silence":
        return _silence(actor, form, reason, cards, now)
    verbs: dict[str, Callable[[Card], None]] = {
        "acknowledge": lambda card: _acknowledge(actor, card, reason, now),
        "probe": lambda card: _order(actor, card, "probe", reason, now),
        "reset": lambda card: _order(actor, card, "reset", reason, now),
    }
    do, failed = verbs[form.verb], dict[str, str]()
    for place, card in enumerate(cards):
        try:
            do(card)
        except (NotAllowed, Invalid):
            raise
        except StoreUnavailable as refused:
            # Nor can the others: not tried one after the other, each with its wait.
            return failed | {each.id: str(refused) for each in cards[place:]}
        except BreakersError as refused:
            failed[card.id] = str(refused)
    return failed


def _order(actor: Actor, card: Card, action: str, reason: str, now: datetime) -> None:
    commanding.order(actor, card.id, action, reason, at=now)


def _acknowledge(actor: Actor, card: Card, comment: str, now: datetime) -> None:
    require(actor, Role.OPERATOR, "acknowledging an alert")
    found = alert_queries.alerts_page(("firing",), breaker_id=card.id).items
    firing = [alert for alert in found if isinstance(alert, AlertView)]
    if not firing:
        raise Conflict("none of its alerts fires")
    for alert in firing:
        handling.acknowledge(actor, alert.id, comment, now)


def _silence(actor: Actor, form: SeveralForm, reason: str, cards: Sequence[Card], now: datetime) -> dict[str, str]:
    # A star in a name would silence others too.
    plain = [card for card in cards if "*" not in card.service + card.name]
    failed = {
        card.id: "a * in its name would silence others too; silence it by hand" for card in cards if card not in plain
    }
    try:
        silencing.silence_each(
            actor,
            [{"service": card.service, "breaker": card.name} for card in plain],
            ends_at=now + timedelta(minutes=int(form.minutes)),
            comment=reason,
            until_recovery=form.until_recovery,
            at=now,
        )
    except StoreUnavailable as refused:
        return {card.id: str(refused) for card in cards}
    return failed


def _check(form: SeveralForm, cards: Sequence[Card]) -> None:
    """What no verb can do without. Errors: Invalid."""
    wrong: list[tuple[str, str]] = []
    if form.verb not in DONE:
        wrong.append(("verb", f"unknown verb '{form.verb}'; expected one of {', '.join(DONE)}"))
    if not cards:
        wrong.append(("breaker", "no breaker is chosen, or none that is known"))
    if len(form.ids) > MOST:
        wrong.append(("breaker", f"{len(form.ids)} breakers are chosen; {MOST} at once is the most"))
    if not (form.reason or form.preset):
        wrong.append(("reason", "say why: choose a reason or write one"))
    if form.verb == "silence" and form.minutes not in LENGTHS:
        wrong.append(("minutes", "say how long the silence lasts"))
    if form.verb in ORDERS and len(cards) > 1 and form.count != str(len(cards)):
        said = f"'{form.count[:10]}'" if form.count else "nothing"
        wrong.append(
            ("count", f"{len(cards)} breakers are chosen and the number typed is {said}: are all of them meant")
        )
    if wrong:
        raise Invalid(*wrong)


def _tell(request: HttpRequest, form: SeveralForm, cards: Sequence[Card], failed: dict[str, str]) -> None:
    done = [card.name for card in cards if card.id not in failed]
    if done:
        more = f" and {len(done) - NAMED} more" if len(done) > NAMED else ""
        until = f" for {LENGTHS[form.minutes]}" if form.verb == "silence" else ""
        messages.success(request, f"{DONE[form.verb]} {', '.join(done[:NAMED])}{more}{until}.")
    names = {card.id: f"{card.name} in {card.service}" for card in cards}
    by_reason: dict[str, list[str]] = {}
    for id, why in failed.items():
        by_reason.setdefault(why, []).append(names[id])
    if failed:
        messages.error(
            request, "Not done to " + "; ".join(f"{', '.join(some)} ({why})" for why, some in by_reason.items()) + "."
        )


def _show(request: HttpRequest, form: SeveralForm, cards: Sequence[Card], status: int) -> HttpResponse:
    context = {
        "several": form,
        "chosen": [Chosen(card, second(card), word(card.state)) for card in cards],
        "lost": len(set(form.ids)) - len(cards),
        "shut": actor_of(request).role < Role.OPERATOR,
        "back": back_to(request),
    }
    return render(request, "several.html", context, status=status)


def _refused(form: SeveralForm, refused: Invalid) -> SeveralForm:
    fields = frozenset(error["field"] for error in refused.errors)
    said = [f"{each['detail'][:1].upper()}{each['detail'][1:]}".rstrip(".") + "." for each in refused.errors]
    return replace(form, sentence=" ".join(said), fields=fields)


def _entered(request: HttpRequest) -> SeveralForm:
    given = request.POST if request.method == "POST" else request.GET
    verb = given.get("verb", "")[:40]
    return SeveralForm(
        # Posted without one, it is refused below, not guessed.
        verb=verb if request.method == "POST" or verb in DONE else BLANK.verb,
        ids=tuple(dict.fromkeys(given.getlist("breaker"))),
        preset=given.get("preset", "")[:200],
        reason=given.get("reason", "").replace("\x00", "").strip()[:2000],
        minutes=given.get("minutes", USUAL)[:6],
        count=given.get("count", "").strip()[:10],
        until_recovery="until_recovery" in given,
    )


def _cards(ids: Sequence[str], now: datetime) -> list[Card]:
    """Those that are known, in the order in which they were chosen."""
    numbers = []
    for id in ids[:MOST]:
        with suppress(NotFound):
            numbers.append(known_id(id))
    found = {card.id: card for card in queries.cards_of(numbers, now)}
    return [found[id] for id in ids if id in found]
