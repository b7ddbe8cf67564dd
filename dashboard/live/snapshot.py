"""What a topic starts from, and what changed since: the socket's reads, each one call in a worker thread.

Every read looks at the board's version first and at the rows after it: what it returns is at least that new.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alerts import queries as alert_queries
from alerts.shapes import AlertView
from breakers import queries
from breakers.errors import NotFound
from breakers.models import Board, Event
from breakers.models.fields import from_us
from breakers.queries import CardFilter
from breakers.queries.breaker_page import Stretch, breaker_picture
from breakers.queries.shapes import Card
from dashboard import doubting
from dashboard.live.filters import AlertFilter
from dashboard.live.messages import MOST_CARDS, AlertsData, BreakerData, Cell, DoubtsData, TallyData, WallData
from dashboard.live.topics import Cursor, Topic

# Beyond this a wall shows numbers alone.
MOST_CELLS = 20_000
# A resume with more changes than this gets a snapshot.
MOST_CHANGES = 500
BUCKET = timedelta(seconds=10)
FIRST_STRETCH = timedelta(minutes=15)
LAST_STRETCH = timedelta(minutes=1)
POINTS = 300


Counts = dict[CardFilter | AlertFilter, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Place:
    """How far the board is: its cursor, and the newest event."""

    cursor: Cursor
    last_event_id: int

    def of(self, topic: Topic) -> Cursor:
        """The cursor of a topic: a breaker's tells the newest event too, so that those after it can be counted."""
        return replace(self.cursor, event=self.last_event_id) if topic.kind == "breaker" else self.cursor


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a version. `cards` (or alerts) None: too much, or too long ago, to tell one by one."""

    place: Place
    cards: Sequence[Card | AlertView] | None
    removed: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=dict)


def place() -> Place:
    """Where the board is now."""
    row = Board.objects.values_list("epoch", "version", "last_event_id").first()
    epoch, version, last_event_id = row or ("0", 0, 0)
    return Place(Cursor(epoch, version), last_event_id)


def changes(since: Cursor, filters: Iterable[CardFilter], now: datetime, *, limit: int = MOST_CHANGES) -> Changes:
    """The changed cards since a cursor, and what each of these filters counts if anything changed."""
    here = place()
    if since.epoch != here.cursor.epoch or since.version > here.cursor.version:
        return Changes(here, None)
    if since == here.cursor:
        return Changes(here, [])
    changed = queries.changed_since(since.version, now, limit=limit)
    if changed is None:
        return Changes(here, None)
    _, cards, removed = changed
    return Changes(here, cards, removed, counts(filters, now) if cards or removed else {})


def counts(filters: Iterable[CardFilter], now: datetime) -> Counts:
    """How many breakers of each filter are in each state."""
    return {where: queries.counts(where, now) for where in filters}


def wall(where: CardFilter, limit: int, now: datetime) -> tuple[Place, WallData]:
    """The wall's picture: the first `limit` cards in its order, and the counts of all."""
    here = place()
    counted, page = queries.wall(where, now, limit=min(limit, MOST_CARDS))
    return here, WallData(counted, page.items, page.next)


def cells(where: CardFilter, now: datetime) -> tuple[Place, WallData]:
    """All breakers of a large wall, by their states alone."""
    here = place()
    found = queries.survey(where, now)
    items: list[object] = [Cell(str(row.id), row.version, row.state) for row in found.rows[:MOST_CELLS]]
    return here, WallData(found.counts, items, None)


def members(where: CardFilter, now: datetime) -> frozenset[int]:
    """Who is in a view now."""
    return frozenset(row.id for row in queries.survey(where, now).rows)


def tally(now: datetime) -> tuple[Place, TallyData]:
    """How many breakers of all are in each state."""
    here = place()
    return here, TallyData(queries.counts(CardFilter(), now))


def inside(where: CardFilter | AlertFilter, now: datetime) -> tuple[Place, frozenset[str]]:
    """The ids of those that a filter finds now; the place is no older than they are."""
    if isinstance(where, AlertFilter):
        found = frozenset(alert_queries.newest_ids(where.statuses, where.services, MOST_CELLS))
    else:
        found = frozenset(map(str, members(where, now)))
    return place(), found


def doubts(now: datetime, bus_lost_at: datetime | None) -> tuple[Place, DoubtsData]:
    """What is ill with the board itself."""
    return place(), DoubtsData(doubting.doubts(now, bus_lost_at))


def alerts(where: AlertFilter, limit: int) -> tuple[Place, AlertsData]:
    """The newest alerts, and how many are not resolved."""
    here = place()
    page = alert_queries.alerts_page(where.statuses, where.services, limit=min(limit, MOST_CARDS))
    return here, AlertsData(alert_queries.open_count(), page.items, page.next)


def alert_changes(since: Cursor, where: AlertFilter) -> Changes:
    """The changed alerts since a cursor."""
    here = place()
    if since.epoch != here.cursor.epoch or since.version > here.cursor.version:
        return Changes(here, None)
    changed = alert_queries.alerts_changed_since(since.version, MOST_CHANGES)
    if changed is None:
        return Changes(here, None)
    _, found, removed = changed
    return Changes(here, found, removed, {where: alert_queries.open_count()} if found or removed else {})


def breaker(breaker_id: str, seen: int | None, now: datetime) -> tuple[Place, BreakerData]:
    """One breaker's page; `seen`: the newest event already told of (None: this is a snapshot). Errors: NotFound."""
    here = place()
    end = _bucket_of(now) + BUCKET
    # Ids are the microsecond of receipt.
    back = FIRST_STRETCH if seen is None else max(LAST_STRETCH, min(now - from_us(seen), FIRST_STRETCH))
    start = _bucket_of(now - back)
    details, timeline = breaker_picture(breaker_id, Stretch(start, end, POINTS, lanes=False), now)
    if details.card.id != breaker_id:
        raise NotFound(f"there is no breaker '{breaker_id}'")
    return here, BreakerData(
        id=details.card.id,
        version=details.card.version,
        card=details.card,
        instances=details.instances,
        commands=queries.commands_of(breaker_id),
        paths=details.paths,
        config=details.config,
        opened_reason=details.opened_reason,
        last_probe_failed_at=details.last_probe_failed_at,
        width_s=timeline.width_s,
        spans=timeline.spans,
        buckets=timeline.buckets,
        new_events=0 if seen is None else _events_between(breaker_id, seen, here.last_event_id),
    )


def _bucket_of(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // BUCKET.total_seconds() * BUCKET.total_seconds(), UTC)


def _events_between(breaker_id: str, after: int, last: int) -> int:
    # Ids grow with receipt, so that the range holds only the newest rows of all breakers.
    return Event.objects.filter(id__gt=after, id__lte=last, breaker_id=int(breaker_id)).count()
