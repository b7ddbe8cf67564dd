"""A breaker's past in numbers: its trips, its failures by class, what it was set to, and what came before an opening."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Q

from breakers import bulk
from breakers.domain.silence import SECOND
from breakers.ids import known_id
from breakers.models import Breaker, Outage, SettingsChange
from breakers.models.fields import to_us
from breakers.queries.shapes import ErrorGroup
from breakers.times import rfc3339

DAY_US = 86_400 * SECOND
WINDOWS = {"24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}
# The failures of a range are looked for among its newest events: a busy breaker has millions of the others.
MOST_LOOKED_AT = 20_000
SAME_CHANGE_WITHIN = timedelta(hours=1)
MOST_SETTINGS = 50
MOST_UPSTREAM = 5


class Trips(msgspec.Struct, frozen=True):
    """How often a breaker tripped in a window, for how long, and how quickly it came back."""

    window: str
    trips: int
    open_s: float
    # Over those that are over; null: none is.
    recover_s: float | None
    longest_s: float | None


class Failures(msgspec.Struct, frozen=True):
    """The failures of a range by class. `cut`: there were more events than were looked at."""

    groups: list[ErrorGroup]
    cut: bool


class SettingsView(msgspec.Struct, frozen=True):
    """One change of settings: which, from what to what, and at which instances."""

    at: str
    instances: list[str]
    changed: list[tuple[str, object, object]]


class Upstream(msgspec.Struct, frozen=True):
    """Another breaker that opened shortly before: on the same dependency, or one of the dependency's own."""

    id: str
    service: str
    name: str
    dependency: str
    opened_at: str


def trips(breaker_id: str, now: datetime) -> list[Trips]:
    """Trips, open time and mean time to recover of each window that ends now."""
    longest = max(WINDOWS.values())
    of_breaker = Outage.objects.filter(breaker_id=known_id(breaker_id), started_at__lt=now)
    rows = list(of_breaker.filter(Q(ended_at=None) | Q(ended_at__gt=now - longest)).order_by("started_at"))
    return [_trips(name, now - length, now, rows) for name, length in WINDOWS.items()]


def _trips(name: str, start: datetime, now: datetime, rows: Iterable[Outage]) -> Trips:
    touching = [row for row in rows if row.ended_at is None or row.ended_at > start]
    lengths = [(min(row.ended_at or now, now) - row.started_at).total_seconds() for row in touching]
    over = [
        (row.ended_at - row.started_at).total_seconds()
        for row in touching
        if row.ended_at is not None and row.ended_at <= now
    ]
    return Trips(
        window=name,
        trips=sum(row.started_at >= start for row in touching),
        open_s=sum((min(row.ended_at or now, now) - max(row.started_at, start)).total_seconds() for row in touching),
        recover_s=sum(over) / len(over) if over else None,
        longest_s=max(lengths, default=None),
    )


def failures(breaker_id: str, start: datetime, end: datetime) -> Failures:
    """The failures of [start, end) by error class, most first, among the newest events of the range."""
    rows = bulk.select(
        "SELECT type, count, at, error_type, error_message FROM (SELECT type, count, at, error_type, error_message"
        " FROM breakers_event WHERE day >= %s AND day <= %s AND breaker_id = %s AND at >= %s AND at < %s"
        " ORDER BY day DESC, at DESC LIMIT %s) AS newest WHERE type IN ('failure', 'timeout')",
        [
            to_us(start) // DAY_US,
            to_us(end) // DAY_US,
            known_id(breaker_id),
            to_us(start),
            to_us(end),
            MOST_LOOKED_AT,
        ],
    )
    groups: dict[str, _Group] = {}
    for kind, count, at, error_type, message in rows:
        name = error_type or ("Timeout" if kind == "timeout" else "Failure without a class")
        groups.setdefault(name, _Group(at, at)).add(count, at, message)
    found = [
        ErrorGroup(name, group.count, rfc3339(group.first), rfc3339(group.last), group.sample)
        for name, group in groups.items()
    ]
    return Failures(sorted(found, key=lambda group: -group.count), _more_events(breaker_id, start, end))


