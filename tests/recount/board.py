"""The board in one process on a clock told by hand: the real recording, sweeps, evaluation and readers, as fast as they go."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar
from unittest.mock import patch

from django.db import connection, transaction

from alerts import evaluating, ruling
from alerts.models import Alert, Rule
from alerts.models.rule import OPENED
from alerts.reviewing import week
from breakers import administering, caching, nudging, queries, silencing
from breakers.access import Actor, Role
from breakers.domain.checking import check
from breakers.domain.plain import plain
from breakers.models import Board, Breaker, Event, Service
from breakers.models.fields import from_us, to_us
from breakers.queries import history
from breakers.recording import record
from breakers.submissions import Answer, Submission
from tests.recount.story import BEGINS, SECOND

# Where the intake says that it is there.
listen = import_module("breakers.listening" if find_spec("breakers.listening") else "breakers.recording").listen
ADA = Actor("ada", Role.ADMIN, "127.0.0.1")
LONG_BEFORE = 1_000 * SECOND
NO_PAUSE = 1e9  # s
# What no story writes to; the audit trail can only grow.
KEPT = {"breakers_audit", "breakers_audithead", "alerts_rule"}
Names = tuple[str, str]
Facts = dict[str, Any]


class Told:
    """A board to which a story is told."""

    tables: ClassVar[list[str]] = []

    def __init__(self) -> None:
        _empty(self._tables())
        ruling.forget()
        Rule.objects.exclude(kind=OPENED).update(enabled=False)
        listen(_at(-LONG_BEFORE), pause_s=0)
        self._services: dict[str, int] = {}

    @classmethod
    def _tables(cls) -> list[str]:
        if not cls.tables:
            names = connection.introspection.table_names()
            ours = [name for name in names if name.startswith(("breakers_", "alerts_")) and name not in KEPT]
            cls.tables.extend(connection.ops.quote_name(name) for name in ours)
        return cls.tables

    def post(self, service: str, events: list[dict[str, Any]], at: int) -> Answer:
        """A body as it would come over the wire, read by the fast way where that reads it."""
        body = json.dumps({"events": [_posted(event) for event in events]}).encode()
        now = _at(at)
        reports = plain(body, to_us(now))
        refusals: list[Any] = []
        if not reports:
            batch = check(json.loads(body)["events"], to_us(now))
            reports, refusals = batch.reports, batch.refusals
        answer = record([Submission(self._service(service), reports, refusals, size=len(body))], now)[0]
        evaluating.evaluate(now)
        return answer

    def rule(self, service: str, breaker: str, rule: str, at: int) -> None:
        """An admin sets how the headline is made."""
        row = Breaker.objects.get(service__name=service, name=breaker)
        administering.set_headline(ADA, str(row.pk), rule, at=_at(at))
        evaluating.evaluate(_at(at))

    def restart(self) -> None:
        """What a process remembers is gone."""
        caching._kept.clear()
        ruling.forget()

    def sweep(self, at: int) -> None:
        """What the clock does. The intake has been there all the while."""
        listen(_at(at), pause_s=NO_PAUSE)
        silencing.sweep(_at(at))
        silencing.tally(_at(at))
        evaluating.sweep(_at(at))

    def facts(self, at: int) -> dict[Names, Facts]:
        """What the readers say of every breaker at this moment."""
        now = _at(at)
        rows = Breaker.objects.select_related("service").order_by("pk")
        return {(row.service.name, row.name): _of_breaker(row, now) for row in rows}

    def sources(self, at: int) -> dict[Names, Facts]:
        """What is said of every poster."""
        return {
            (each.service, source.name): {
                "events": source.events,
                "duplicates": source.duplicates,
                "missing": source.missing,
                "restarts": source.restarts,
            }
            for each in queries.sources_page(_at(at)).items
            for source in each.sources
        }

    def whole(self, at: int) -> Facts:
        """What is said of all together."""
        now = _at(at)
        [*teams] = week(_at(0).replace(hour=0), now)
        return {
            "counts": {state: number for state, number in queries.counts(queries.CardFilter(), now).items() if number},
            "week trips": sum(team.trips for team in teams),
        }

    def _service(self, name: str) -> int:
        if name not in self._services:
            self._services[name] = Service.objects.get_or_create(name=name, defaults={"created_at": _at(0)})[0].pk
        return self._services[name]


def _of_breaker(row: Breaker, now: datetime) -> Facts:
    id = str(row.pk)
    seen = queries.details(id, now)
    card = seen.card
    line = queries.timeline(id, _at(-60 * SECOND), now, now, points=1_000, lanes=True, exact=True)
    told = history.trips(history.outages_told(row.pk, now)[0], now)[0]
    outages = queries.outages(id, _at(-60 * SECOND), now)
    return {
        "state": card.state,
        "since": _since_beginning(card.since),
        "rule": card.headline,
        "instances": dict(card.instances),
        "each instance": {
            each.name: (each.state, _since_beginning(each.since)) for each in seen.instances if each.left_at is None
        },
        "told last": {each.name: each.reported_state for each in seen.instances if each.left_at is None},
        "spans": _spans(line.spans, now),
        "lanes": {lane.instance: _spans(lane.spans, now) for lane in line.lanes or ()},
        "totals": {
            kind: sum(int(str(bucket[kind])) for bucket in line.buckets)
            for kind in ("success", "failure", "timeout", "rejected", "slow", "retry", "fallback", "ignored")
        },
        "last minute": (card.calls_1m, card.failures_1m, card.rejected_1m),
        "failure rate": card.failure_rate_1m,
        "events": Event.objects.filter(breaker_id=row.pk).count(),
        "outages": [
            (_since_beginning(each["started_at"]), _since_beginning(each["ended_at"]), each["failed_probes"])
            for each in outages
        ],
        "trips": (told.trips, round(told.open_s * 1e6)),
        "diagram": {(path.from_state, path.to_state): path.count for path in seen.paths if path.count},
        "alerts": [
            (_since_beginning(alert.started_at), _since_beginning(alert.resolved_at))
            for alert in Alert.objects.filter(breaker=row, rule__kind=OPENED).order_by("started_at", "pk")
        ],
    }


def _spans(told: Any, now: datetime) -> list[tuple[str, int, int]]:
    """With a length, joined where the state is the same."""
    joined: list[tuple[str, int, int]] = []
    for span in told:
        start, end = _since_beginning(span.from_), _since_beginning(span.to or now)
        if end <= start:
            continue
        if joined and joined[-1][0] == span.state and joined[-1][2] == start:
            joined[-1] = span.state, joined[-1][1], end
        elif not (start < 0 and span.state == "unknown"):
            joined.append((span.state, start, end))
        if start < 0 <= end and span.state == "unknown" and end > 0:
            joined.append(("unknown", 0, end))
    return joined


def _posted(event: dict[str, Any]) -> dict[str, Any]:
    """An event of a story as a service posts it."""
    own = from_us(BEGINS + event["own"]).isoformat().replace("+00:00", "Z")
    return {**{name: value for name, value in event.items() if name != "own"}, "occurred_at": own}


def _at(offset: int) -> datetime:
    return from_us(BEGINS + offset)


def _since_beginning(moment: Any) -> Any:
    """Microseconds since the story began; None where there is none."""
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return (moment.astimezone(UTC) - _at(0)) // timedelta(microseconds=1)


def _empty(tables: list[str]) -> None:
    """No story happened here."""
    with connection.cursor() as cursor, connection.constraint_checks_disabled(), transaction.atomic():
        filled = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables)
        cursor.execute(filled)
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")
    Board.objects.create(id=1)


@contextmanager
def in_one_process() -> Iterator[None]:
    """No broker is told of anything, and nobody waits between two bites of a sweep."""
    with patch.object(nudging, "nudge", lambda *_: None), patch.object(silencing, "BETWEEN", 0):
        yield
