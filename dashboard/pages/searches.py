"""Searches: the wall's query in the address, as completions, and kept under a name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest

from breakers import auditing, bulk, queries
from breakers.access import Actor, Role, require
from breakers.domain import searching
from breakers.errors import Conflict, Invalid, NotAllowed, NotFound
from breakers.models import Breaker, Service
from breakers.queries import CardFilter
from dashboard.models import SavedView

MOST_COMPLETIONS = 20
MOST_LABELLED = 1_000  # sets of labels that are looked at
MOST_VIEWS = 50  # of one person
LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Search:
    """What a wall is asked for. `error`: why the query can't be read; then everything is shown."""

    text: str
    where: CardFilter
    error: str = ""

    @property
    def filtered(self) -> bool:
        """Whether anything may be hidden."""
        return self.where != CardFilter()

    @property
    def address(self) -> str:
        """The query of a wall's address."""
        return urlencode({"query": self.text}) if self.text else ""

    def live(self, more: str = "") -> str:
        """The filter of a subscription: this search, and one more term."""
        text = " ".join(part for part in (self.text if self.filtered else "", more) if part)
        return urlencode({"query": text}) if text else ""


def search_of(request: HttpRequest) -> Search:
    """The search in the address: `query`, and the parameters `state`, `service`, `dependency`, `label` and `q` as terms of it."""
    return read(" ".join(part for part in (*_terms(request), _plain(request.GET.get("query", "")).strip()) if part))


def read(text: str) -> Search:
    """A query, or why it can't be read."""
    try:
        return Search(text, queries.make_filter(query=text))
    except Invalid as error:
        return Search(text, CardFilter(), str(error))


def _terms(request: HttpRequest) -> list[str]:
    # A state that we do not know matches nothing, so it is left out.
    asked = [state for value in request.GET.getlist("state") for state in value.split(",")]
    states = [state for state in searching.STATES if state in asked]
    told = [searching.written("state", *states)] if states else []
    for field in ("service", "dependency"):
        values = [text for value in request.GET.getlist(field) if (text := _plain(value))]
        told += [searching.written(field, *values)] if values else []
    for pair in request.GET.getlist("label"):
        key, colon, value = _plain(pair).partition(":")
        told += [searching.written(f"label.{key}", value)] if colon and key else []
    words = _plain(request.GET.get("q", "")).strip()[:200]
    return [*told, searching.written("", words)] if words else told


def _plain(text: str) -> str:
    """Without NUL, which PostgreSQL takes in no text."""
    return text.replace("\x00", "")


def completions(field: str, prefix: str) -> list[str]:
    """Values that a field of the query may have and that begin so, by name; none for a field that there is not."""
    if field == "service":
        return _some(Service.objects.filter(name__istartswith=prefix), "name")
    if field in ("name", "dependency"):
        return _some(Breaker.objects.filter(**{f"{field}__istartswith": prefix}), field)
    if field != "label" and not field.startswith("label."):
        return []
    labelled = Breaker.objects.exclude(labels={}).values_list("labels", flat=True).distinct()[:MOST_LABELLED]
    key = field.removeprefix("label").removeprefix(".")
    found = {text for labels in labelled for text in ([labels[key]] if key in labels else [] if key else labels)}
    return sorted(text for text in found if text.casefold().startswith(prefix.casefold()))[:MOST_COMPLETIONS]


def _some(rows: QuerySet[Any], field: str) -> list[str]:
    return list(rows.order_by(field).values_list(field, flat=True).distinct()[:MOST_COMPLETIONS])


def person(actor: Actor) -> int:
    """Who keeps something of their own. Errors: NotAllowed for what is no person."""
    if actor.user_id is None:
        raise NotAllowed(f"{actor.name} is no person who could keep something")
    return actor.user_id


def views_of(actor: Actor) -> list[SavedView]:
    """What this person kept, by name."""
    return list(SavedView.objects.filter(user_id=person(actor)).order_by("name"))


def save_view(actor: Actor, name: str, query: str, *, at: datetime) -> SavedView:
    """Keep a query under a name; one of that name gets the new query.

    Errors: NotAllowed, Invalid (the name, the query), Conflict (too many).
    """
    require(actor, Role.VIEWER, "keeping a view")
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid(
            ("name", f"a view's name has 1 to {LONGEST_NAME} printable characters; this one is {name[:80]!a}")
        )
    queries.make_filter(query=query)
    with bulk.writing():
        known = SavedView.objects.filter(user_id=person(actor), name=name).first()
        if known is None and SavedView.objects.filter(user_id=person(actor)).count() >= MOST_VIEWS:
            raise Conflict(f"{MOST_VIEWS} views are the most that one person keeps; delete one first")
        before = {"query": known.query} if known else None
        view, _ = SavedView.objects.update_or_create(
            user_id=person(actor), name=name, defaults={"query": query, "created_at": at}
        )
        auditing.write(actor, "view.save", "view", view.pk, name, before=before, after={"query": query}, at=at)
        return view


def delete_view(actor: Actor, view_id: int, *, at: datetime) -> None:
    """Forget a view of one's own. Errors: NotAllowed, NotFound."""
    require(actor, Role.VIEWER, "deleting a view")
    with bulk.writing():
        view = SavedView.objects.filter(user_id=person(actor), pk=view_id).first()
        if view is None:
            raise NotFound(f"there is no view '{view_id}' of yours")
        auditing.write(actor, "view.delete", "view", view.pk, view.name, before={"query": view.query}, at=at)
        view.delete()
