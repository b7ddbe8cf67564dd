"""Firing: which alerts of a monitoring system fire on an instance of a breaker. It is open while at least one does.

Part of the recording, called inside its transaction. A notification that says what is known already is a duplicate; one that
says otherwise is news, however old the alert that it tells of.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from breakers import bulk
from breakers.domain.fields import more
from breakers.domain.reports import Refusal, Report, shown
from breakers.domain.silence import SECOND
from breakers.domain.states import State
from breakers.hearing import Hearing
from breakers.rows import InstanceRow
from breakers.submissions import Answer, Submission
from breakers.workingset import WorkingSet

# Of one instance of a breaker, those that do not fire any more included.
MOST_ALERTS = 1_000
# Processes that took two requests at once may hand them on the other way round; more is a clock that was set back.
TOGETHER = 10 * SECOND

Taken = tuple[Submission, Report, Answer]

_put = bulk.put(
    "breakers_heardalert", {"instance_id": "bigint", "alert": "bytea"}, {"fires": "bool", "heard_at": "bigint"}
)


class Place(NamedTuple):
    """Where alerts are told of."""

    service_id: int
    breaker: str
    instance: str


class Firing:
    """The alerts that one batch tells of."""

    def __init__(self, working: WorkingSet, hearing: Hearing, now: int) -> None:
        self._working = working
        self._hearing = hearing
        self._now = now
        # By place: whether each alert fires that was heard of.
        self._known: dict[Place, dict[bytes, bool]] = {}
        self._news: set[tuple[Place, bytes]] = set()
        # By place: the state that it is in, after what was looked at so far.
        self._state: dict[Place, str | None] = {}

    def weigh(self, fresh: Sequence[Taken]) -> list[Taken]:
        """What is news of these reports, in their order: with the state that follows. Repeats are counted, and left out."""
        kept: list[Taken] = []
        for _, posted in groupby(fresh, lambda taken: id(taken[0])):
            body = list(posted)
            news = {id(taken[1]) for each in self._by_place(body).values() for taken in self._of_one_place(each)}
            kept += [taken for taken in body if taken[1].alert is None or id(taken[1]) in news]
        return kept

    def save(self) -> None:
        """Write down what is news."""
        rows = []
        for place, alert in sorted(self._news):
            copy = self._copy(place)
            if copy is not None:
                rows.append((copy.id, alert, self._known[place][alert], self._now))
        _put(rows)

    def _by_place(self, body: Iterable[Taken]) -> dict[Place, list[Taken]]:
        found: dict[Place, list[Taken]] = {}
        for taken in body:
            submission, report, _ = taken
            if report.alert is not None:
                found.setdefault(Place(submission.service_id, report.breaker, report.instance), []).append(taken)
        return found

    def _of_one_place(self, body: list[Taken]) -> Iterable[Taken]:
        """What is news of one body's alerts. They are told at once: one that fires holds it open, wherever it stands in the body."""
        place = Place(body[0][0].service_id, body[0][1].breaker, body[0][1].instance)
        known = self._alerts_of(place)
        for together in _told_once_each(body):
            before = dict(known)
            # Told otherwise since, or gone: then even what is known is news.
            contradicted = self._state[place] != _state_of(before)
            taken = [each for each in together if self._heard(known, each)]
            state = _state_of(known)
            for each in taken:
                submission, report, answer = each
                assert report.alert is not None
                if before.get(report.alert) is report.fires and not contradicted:
                    answer.duplicates += 1
                    self._hearing.repeated(submission.service_id, report.instance)
                    continue
                self._news.add((place, report.alert))
                report.state = state
                report.at_us = self._not_before(place, report.at_us)
                more(report, "attributes", "firing_alerts", sum(known.values()))
                yield each
            if taken:
                self._state[place] = state

    def _heard(self, known: dict[bytes, bool], taken: Taken) -> bool:
        """Know what it says; refused where the instance has too many alerts."""
        _, report, answer = taken
        assert report.alert is not None
        if report.alert not in known and len(known) >= MOST_ALERTS:
            detail = (
                f"{shown(report.breaker)} has {MOST_ALERTS:,} alerts of {shown(report.instance)}; no more are taken"
            )
            answer.rejected.append(Refusal(report.index, "too_many_alerts", detail))
            return False
        known[report.alert] = report.fires
        return True

    def _alerts_of(self, place: Place) -> dict[bytes, bool]:
        known = self._known.get(place)
        if known is None:
            copy = self._copy(place)
            rows = (
                []
                if copy is None
                else bulk.select("SELECT alert, fires FROM breakers_heardalert WHERE instance_id = %s", [copy.id])
            )
            known = self._known[place] = {bytes(alert): bool(fires) for alert, fires in rows}
            # Who had left comes back, by whatever it says.
            self._state[place] = None if copy is None or copy.left_at is not None else copy.reported_state
        return known

    def _not_before(self, place: Place, at_us: int) -> int:
        """The moment of the news: what was told last stands."""
        copy = self._copy(place)
        if copy is None or copy.state_at is None or not at_us <= copy.state_at <= at_us + TOGETHER:
            return at_us
        return copy.state_at + (copy.state_sequence >= 0)

    def _copy(self, place: Place) -> InstanceRow | None:
        breaker = self._working.breaker(place.service_id, place.breaker)
        return None if breaker is None else self._working.instance(breaker.id, place.instance)


def _state_of(known: dict[bytes, bool]) -> State:
    return State.OPEN if any(known.values()) else State.CLOSED


def _told_once_each(body: Iterable[Taken]) -> Iterable[list[Taken]]:
    """The body in pieces in which no alert is told of twice."""
    piece: list[Taken] = []
    seen: set[bytes | None] = set()
    for taken in body:
        if taken[1].alert in seen:
            yield piece
            piece, seen = [], set()
        piece.append(taken)
        seen.add(taken[1].alert)
    yield piece
