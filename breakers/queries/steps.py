"""Steps: the changes of one breaker's state, the headline's and its instances', from one look at them.

What draws a timeline, counts the paths of the diagram and tells how things stood at a moment reads the same table: it is
asked once for all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from breakers import bulk
from breakers.domain.headlines import GONE
from breakers.domain.reports import moment_us
from breakers.models.fields import to_us
from breakers.queries.shapes import Lane, PathCount, Span
from breakers.times import rfc3339

PATHS_WINDOW = timedelta(hours=24)
_FROM = "FROM breakers_transition t WHERE t.breaker_id = %s"
# The step of an instance whose probe failed.
FAILED_PROBE = "t.instance_name IS NOT NULL AND t.from_state = 'half_open' AND t.to_state = 'open'"
_HEADLINE = f"{_FROM} AND t.instance_name IS NULL"
Mark = tuple[int, str]  # when, and to which state
Part = tuple[str, list[Any]]  # a statement's, and its parameters


@dataclass(frozen=True, slots=True)
class Steps:
    """What was asked for: [start, end) in microseconds, and what is told of `now`."""

    start: int
    end: int
    # The headline's steps and each instance's; in which state they came into the range.
    headline: list[Mark] = field(default_factory=list)
    before: str = "unknown"
    has_lanes: bool = False
    lanes: dict[str, list[Mark]] = field(default_factory=dict)
    lanes_before: dict[str, str] = field(default_factory=dict)
    # The headline's steps of the last 24 h, counted; when its last probe failed.
    paths: list[PathCount] = field(default_factory=list)
    probe_failed_at: int | None = None

    def spans(self, present: Sequence[Span] = ()) -> list[Span]:
        """The headline's spans. `present`: its span now, where no sweep may have written a silence yet."""
        marks = list(self.headline)
        last, state = marks[-1] if marks else (self.start, self.before)
        if present and present[0].state != state and (since := moment_us(present[0].from_)) < self.end:
            marks.append((max(last, since), present[0].state))
        return _spans(self.before, marks, self.start, self.end)

    def drawn_lanes(self) -> list[Lane]:
        """Each instance's spans, by name."""
        names = sorted({*self.lanes, *(name for name, state in self.lanes_before.items() if state != GONE)})
        return [
            Lane(name, _spans(self.lanes_before.get(name, GONE), self.lanes.get(name, []), self.start, self.end))
            for name in names
        ]


def steps(
    breaker_id: int,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    lanes: bool = False,
    told: bool = True,
) -> Steps:
    """The steps of [start, end), of the instances too where `lanes`; and where `told`, what is told of `now`."""
    first, last = to_us(start or now), to_us(end or now)
    parts = [
        *(_told_of(breaker_id, now) if told else []),
        *(_of_range(breaker_id, first, last, lanes) if start else []),
    ]
    rows = bulk.select(" UNION ALL ".join(sql for sql, _ in parts), [each for _, params in parts for each in params])
    return _sorted(rows, first, last, lanes)


def _told_of(breaker_id: int, now: datetime) -> list[Part]:
    """The paths of the last 24 h (trips and failed probes are counted as such), and the last probe that failed."""
    return [
        (
            f"SELECT 'path', NULL, t.from_state, t.to_state, max(t.at), -1, count(*) {_HEADLINE}"
            " AND t.at >= %s AND t.at <= %s AND NOT (t.to_state = 'open' AND t.from_state IN ('closed', 'half_open'))"
            " GROUP BY t.from_state, t.to_state",
            [breaker_id, to_us(now - PATHS_WINDOW), to_us(now)],
        ),
        (
            "SELECT 'path', NULL, 'closed', 'open', max(o.started_at), -1, count(*) FROM breakers_outage o"
            " WHERE o.breaker_id = %s AND o.started_at >= %s AND o.started_at <= %s HAVING count(*) > 0",
            [breaker_id, to_us(now - PATHS_WINDOW), to_us(now)],
        ),
        (
            # A change that instances share is one.
            f"SELECT 'path', NULL, 'half_open', 'open', max(t.at), -1, count(DISTINCT t.at) {_FROM} AND {FAILED_PROBE}"  # noqa: S608
            " AND t.at >= %s AND t.at <= %s AND EXISTS (SELECT 1 FROM breakers_outage o WHERE o.breaker_id = t.breaker_id"
            " AND o.started_at <= t.at AND (o.ended_at IS NULL OR o.ended_at > t.at)) HAVING count(*) > 0",
            [breaker_id, to_us(now - PATHS_WINDOW), to_us(now)],
        ),
        (
            f"SELECT 'probe', NULL, NULL, NULL, max(t.at), -1, 0 {_FROM} AND {FAILED_PROBE} AND t.at <= %s",
            [breaker_id, to_us(now)],
        ),
    ]


def _of_range(breaker_id: int, start: int, end: int, lanes: bool) -> list[Part]:
    """The steps of a range, and the last ones before it."""
    parts: list[Part] = [
        (
            f"SELECT 'in', t.instance_name, NULL, t.to_state, t.at, t.sequence, t.id {_FROM if lanes else _HEADLINE}"
            " AND t.at >= %s AND t.at < %s",
            [breaker_id, start, end],
        ),
        (
            "SELECT 'before', NULL, NULL, to_state, at, -1, id FROM (SELECT t.to_state, t.at, t.id"  # noqa: S608
            f" {_HEADLINE} AND t.at < %s ORDER BY t.at DESC, t.id DESC LIMIT 1) AS last_of_them",
            [breaker_id, start],
        ),
    ]
    if lanes:
        parts.append(
            (
                f"SELECT 'before', t.instance_name, NULL, t.to_state, t.at, t.sequence, t.id {_FROM}"  # noqa: S608
                " AND t.instance_name IS NOT NULL AND t.at < %s AND NOT EXISTS (SELECT 1 FROM breakers_transition l"
                " WHERE l.breaker_id = t.breaker_id AND l.instance_name = t.instance_name AND l.at < %s"
                " AND (l.at, l.sequence, l.id) > (t.at, t.sequence, t.id))",
                [breaker_id, start, start],
            )
        )
    return parts


def _sorted(rows: Sequence[Any], start: int, end: int, lanes: bool) -> Steps:
    found = Steps(start, end, has_lanes=lanes)
    before, probe = found.before, None
    for kind, name, from_state, to_state, at, _, count in sorted(rows, key=lambda row: (row[4] or 0, row[5], row[6])):
        match kind:
            case "path":
                found.paths.append(PathCount(from_state, to_state, count, rfc3339(at)))
            case "probe":
                probe = at
            case "in" if name is None:
                found.headline.append((at, to_state))
            case "in":
                found.lanes.setdefault(name, []).append((at, to_state))
            case _ if name is None:
                before = to_state
            case _:
                found.lanes_before[name] = to_state
    found.paths.sort(key=lambda path: (path.from_state, path.to_state))
    return replace(found, before=before, probe_failed_at=probe)


def _spans(first: str, marks: Sequence[Mark], start: int, end: int) -> list[Span]:
    """The spans of [start, end): the state at its start, then each change. Times without an instance are left out."""
    spans = []
    ends = [at for at, _ in marks]
    for (at, state), until in zip([(start, first), *marks], [*ends, end], strict=True):
        at, until = max(at, start), max(min(until, end), start)
        if state != GONE and (until > at or (at, state) != (start, first)):
            spans.append(Span(state, rfc3339(at), rfc3339(until)))
    return spans
