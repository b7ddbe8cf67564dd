"""A breaker's past in numbers: its trips, its failures by class, what it was set to, and what came before an opening."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from django.db.models import Q

from breakers import bulk
from breakers.domain.silence import SECOND
from breakers.models import SettingsChange
from breakers.models.fields import MICROSECOND, from_us, to_us
from breakers.queries.shapes import ErrorGroup
from breakers.queries.steps import FAILED_PROBE
from breakers.times import rfc3339

DAY_US = 86_400 * SECOND
# Before an opening, for what it may come from.
LOOKED_BACK = timedelta(minutes=30)
WINDOWS = {"24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}
# The failures of a range are looked for among its newest events: a busy breaker has millions of the others.
MOST_LOOKED_AT = 20_000
# Failures up to here before an opening are its errors, so many at most.
BEFORE_OPENING = timedelta(minutes=5)
MOST_BEFORE = 500
_TOLD = "type, count, at, error_type, error_message"
_FAILED = "type IN ('failure', 'timeout')"
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


class Trip(NamedTuple):
    """One outage. `failed_probes`: up to the moment it is told of."""

    started_at: datetime
    ended_at: datetime | None
    failed_probes: int
    first_instance: str | None
    reason: dict[str, Any] | None


def outages_told(breaker_id: int, now: datetime) -> tuple[list[Trip], list[Upstream]]:
    """(Its outages of the longest window that ends now, oldest first, and before them the last one there was;
    who else opened in the half hour before the last one), in one look.

    The others are those on its dependency, and those of a service of the dependency's name.
    """
    text = "::text" if bulk.is_postgresql() else ""
    newest = "SELECT max(l.started_at) FROM breakers_outage l WHERE l.breaker_id = %s AND l.started_at <= %s"
    rows = bulk.select(
        f"SELECT o.started_at, o.ended_at, o.failed_probes, o.first_instance, o.reason{text},"  # noqa: S608
        # Seen from the past, some of them are yet to come. A change that instances share is one.
        " (SELECT count(DISTINCT t.at) FROM breakers_transition t"
        f" WHERE t.breaker_id = o.breaker_id AND {FAILED_PROBE} AND t.at >= o.started_at"
        " AND (o.ended_at IS NULL OR t.at < o.ended_at) AND t.at <= %s), NULL, NULL, NULL, NULL"
        " FROM breakers_outage o WHERE o.breaker_id = %s AND o.started_at <= %s"
        f" AND (o.ended_at IS NULL OR o.ended_at > %s OR o.started_at = ({newest}))"
        " UNION ALL SELECT started_at, NULL, NULL, NULL, NULL, NULL, id, service, name, dependency FROM ("
        "SELECT o.started_at, b.id, s.name AS service, b.name, b.dependency FROM breakers_breaker own"
        " JOIN breakers_breaker b ON b.id <> own.id JOIN breakers_service s ON s.id = b.service_id"
        " AND (b.dependency = own.dependency OR s.name = own.dependency)"
        f" JOIN breakers_outage o ON o.breaker_id = b.id AND o.started_at <= ({newest})"
        f" AND o.started_at >= ({newest}) - %s WHERE own.id = %s ORDER BY o.started_at LIMIT %s) AS others",
        [
            *(to_us(now), breaker_id, to_us(now), to_us(now - max(WINDOWS.values()))),
            *(breaker_id, to_us(now)) * 3,
            *(LOOKED_BACK // MICROSECOND, breaker_id, MOST_UPSTREAM),
        ],
    )
    own = [
        Trip(
            from_us(started),
            None if ended is None else from_us(ended),
            probed,
            first,
            msgspec.json.decode(reason) if reason else None,
        )
        for started, ended, _, first, reason, probed, other, *_ in sorted(rows, key=lambda row: row[0])
        if other is None
    ]
    others = [Upstream(str(row[6]), row[7], row[8], row[9], rfc3339(row[0])) for row in rows if row[6] is not None]
    return own, sorted(others, key=lambda each: each.opened_at)


def trips(rows: Sequence[Trip], now: datetime) -> list[Trips]:
    """Trips, open time and mean time to recover of each window that ends now, of `outages_told()`."""
    return [_trips(name, now - length, now, rows) for name, length in WINDOWS.items()]


def _trips(name: str, start: datetime, now: datetime, rows: Iterable[Trip]) -> Trips:
    touching = [row for row in rows if row.started_at < now and (row.ended_at is None or row.ended_at > start)]
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


class Failing(NamedTuple):
    """Failures of a range; those shortly before an opening; and where the range has none, about when the last one before was."""

    failures: Failures
    opening: list[ErrorGroup]
    earlier: str | None


def failing(
    breaker_id: int, start: datetime | None = None, end: datetime | None = None, *, opened_at: datetime | None = None
) -> Failing:
    """What failed in [start, end), and before the opening at `opened_at`: either may be left out, not both."""
    parts: list[tuple[str, list[Any]]] = []
    if start is not None and end is not None:
        parts += _of_range(breaker_id, start, end)
    if opened_at is not None:
        begins, ends = opened_at - BEFORE_OPENING, opened_at + timedelta(seconds=2)
        parts.append(
            (
                f"SELECT 'opening', {_TOLD} FROM (SELECT {_TOLD} FROM breakers_event WHERE day >= %s AND day <= %s"  # noqa: S608
                f" AND breaker_id = %s AND at >= %s AND at < %s AND {_FAILED} ORDER BY day DESC, at DESC LIMIT %s) AS opening",
                [*_days(begins, ends), breaker_id, to_us(begins), to_us(ends), MOST_BEFORE],
            )
        )
    rows = bulk.select(" UNION ALL ".join(sql for sql, _ in parts), [each for _, params in parts for each in params])
    told: dict[str, list[Any]] = {"range": [], "opening": [], "looked": [], "earlier": []}
    for kind, *row in rows:
        told[kind].append(row)
    # One more than is looked at was asked for.
    cut = bool(told["looked"]) and told["looked"][0][1] > MOST_LOOKED_AT
    earlier = max((row[2] for row in told["earlier"]), default=None)
    return Failing(
        Failures(_grouped(told["range"]), cut),
        _grouped(told["opening"]),
        None if earlier is None else rfc3339(earlier * SECOND),
    )


def _of_range(breaker_id: int, start: datetime, end: datetime) -> list[tuple[str, list[Any]]]:
    """The failures of a range, how many events were looked at, and the buckets of earlier failures where it has none."""
    return [
        (
            f"WITH newest AS (SELECT {_TOLD} FROM breakers_event WHERE day >= %s AND day <= %s AND breaker_id = %s"  # noqa: S608
            " AND at >= %s AND at < %s ORDER BY day DESC, at DESC LIMIT %s)"
            f" SELECT 'range', {_TOLD} FROM newest WHERE {_FAILED}",
            [*_days(start, end), breaker_id, to_us(start), to_us(end), MOST_LOOKED_AT + 1],
        ),
        ("SELECT 'looked', NULL, count(*), NULL, NULL, NULL FROM newest", []),
        *(
            (
                "SELECT 'earlier', NULL, NULL, at, NULL, NULL FROM (SELECT at FROM breakers_rollup WHERE breaker_id = %s"  # noqa: S608
                f" AND width = %s AND at < %s AND failure + timeout > 0 AND NOT EXISTS (SELECT 1 FROM newest WHERE {_FAILED})"
                f" ORDER BY at DESC LIMIT 1) AS of_{width}",
                [breaker_id, width, to_us(start) // SECOND],
            )
            for width in (60, 900, 21_600)
        ),
    ]


def _days(start: datetime, end: datetime) -> tuple[int, int]:
    return to_us(start) // DAY_US, to_us(end) // DAY_US


def _grouped(rows: Iterable[Any]) -> list[ErrorGroup]:
    """By class, most first."""
    groups: dict[str, _Group] = {}
    # The newest first: the sample is the last message that was told.
    for kind, count, at, error_type, message in sorted(rows, key=lambda row: -row[2])[:MOST_LOOKED_AT]:
        name = error_type or ("Timeout" if kind == "timeout" else "Failure without a class")
        groups.setdefault(name, _Group(at, at)).add(count, at, message)
    found = [
        ErrorGroup(name, group.count, rfc3339(group.first), rfc3339(group.last), group.sample)
        for name, group in groups.items()
    ]
    return sorted(found, key=lambda group: -group.count)


@dataclass
class _Group:
    first: int
    last: int
    count: int = 0
    sample: str | None = None

    def add(self, count: int, at: int, message: str | None) -> None:
        self.count += count
        self.first, self.last = min(self.first, at), max(self.last, at)
        self.sample = self.sample or message


def settings_told(
    breaker_id: int, now: datetime, start: datetime | None = None, end: datetime | None = None
) -> tuple[list[SettingsView], list[SettingsView], dict[str, Any] | None]:
    """(Changes of settings up to now, those of [start, end], what it was set to now; None: not told by then), in one look.

    Newest first; the same change at several instances is one.
    """
    rows = SettingsChange.objects.filter(breaker_id=breaker_id)
    wanted = Q(pk__in=rows.filter(at__lte=now).order_by("-at", "-id")[:MOST_SETTINGS].values("pk"))
    if start is not None and end is not None:
        wanted |= Q(at__gte=start, at__lte=end)
    found = list(rows.filter(wanted).order_by("-at", "-id"))
    between = [row for row in found if start is not None and end is not None and start <= row.at <= end]
    return _merged(found[:MOST_SETTINGS]), _merged(between[:MOST_SETTINGS]), dict(found[0].after) if found else None


def _merged(rows: Iterable[SettingsChange]) -> list[SettingsView]:
    merged: list[tuple[SettingsChange, list[str]]] = []
    for row in rows:
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


def _changed(before: dict[str, object], after: dict[str, object]) -> list[tuple[str, object, object]]:
    names = sorted({*before, *after})
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
