"""The map: which service calls which dependency through its breakers, and how they stand."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from breakers import bulk
from breakers.domain.states import SEVERITY
from breakers.models.fields import to_us
from breakers.queries.cards import cards_of
from breakers.queries.filters import CardFilter
from breakers.queries.shapes import Card
from breakers.queries.survey import for_wall
from breakers.times import rfc3339

RANK = {state.value: rank for rank, state in enumerate(SEVERITY)}
REFUSING = ("open", "forced_open")
MOST_CALLERS = 1_000


class Edge(msgspec.Struct):
    """All breakers of one service on one dependency. `state`: the worst of them, `since` when the first of them is in it."""

    service: str
    dependency: str
    state: str
    since: str
    counts: dict[str, int]
    calls_1m: int
    failures_1m: int
    rejected_1m: int
    # The one that has been in the worst state for longest.
    breaker_id: str

    @property
    def total(self) -> int:
        """How many breakers it stands for."""
        return sum(self.counts.values())


def edges(now: datetime) -> list[Edge]:
    """Every edge, by service and dependency. The database adds up; only breakers whose silence came due need cards."""
    due = [row[0] for row in bulk.select("SELECT id FROM breakers_breaker WHERE silence_due_at <= %s", [to_us(now)])]
    condition = f" WHERE NOT ({bulk.is_one_of('b.id')})" if due else ""
    rows = bulk.select(
        "SELECT s.name, b.dependency, b.state, count(*), min(b.since), sum(b.calls_1m), sum(b.failures_1m),"  # noqa: S608
        " sum(b.rejected_1m), min(b.id) FROM breakers_breaker b JOIN breakers_service s ON s.id = b.service_id"
        f"{condition} GROUP BY s.name, b.dependency, b.state",
        [bulk.as_list(due)] if due else [],
    )
    parts = [
        Edge(
            row[0],
            row[1],
            row[2],
            rfc3339(row[4]),
            {row[2]: row[3]},
            int(row[5]),
            int(row[6]),
            int(row[7]),
            str(row[8]),
        )
        for row in rows
    ]
    return added_up([*parts, *map(edge_of, cards_of(due, now))])


def edge_of(card: Card) -> Edge:
    """The part of an edge that one breaker is."""
    return Edge(
        card.service,
        card.dependency,
        card.state,
        card.since,
        {card.state: 1},
        card.calls_1m,
        card.failures_1m,
        card.rejected_1m,
        card.id,
    )


def added_up(parts: Iterable[Edge]) -> list[Edge]:
    """Parts of the same edges as one each."""
    found: dict[tuple[str, str], Edge] = {}
    for part in parts:
        known = found.get((part.service, part.dependency))
        if known is None:
            found[part.service, part.dependency] = part
            continue
        if (RANK[part.state], part.since) < (RANK[known.state], known.since):
            known.state, known.since, known.breaker_id = part.state, part.since, part.breaker_id
        for state, count in part.counts.items():
            known.counts[state] = known.counts.get(state, 0) + count
        known.calls_1m += part.calls_1m
        known.failures_1m += part.failures_1m
        known.rejected_1m += part.rejected_1m
    return sorted(found.values(), key=lambda edge: (edge.service, edge.dependency))


def callers(dependency: str, now: datetime) -> list[Card]:
    """The breakers on a dependency in the wall's order: those that are cut off from it first."""
    found = for_wall(CardFilter(dependencies=(dependency,)), now, limit=MOST_CALLERS)
    return [card for card in found.items if isinstance(card, Card)]


def calls_of(service: str, now: datetime) -> list[Card]:
    """The breakers of a service: what it calls itself."""
    found = for_wall(CardFilter(services=(service,)), now, limit=MOST_CALLERS)
    return [card for card in found.items if isinstance(card, Card)]
