"""Filters: which breakers are meant, by the API's parameters, the wall's query language, or both."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from breakers import bulk
from breakers.domain import searching
from breakers.domain.searching import SearchError, Seen, Terms
from breakers.domain.states import SEVERITY
from breakers.errors import Invalid
from breakers.models.fields import to_us
from breakers.queries.shapes import Card

FIELDS = ("state", "service", "dependency", "q", "label", "query")
_COLUMNS = {"service": "s.name", "name": "b.name", "dependency": "b.dependency"}


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Which breakers; empty means all. `labels` all must match; `q` is found in name, service or dependency.

    `terms` are those of the query language; they must hold too.
    """

    states: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    q: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    terms: Terms = ()

    @property
    def is_plain(self) -> bool:
        """Whether the database can count by it alone."""
        return not (self.q or self.labels or self.terms)

    @property
    def is_timed(self) -> bool:
        """Whether what matches changes with the time alone."""
        return searching.is_timed(self.terms)

    def matches(self, card: Card, now: int) -> bool:
        """Whether the card is one of those asked for. `now` in microseconds."""
        wanted = card.wanted.action if card.wanted else None
        return self.sees(
            Seen(
                card.state,
                card.service,
                card.name,
                card.dependency,
                card.labels,
                to_us(datetime.fromisoformat(card.since)) if self.terms else 0,
                searching.is_forced(card.state, card.instances, wanted),
                card.incident,
                card.silenced_until is not None,
            ),
            now,
        )

    def sees(self, seen: Seen, now: int) -> bool:
        """Whether a breaker is one of those asked for."""
        needle = self.q.casefold()
        texts = (seen.name, seen.service, seen.dependency)
        return (
            (not self.states or seen.state in self.states)
            and (not self.services or seen.service in self.services)
            and (not self.dependencies or seen.dependency in self.dependencies)
            and all(seen.labels.get(key) == value for key, value in self.labels)
            and (not needle or any(needle in text.casefold() for text in texts))
            and searching.holds(self.terms, seen, now)
        )


def parse_filter(text: str) -> CardFilter:
    """The filter of a socket or a URL, as a query string: `state=open,half_open&service=…&label=key:value&q=…&query=…`.

    Errors: Invalid for an unknown key, an unknown state, a label without a colon, or a query that can't be read.
    """
    found: dict[str, list[str]] = {}
    for key, value in parse_qsl(text.lstrip("?")):
        if key not in FIELDS:
            raise Invalid(("filter", f"unknown filter '{key}'; expected one of {', '.join(FIELDS)}"))
        found.setdefault(key, []).append(value)
    between = {"query": " "}
    return make_filter(**{key: between.get(key, ",").join(values) for key, values in found.items()})


def make_filter(
    state: str = "", service: str = "", dependency: str = "", q: str = "", label: str = "", query: str = ""
) -> CardFilter:
    """The filter of the API's parameters, several values separated by commas; `query` is the query language. Errors: Invalid."""
    states = _split(state)
    for name in states:
        if name not in SEVERITY:
            raise Invalid(("state", f"unknown state '{name}'; expected one of {', '.join(SEVERITY)}"))
    labels = []
    for pair in _split(label):
        key, colon, value = pair.partition(":")
        if not colon:
            raise Invalid(("label", f"the label '{pair}' has no colon; expected key:value"))
        labels.append((key, value))
    try:
        terms = searching.parse(query)
    except SearchError as error:
        raise Invalid(("query", str(error))) from error
    return CardFilter(states, _split(service), _split(dependency), q.strip(), tuple(labels), terms)


def conditions(where: CardFilter, now: int) -> tuple[list[str], list[Any]]:
    """What of a filter the database can decide: never less than what matches, for silence may have changed a state."""
    told, params = list[str](), list[Any]()
    for column, values, negated in _exact(where):
        told.append(f"NOT ({bulk.is_one_of(column)})" if negated else bulk.is_one_of(column))
        params.append(bulk.as_list(values))
        if column == "b.state":
            told[-1] = f"({told[-1]} OR b.silence_due_at <= %s)"
            params.append(now)
    return told, params


def _exact(where: CardFilter) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    if where.states:
        yield "b.state", where.states, False
    if where.services:
        yield "s.name", where.services, False
    if where.dependencies:
        yield "b.dependency", where.dependencies, False
    for term in where.terms:
        plain = tuple(value.plain for value in term.values)
        if term.field == "state" or (term.field == "for" and not term.negated):
            yield "b.state", plain, term.negated
        elif term.field in _COLUMNS and not any(value.pieces for value in term.values):
            yield _COLUMNS[term.field], plain, term.negated


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
