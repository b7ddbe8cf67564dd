"""Cards: the wall, and what changed on it."""

from dataclasses import dataclass, field
from datetime import datetime

from breakers.queries.shapes import Card, Page


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Which breakers; empty means all. `labels` all must match; `q` is found in name, service or dependency."""

    states: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    q: str = ""
    labels: tuple[tuple[str, str], ...] = field(default=())

    def matches(self, card: Card) -> bool:
        """The same question asked of a card in memory."""
        raise NotImplementedError


def parse_filter(text: str) -> CardFilter:
    """The filter of a socket or a URL: `state=open,half_open&service=…&q=…` as a query string; unknown keys raise Invalid."""
    raise NotImplementedError


def for_wall(where: CardFilter, now: datetime, *, limit: int = 200, cursor: str | None = None) -> Page:
    """Cards in the wall's order: worst state first, longest in it, most refused calls, name. Items are Card."""
    raise NotImplementedError


def cards_of(ids: list[int], now: datetime) -> list[Card]:
    """The cards of these breakers, in any order."""
    raise NotImplementedError


def card(breaker_id: str, now: datetime) -> Card:
    """One card. Errors: NotFound for an unknown id in any spelling."""
    raise NotImplementedError


def counts(where: CardFilter, now: datetime) -> dict[str, int]:
    """{state: how many breakers}; states with none are left out."""
    raise NotImplementedError


def changed_since(version: int, now: datetime, *, limit: int = 500) -> tuple[int, list[Card], list[str]] | None:
    """(the board's version, changed cards, ids of deleted breakers) since a version; None where more than `limit` changed or it is too old."""
    raise NotImplementedError
