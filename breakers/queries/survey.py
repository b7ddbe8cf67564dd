"""The survey: all breakers of a wall by what orders, groups and counts them. One thin row each, one look for all of it.

Only what is shown becomes a card: a wall of five thousand builds a page of them.
"""

import base64
import binascii
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from breakers import bulk
from breakers.domain.headlines import counted, headline
from breakers.domain.searching import Seen, is_forced
from breakers.domain.states import SEVERITY
from breakers.errors import Invalid
from breakers.models.fields import to_us
from breakers.queries.cards import INSTANCE_HEARD, MOST, cards_of, judged_again, silence_of
from breakers.queries.filters import CardFilter, conditions
from breakers.queries.shapes import Card, Neighbour, Page

RANK = {str(state): rank for rank, state in enumerate(SEVERITY)}
_THIN = "b.id, b.state, s.name, b.name, b.dependency, b.since, b.rejected_1m, b.version, b.silence_due_at, b.headline"
_MORE = "b.labels{t}, b.instances{t}, b.wanted_action, b.incident, b.silenced_until"


class Thin(NamedTuple):
    """A breaker as its place on the wall needs it. `since` in microseconds."""

    id: int
    state: str
    service: str
    name: str
    dependency: str
    since: int
    rejected_1m: int
    version: int


class Survey:
    """All that match a filter, from one look."""

    def __init__(self, rows: list[Thin]) -> None:
        self.rows = rows

    @property
    def counts(self) -> dict[str, int]:
        """{state: how many}, worst first."""
        found = Counter(row.state for row in self.rows)
        return {state: found[state] for state in RANK if found[state]}

    def where(self, states: Iterable[str]) -> "Survey":
        """Those in some states."""
        wanted = frozenset(states)
        return Survey([row for row in self.rows if row.state in wanted])

    def page(self, now: datetime, *, limit: int = MOST, cursor: str | None = None) -> Page:
        """Cards in the wall's order: worst state first, longest in it, most refused calls, name. Items are Card.

        Errors: Invalid for a cursor that is none of ours.
        """
        ranked = sorted(map(_ranked, self.rows))
        if cursor:
            after = _read_cursor(cursor)
            ranked = [rank for rank in ranked if rank > after]
        ids = [rank[-1] for rank in islice(ranked, limit)]
        found = {card.id: card for card in cards_of(ids, now)}
        items: list[object] = [found[str(id)] for id in ids if str(id) in found]
        return Page(items, _make_cursor(ranked[limit - 1]) if len(ranked) > limit > 0 else None)


def survey(where: CardFilter, now: datetime) -> Survey:
    """What a wall shows by this filter."""
    now_us = to_us(now)
    told, params = conditions(where, now_us)
    condition = "WHERE " + " AND ".join(told) if told else ""
    more = ", " + _MORE.format(t="::text" if bulk.is_postgresql() else "") if where.labels or where.terms else ""
    rows = bulk.select(
        f"SELECT {_THIN}{more} FROM breakers_breaker b JOIN breakers_service s ON s.id = b.service_id {condition}",  # noqa: S608
        params,
    )
    due = [row[0] for row in rows if row[8] is not None and row[8] <= now_us]
    silenced = judged_again(due, now_us) if due else {}
    if due or not where.is_plain:
        return Survey([thin for row in rows if (thin := _judged(row, silenced, where, now_us))])
    return Survey([Thin(*row[:8]) for row in rows])


def for_wall(where: CardFilter, now: datetime, *, limit: int = MOST, cursor: str | None = None) -> Page:
    """A page of a wall. Items are Card.

    Errors: Invalid for a cursor that is none of ours.
    """
    page = survey(where, now).page(now, limit=limit, cursor=cursor)
    return Page(_still(where, page.items, now), page.next)


def wall(where: CardFilter, now: datetime, *, limit: int = MOST) -> tuple[dict[str, int], Page]:
    """Counts and first page from one look."""
    found = survey(where, now)
    page = found.page(now, limit=limit)
    return found.counts, Page(_still(where, page.items, now), page.next)


