"""Filters before the database: what the query language finds there is what it finds in cards, page by page and silent or not."""

from datetime import UTC, datetime, timedelta

import pytest

from breakers import queries
from breakers.errors import Invalid
from breakers.models import Breaker, Instance, Service
from breakers.models.fields import to_us
from breakers.queries import CardFilter, make_filter, parse_filter

pytestmark = pytest.mark.storage
NOW = datetime(2026, 11, 25, 3, 12, tzinfo=UTC)
QUERIES = (
    "",
    "state:open",
    "-state:closed,open",
    "service:pay*",
    "service:payments,search",
    "-service:search",
    "name:card",
    "dependency:*db",
    "label.team:ops",
    "-label.team:*",
    "open>5m",
    "-open>5m",
    "stale<1h",
    "forced:yes",
    "forced:no state:open",
    "incident:yes",
    "incident:7",
    "-incident:yes state:open",
    "silenced:yes",
    "CARD db",
    "state:open,stale label.team:ops card",
)


@pytest.fixture
def fleet(db: None) -> list[str]:
    """Twelve breakers of two services; one is silent, and nobody has swept yet. Their ids."""
    services = [Service.objects.create(name=name, created_at=NOW) for name in ("payments", "search")]
    for number in range(12):
        state = ("closed", "open", "half_open", "forced_open")[number % 4]
        Breaker.objects.create(
            service=services[number % 2],
            name=("card", "Card-authorise")[number % 2] if number < 2 else f"b{number}",
            dependency="cards-db" if number < 6 else f"mail-{number}",
            labels={"team": "ops"} if number % 5 == 0 else {},
            created_at=NOW,
            state=state,
            since=NOW - timedelta(minutes=number),
            instances={state: 1},
            strip=[[to_us(NOW) - 1, state]],
            rejected_1m=number,
            wanted_action="force_open" if number == 9 else None,
            incident={5: "7", 6: "8"}.get(number),
            silenced_until=NOW + timedelta(hours=1) if number in (5, 10) else None,
        )
    silent = Breaker.objects.get(name="b8")
    heard = NOW - timedelta(minutes=5)
    Breaker.objects.filter(pk=silent.pk).update(silence_due_at=heard + timedelta(seconds=125))
    Instance.objects.create(
        breaker=silent,
        name="pod-1",
        state="closed",
        since=heard,
        newest_at=heard,
        first_heard_at=heard,
        heard_at=heard,
        interval_s=60,
    )
    return [str(pk) for pk in Breaker.objects.values_list("pk", flat=True)]


@pytest.mark.parametrize("query", QUERIES)
def test_the_database_and_the_cards_agree(query: str, fleet: list[str]) -> None:
    everything = [queries.card(id, NOW) for id in fleet]
    where = make_filter(query=query)
    meant = {card.id for card in everything if where.matches(card, to_us(NOW))}
    assert {card.id for card in queries.for_wall(where, NOW).items} == meant  # type: ignore[attr-defined]
    assert sum(queries.counts(where, NOW).values()) == len(meant)


def test_a_silent_one_is_found_by_what_it_is_now(fleet: list[str]) -> None:
    [card] = queries.for_wall(make_filter(query="state:stale"), NOW).items
    assert card.name == "b8"  # type: ignore[attr-defined]
    assert queries.counts(make_filter(state="closed"), NOW) == {"closed": 2}


def test_pages_follow_each_other_in_the_walls_order(fleet: list[str]) -> None:
    whole = [card.id for card in queries.for_wall(CardFilter(), NOW).items]  # type: ignore[attr-defined]
    assert len(whole) == len(fleet)
    paged: list[str] = []
    cursor: str | None = None
    while True:
        page = queries.for_wall(CardFilter(), NOW, limit=5, cursor=cursor)
        paged += [card.id for card in page.items]  # type: ignore[attr-defined]
        cursor = page.next
        if cursor is None:
            break
    assert paged == whole


def test_a_socket_speaks_the_same_language() -> None:
    assert parse_filter("query=state%3Aopen+card").terms == make_filter(query="state:open card").terms


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("query=sevice%3Ax", "unknown field 'sevice'"),
        ("state=opne", "unknown state 'opne'"),
        ("label=team", "the label 'team' has no colon"),
        ("colour=red", "unknown filter 'colour'"),
    ],
)
def test_what_can_not_be_read_is_said(text: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        parse_filter(text)