@dataclass
class _Group:
    first: int
    last: int
    count: int = 0
    sample: str | None = None

    def add(self, count: int, at: int, message: str | None) -> None:
        self.count += count
        self.first, self.last = min(self.first, at), max(self.last, at)
        # Newest first: the sample is the last message that was told.
        self.sample = self.sample or message


def _more_events(breaker_id: str, start: datetime, end: datetime) -> bool:
    return bool(
        bulk.select(
            "SELECT 1 FROM breakers_event WHERE day >= %s AND day <= %s AND breaker_id = %s AND at >= %s AND at < %s"
            " ORDER BY day DESC, at DESC LIMIT 1 OFFSET %s",
            [
                to_us(start) // DAY_US,
                to_us(end) // DAY_US,
                known_id(breaker_id),
                to_us(start),
                to_us(end),
                MOST_LOOKED_AT,
            ],
        )
    )


def last_failure_before(breaker_id: str, moment: datetime) -> str | None:
    """About when it failed last before a moment, by the buckets; null: in none that is kept."""
    found: list[int] = []
    for width in (60, 900, 21_600):
        [[at]] = bulk.select(
            "SELECT max(at) FROM breakers_rollup WHERE breaker_id = %s AND width = %s AND at < %s"
            " AND failure + timeout > 0",
            [known_id(breaker_id), width, to_us(moment) // SECOND],
        )
        found += [] if at is None else [at]
    return rfc3339(max(found) * SECOND) if found else None


def settings_history(breaker_id: str, end: datetime, start: datetime | None = None) -> list[SettingsView]:
    """Changes of settings up to a moment, newest first; the same change at several instances is one."""
    rows = SettingsChange.objects.filter(breaker_id=known_id(breaker_id), at__lte=end)
    if start is not None:
        rows = rows.filter(at__gte=start)
    merged: list[tuple[SettingsChange, list[str]]] = []
    for row in rows.order_by("-at", "-id")[:MOST_SETTINGS]:
        known = next(
            (
                names
                for first, names in merged
                if (first.before, first.after) == (row.before, row.after) and first.at - row.at < SAME_CHANGE_WITHIN
            ),
            None,
        )
        if known is None:
            merged.append((row, [row.instance_name]))
        elif row.instance_name not in known:
            known.append(row.instance_name)
    return [SettingsView(rfc3339(row.at), sorted(names), _changed(row.before, row.after)) for row, names in merged]


def settings_at(breaker_id: int, at: datetime) -> dict[str, Any] | None:
    """What a breaker was set to at a moment; None: not told by then."""
    row = SettingsChange.objects.filter(breaker_id=breaker_id, at__lte=at).order_by("-at", "-id").first()
    return dict(row.after) if row else None


def opened_before(breaker_id: str, dependency: str, start: datetime, end: datetime) -> list[Upstream]:
    """Breakers that opened in [start, end]: others on this dependency, and those of a service of its name."""
    # The breakers first, by their own indexes: outages have one of a breaker and a time.
    others = Breaker.objects.filter(Q(dependency=dependency) | Q(service__name=dependency)).exclude(
        pk=known_id(breaker_id)
    )
    rows = (
        Outage.objects.filter(breaker_id__in=others.values("pk"), started_at__gte=start, started_at__lte=end)
        .select_related("breaker__service")
        .order_by("started_at")[:MOST_UPSTREAM]
    )
    return [
        Upstream(
            str(row.breaker_id),
            row.breaker.service.name,
            row.breaker.name,
            row.breaker.dependency,
            rfc3339(row.started_at),
        )
        for row in rows
    ]


def _changed(before: dict[str, object], after: dict[str, object]) -> list[tuple[str, object, object]]:
    names = sorted({*before, *after})
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