def counts(where: CardFilter, now: datetime) -> dict[str, int]:
    """{state: how many breakers}, worst first; states with none are left out.

    The database counts; only breakers whose silence came due, and what it can't decide, are looked at one by one.
    """
    if not where.is_plain:
        return survey(where, now).counts
    now_us = to_us(now)
    told, params = conditions(where, now_us)
    given = "".join(f" AND {each}" for each in told)
    # One statement sees each breaker once, whatever is committed meanwhile.
    rows = bulk.select(
        f"SELECT b.id, {INSTANCE_HEARD}, b.state, b.headline, 0 FROM breakers_breaker b"  # noqa: S608
        " JOIN breakers_service s ON s.id = b.service_id CROSS JOIN breakers_board"
        " LEFT JOIN breakers_instance i ON i.breaker_id = b.id AND i.left_at IS NULL"
        f" WHERE b.silence_due_at <= %s{given} UNION ALL"
        " SELECT NULL, NULL, NULL, NULL, NULL, NULL, b.state, NULL, count(*) FROM breakers_breaker b"
        " JOIN breakers_service s ON s.id = b.service_id"
        f" WHERE (b.silence_due_at IS NULL OR b.silence_due_at > %s){given} GROUP BY b.state",
        [now_us, *params, now_us, *params],
    )
    found = Counter({row[6]: row[8] for row in rows if row[0] is None})
    due = {row[0]: (row[6], row[7]) for row in rows if row[0] is not None}
    silenced = silence_of((row[1:6] for row in rows if row[1] is not None), now_us)
    for id, (state, rule) in due.items():
        state = str(headline(silenced[id][0], rule)) if id in silenced else state
        found[state] += not where.states or state in where.states
    return counted(found.elements())


def neighbours(card: Card, now: datetime, *, limit: int) -> list[Neighbour]:
    """The other breakers on a breaker's dependency that are not closed, in the wall's order, from one look."""
    now_us = to_us(now)
    rows = bulk.select(
        f"SELECT {_THIN}, {INSTANCE_HEARD} FROM breakers_breaker b JOIN breakers_service s ON s.id = b.service_id"  # noqa: S608
        " CROSS JOIN breakers_board LEFT JOIN breakers_instance i"
        # Only those whose silence came due bring their instances.
        " ON i.breaker_id = CASE WHEN b.silence_due_at <= %s THEN b.id END AND i.left_at IS NULL"
        " WHERE b.dependency = %s AND b.id <> %s AND (b.state <> 'closed' OR b.silence_due_at <= %s)",
        [now_us, card.dependency, int(card.id), now_us],
    )
    silenced = silence_of((row[10:] for row in rows if row[10] is not None), now_us)
    found = {row[0]: _judged(row[:10], silenced, CardFilter(), now_us) for row in rows}
    ranked = sorted(_ranked(thin) for thin in found.values() if thin and thin.state != "closed")
    return [Neighbour(str(id), thin.service, thin.name, thin.state) for *_, id in ranked[:limit] if (thin := found[id])]


def _still(where: CardFilter, items: list[object], now: datetime) -> list[object]:
    """A card is read after its place was: one that left meanwhile is left out."""
    now_us = to_us(now)
    return [item for item in items if isinstance(item, Card) and where.matches(item, now_us)]


def _judged(row: Any, silenced: dict[int, tuple[dict[str, int], int]], where: CardFilter, now: int) -> Thin | None:
    state, since = row[1], row[5]
    instances = _decode(row[11]) if len(row) > 10 else {}
    if again := silenced.get(row[0]):
        instances = again[0]
        judged_state = str(headline(instances, row[9]))
        if judged_state != state:
            state, since = judged_state, again[1]
    labels = _decode_labels(row[10]) if len(row) > 10 and row[10] != "{}" else {}
    wanted, incident, silenced_until = row[12:15] if len(row) > 10 else (None, None, None)
    forced = is_forced(state, instances, wanted)
    seen = Seen(state, row[2], row[3], row[4], labels, since, forced, incident, silenced_until is not None)
    if not where.sees(seen, now):
        return None
    return Thin(row[0], state, row[2], row[3], row[4], since, row[6], row[7])


Rank = tuple[int, int, int, str, str, int]


def _ranked(row: Thin) -> Rank:
    return RANK[row.state], row.since, -row.rejected_1m, row.name, row.service, row.id


def _make_cursor(rank: Rank) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(rank)).decode().rstrip("=")


def _read_cursor(text: str) -> Rank:
    try:
        return _rank_decoder.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError) as error:
        raise Invalid(("cursor", f"the cursor '{text[:60]}' is none of ours")) from error


_decode = msgspec.json.Decoder(dict[str, int]).decode
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
_rank_decoder: msgspec.json.Decoder[Rank] = msgspec.json.Decoder(Rank)
