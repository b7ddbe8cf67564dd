"""Recording: the only writer of breaker state.

A report becomes an Event always, a Transition when the state really changed. Safe to call twice with the same event
id. One transaction for a whole batch of requests: events, transitions, projections, the next change number.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import IntegrityError

from breakers import (
    bulk,
    caching,
    commanding,
    headlining,
    listening,
    proving,
    quieting,
    redrawing,
    remembering,
    sharing,
)
from breakers.caching import Stamp
from breakers.domain import history
from breakers.domain.headlines import GONE
from breakers.domain.history import LATE_AFTER, Told
from breakers.domain.reports import Refusal, Report, shown
from breakers.domain.silence import DEFAULT_INTERVAL_S, SECOND, heard_from, quiet
from breakers.domain.states import Change, State, observe
from breakers.domain.verdicts import Traffic
from breakers.filing import event_row, insert_events
from breakers.firing import Firing
from breakers.hearing import Hearing
from breakers.models.fields import from_us, to_us
from breakers.reaching import reach
from breakers.rows import BreakerRow, InstanceRow, Step, as_json, decode
from breakers.signals import Changes, breakers_changed, sources_spoke_again
from breakers.submissions import Answer, Submission
from breakers.workingset import WorkingSet

MINUTE_S = 60
CALLS = frozenset({"success", "failure", "timeout"})
FAILURES = frozenset({"failure", "timeout"})
OUTCOMES = frozenset({*CALLS, "rejected", "slow", "retry", "fallback", "ignored"})


# What a batch needs to know of the board; the last two: whether any command is under way, and up to when all of us have listened.
BOARD = (
    "SELECT epoch, version, last_event_id, listening_since, folded_until,"  # noqa: S608
    " EXISTS (SELECT 1 FROM breakers_delivery WHERE active = %s),"
    f" ({listening.LEAST}) FROM breakers_board"
)


def record(submissions: Sequence[Submission], at: datetime) -> list[Answer]:
    """Store the events and apply them, all or nothing; an answer for each submission, in their order.

    Errors: StoreUnavailable where the database can't be written; then nothing was stored.
    """
    if not _repeats.expected():
        try:
            with bulk.writing(BOARD, [True, to_us(at) - listening.GIVEN_UP_US]) as writing:
                return _Recording(at, writing).of(submissions)
        except IntegrityError:
            # Something was posted before: once more, this time asking first what.
            _repeats.met()
    with bulk.writing(BOARD, [True, to_us(at) - listening.GIVEN_UP_US]) as writing:
        return _Recording(at, writing, ask_first=True).of(submissions)


class _Repeats:
    """Whether to ask which ids the store has already. Most posts hold none, and the store refuses them anyway; where one was met, others follow."""

    FOR = 50  # batches

    def __init__(self) -> None:
        self._left = 0

    def expected(self) -> bool:
        self._left = max(0, self._left - 1)
        return self._left > 0

    def met(self) -> None:
        self._left = self.FOR


_repeats = _Repeats()


class _Recording:
    """One batch on its way into the store."""

    def __init__(self, at: datetime, writing: bulk.Writing, *, ask_first: bool = False) -> None:
        self._now = to_us(at)
        self._writing = writing
        self._ask_first = ask_first
        [[self._epoch, self._version, last_id, since, folded, self._under_way, horizon]] = writing.first
        self._working = WorkingSet(self._now, caching.take(Stamp(self._epoch, self._version, last_id)))
        self._hearing = Hearing((self._epoch, self._version), self._now)
        self._next_id = max(last_id + 1, self._now)
        self._listening = since or 0
        # Up to when all web processes are known to have listened.
        self._horizon = self._now if horizon is None else horizon
        self._folded = folded or 0
        self._events: list[tuple[Any, ...]] = []
        self._steps: dict[int, list[Step]] = {}
        # What instances told, in its order: states, and calls while a command is under way.
        self._shown: dict[int, list[str | Traffic]] = {}
        # What was told of a time before what is drawn: by breaker and instance.
        self._late: dict[int, dict[int, list[Told]]] = {}
        # When an instance said that it is open, having been in another state.
        self._reopened: dict[int, int] = {}
        self._requests: dict[tuple[int, bytes], bytes | None] = {}
        self._new_requests: list[tuple[Submission, Answer]] = []
        self._reached: dict[tuple[int, str], tuple[int, str]] = {}
        self._headline_changed = False
        self._settings: list[remembering.Told] = []
        # Buckets whose end is within the last minute count in the cards.
        self._minute_from = (self._now // SECOND - MINUTE_S) // 10 * 10 + 10

    def of(self, submissions: Sequence[Submission]) -> list[Answer]:
        answers = [Answer(submission.dropped, 0, list(submission.refusals), []) for submission in submissions]
        self._refuse_conflicts(submissions, answers)
        self._hearing.load((s.service_id, r.instance) for s in submissions for r in s.reports)
        fresh = list(self._fresh(submissions, answers))
        self._working.load((s.service_id, r.breaker, r.instance) for s, r, _ in fresh)
        self._working.load_whole(self._shared_breakers(fresh))
        # Place of receipt last: equal times and sequences stay as they were posted.
        fresh.sort(key=_order)
        firing = Firing(self._working, self._hearing, self._now) if any(s.alerts for s in submissions) else None
        if firing is not None:
            fresh = firing.weigh(fresh)
        for submission, report, answer in fresh:
            self._take(submission.service_id, report, answer)
        self._draw()
        if firing is not None:
            firing.save()
        self._save()
        for (service_id, what), (times, detail) in self._reached.items():
            reach(service_id, what, times, detail, from_us(self._now))
        self._remember_requests()
        self._hand_out(submissions, answers)
        return answers

    def _refuse_conflicts(self, submissions: Sequence[Submission], answers: list[Answer]) -> None:
        for submission, answer in zip(submissions, answers, strict=True):
            if submission.request_key is None:
                continue
            request = (submission.service_id, submission.request_key)
            if request not in self._requests:
                known = bulk.select(
                    "SELECT body_digest FROM breakers_request WHERE service_id = %s AND key = %s", request
                )
                self._requests[request] = bytes(known[0][0]) if known else None
            seen = self._requests[request]
            if seen is None:
                self._requests[request] = submission.body_digest
                self._new_requests.append((submission, answer))
            elif seen != submission.body_digest:
                answer.conflict = True

    def _remember_requests(self) -> None:
        """Only what is answered 202 leaves its key behind."""
        for submission, answer in self._new_requests:
            if answer.accepted or answer.duplicates or not answer.rejected:
                bulk.run(
                    "INSERT INTO breakers_request (service_id, key, body_digest, received_at) VALUES (%s, %s, %s, %s)",
                    [submission.service_id, submission.request_key, submission.body_digest, self._now],
                )

    def _fresh(
        self, submissions: Sequence[Submission], answers: list[Answer]
    ) -> Iterable[tuple[Submission, Report, Answer]]:
        """What was not posted before; repeats are counted."""
        known = self._known(submissions) if self._ask_first else set()
        for submission, answer in zip(submissions, answers, strict=True):
            if answer.conflict:
                continue
            for report in submission.reports:
                if report.key is not None:
                    if (submission.service_id, report.key) in known:
                        answer.duplicates += 1
                        self._hearing.repeated(submission.service_id, report.instance)
                        continue
                    known.add((submission.service_id, report.key))
                yield submission, report, answer

    def _known(self, submissions: Sequence[Submission]) -> set[tuple[int, bytes]]:
        posted: dict[int, list[bytes]] = {}
        for submission in submissions:
            for report in submission.reports:
                if report.key is not None:
                    posted.setdefault(submission.service_id, []).append(report.key)
        return {(service, key) for service, keys in posted.items() for key in bulk.known_keys(service, keys)}

    def _shared_breakers(self, fresh: list[tuple[Submission, Report, Answer]]) -> set[int]:
        found = (
            self._working.breaker(s.service_id, r.breaker) for s, r, _ in fresh if r.shared and r.state is not None
        )
        return {breaker.id for breaker in found if breaker is not None}

    def _take(self, service_id: int, report: Report, answer: Answer) -> None:
        """One report: an event always; what it says of its breaker and instance."""
        working = self._working
        breaker = working.breaker(service_id, report.breaker) or working.add_breaker(
            service_id, report.breaker, report.dependency or report.breaker, report.at_us
        )
        if breaker is None:
            most = working.limits(service_id).breakers
            detail = f"{shown(report.breaker)} would be one breaker too many: the service may have {most:,}"
            self._refuse(service_id, "breakers", report, answer, detail)
            return
        copy = working.instance(breaker.id, report.instance)
        if copy is None:
            # A new instance changes the counts: they need to know all of them.
            working.load_whole([breaker.id])
            copy = working.add_instance(breaker.id, report.instance, report.at_us)
            if copy is None:
                most = working.limits(service_id).instances
                detail = f"{shown(report.instance)} would be one instance too many: a breaker of this service may have {most:,}"
                self._refuse(service_id, "instances", report, answer, detail)
                return
            self._steps.setdefault(breaker.id, []).append(Step(copy, GONE, copy.state, report.at_us))
        answer.accepted += 1
        event_id = self._next_id
        self._next_id += 1
        self._events.append(event_row(event_id, service_id, breaker.id, copy.id, report))
        self._hearing.hear(service_id, report, copy, working)
        told = _told(report, event_id, copy)
        self._fall_silent(breaker, copy)
        self._hear(breaker, copy, report)
        self._describe(breaker, copy, report)
        if report.state is not None:
            self._move(breaker, copy, report, told)
        else:
            self._live(breaker, copy, report, told)
        if report.type in OUTCOMES:
            self._count(breaker, copy, report)

    def _refuse(self, service_id: int, what: str, report: Report, answer: Answer, detail: str) -> None:
        answer.rejected.append(Refusal(report.index, "too_many_breakers", detail))
        times, _ = self._reached.get((service_id, what), (0, ""))
        self._reached[service_id, what] = times + 1, detail

    def _fall_silent(self, breaker: BreakerRow, copy: InstanceRow) -> None:
        """The silence that this report ends is drawn, whether a sweep has seen it or not."""
        if copy.interval_s is None or copy.left_at is not None:
            return
        heard = heard_from(copy.heard_at, self._listening)
        # One that would begin with this very report is none.
        silence = quiet(heard, copy.interval_s, min(self._now - 1, self._horizon))
        if silence is not None and (steps := quieting.fall(copy, silence)):
            self._steps.setdefault(breaker.id, []).extend(steps)

    def _hear(self, breaker: BreakerRow, copy: InstanceRow, report: Report) -> None:
        """A sign of life."""
        copy.touched = True
        copy.heard_at = self._now
        if (report.at_us, report.sequence) >= (copy.newest_at, copy.newest_sequence):
            copy.newest_at, copy.newest_sequence = report.at_us, report.sequence
        if breaker.last_event_at is None or report.at_us > breaker.last_event_at:
            breaker.last_event_at = report.at_us

    def _live(self, breaker: BreakerRow, copy: InstanceRow, report: Report, told: Told) -> None:
        """What the report says of its instance's being there: in order it moves the present, else history is redrawn by it."""
        gone = copy.left_at is not None
        in_order = self._is_after(copy, told) and not (told.late and (copy.stopped or told.says == GONE))
        if told.says == GONE:
            if in_order:
                self._leave(breaker, copy, told)
            else:
                self._end_silence(breaker, copy, told)
                self._redraw(breaker, copy, told)
        elif gone or quieting.is_silent(copy):
            if in_order:
                self._come_back(breaker, copy, copy.reported_state or State.UNKNOWN, told)
            elif not copy.stopped:
                self._end_silence(breaker, copy, told)
                self._redraw(breaker, copy, told)
            elif self._may_matter(copy, told):
                self._redraw(breaker, copy, told)
        elif self._may_matter(copy, told):
            self._redraw(breaker, copy, told)
        if report.shared and copy.reported_state is None:
            self._adopt(breaker, copy, told)

    def _is_after(self, copy: InstanceRow, told: Told) -> bool:
        """Whether this is at the end of what is drawn of the instance. A silence that ends as it begins was none."""
        by_silence = quieting.is_silent(copy) or (copy.left_at is not None and not copy.stopped)
        return told.at > copy.since or (told.at == copy.since and not by_silence and not told.late)

    def _may_matter(self, copy: InstanceRow, told: Told) -> bool:
        """Whether a late sign of life may show that the instance was there when nothing is drawn of it."""
        return told.at < (copy.quiet_until or 0) or (told.at < copy.since and told.at < copy.first_heard_at)

    def _leave(self, breaker: BreakerRow, copy: InstanceRow, told: Told) -> None:
        quieting.end(copy, told.at)
        steps = self._steps.setdefault(breaker.id, [])
        if steps and steps[-1].instance is copy and _is_arrival(steps[-1]):
            # It came with its last word: it was never there.
            steps.pop()
            copy.since = copy.left_at = told.at
        elif copy.left_at is None:
            steps.append(Step(copy, copy.state, GONE, told.at, told.place, told.sequence, after=copy.since))
            copy.since = copy.left_at = told.at
        copy.state = copy.reported_state or State.UNKNOWN
        copy.stopped, copy.changed = True, True

    def _come_back(
        self, breaker: BreakerRow, copy: InstanceRow, state: str, told: Told, at: int | None = None, **more: Any
    ) -> None:
        """From silence, or from having left."""
        at = told.at if at is None else at
        before = GONE if copy.left_at is not None else copy.state
        quieting.end(copy, at)
        late = self._is_late(copy, at)
        self._step(
            breaker, copy, state, at, told.place, from_state=before, sequence=told.sequence, told_late=late, **more
        )

    def _is_late(self, copy: InstanceRow, at: int) -> bool:
        """Whether it was told late, of a time in which nothing was heard of the instance."""
        return at < (copy.quiet_until or 0) and self._now - at > LATE_AFTER

    def _end_silence(self, breaker: BreakerRow, copy: InstanceRow, told: Told) -> None:
        """It tells of an earlier time, but it is heard now."""
        if (copy.left_at is not None and not copy.stopped) or (copy.left_at is None and quieting.is_silent(copy)):
            at = max(self._now, copy.since)
            self._come_back(breaker, copy, copy.reported_state or State.UNKNOWN, told, at)

    def _redraw(self, breaker: BreakerRow, copy: InstanceRow, told: Told) -> None:
        self._steps.setdefault(breaker.id, [])
        self._late.setdefault(breaker.id, {}).setdefault(copy.id, []).append(told)

    def _describe(self, breaker: BreakerRow, copy: InstanceRow, report: Report) -> None:
        """What the report says beside its happening."""
        if report.dependency is not None and report.dependency != breaker.dependency:
            breaker.dependency, breaker.changed = report.dependency, True
        if report.labels is not None and report.labels != decode(breaker.labels):
            breaker.labels, breaker.changed = as_json(report.labels), True
        if report.config is not None and report.config != decode(copy.config):
            self._settings += remembering.told(breaker, copy, report.config, report.at_us)
            copy.config, copy.changed = as_json(report.config), True
        if report.config is not None and report.config != decode(breaker.config):
            breaker.config, breaker.changed = as_json(report.config), True
        if report.type == "heartbeat" and report.commands is not None:
            told = as_json(report.commands)
            if told != copy.commands:
                copy.commands, copy.changed = told, True
        if report.library is not None and report.library != copy.library:
            copy.library, copy.changed = report.library, True
        if report.library_version is not None and report.library_version != copy.library_version:
            copy.library_version, copy.changed = report.library_version, True
        if report.error_type is not None and report.type in FAILURES:
            copy.last_error_type = breaker.last_error_type = report.error_type
        interval = report.interval_s
        if interval is None and report.type == "heartbeat" and copy.interval_s is None:
            interval = DEFAULT_INTERVAL_S
        if interval is not None and interval != copy.interval_s:
            copy.interval_s, copy.changed = interval, True
            self._steps.setdefault(breaker.id, [])

    def _move(self, breaker: BreakerRow, copy: InstanceRow, report: Report, told: Told) -> None:
        """What the report says of the state."""
        assert report.state is not None
        older = copy.state_at is not None and _is_older(report, copy.state_at, copy.state_sequence)
        in_order = not older and self._is_after(copy, told) and not (told.late and copy.stopped)
        if report.shared:
            self._working.load_whole([breaker.id])
            for other in self._working.of_breaker(breaker.id):
                if other is not copy:
                    self._fall_silent(breaker, other)
            in_order = in_order and self._is_newest_of_all(breaker, copy, told)
            if (
                in_order
                and told.change
                and copy.reported_state != report.state
                and self._is_told_already(breaker, told)
            ):
                # A witness: no more than a sign of life.
                self._live(breaker, copy, report, msgspec.structs.replace(told, says=None))
                return
        if not in_order and not self._changes_nothing(copy, report, told, older):
            self._end_silence(breaker, copy, told)
            self._redraw(breaker, copy, told)
        if older:
            return
        self._shown.setdefault(copy.id, []).append(report.state)
        if report.state == State.OPEN and copy.reported_state != State.OPEN:
            self._reopened[copy.id] = told.at
        change = observe(
            State(copy.reported_state) if copy.reported_state else None,
            report.state,
            report.from_state,
            told=told.change,
        )
        hidden = copy.left_at is not None or quieting.is_silent(copy)
        copy.state_at, copy.state_sequence = report.at_us, report.sequence
        copy.changed = True
        if report.state == State.OPEN and report.next_probe_us is not None:
            copy.next_probe_at = report.next_probe_us
            self._steps.setdefault(breaker.id, [])
        elif report.state != State.OPEN:
            copy.next_probe_at = None
        copy.reported_state = report.state
        if breaker.reported_state != report.state:
            breaker.reported_state, breaker.changed = report.state, True
        if in_order and (change or copy.state != report.state or copy.left_at is not None):
            self._follow(breaker, copy, report, told, change, hidden=hidden)
        if report.shared and in_order:
            self._share(breaker, copy, report, told)

    def _changes_nothing(self, copy: InstanceRow, report: Report, told: Told, older: bool) -> bool:
        """Whether it repeats what is drawn since before it: nothing was told in between that said anything else."""
        return (
            older
            and not report.shared
            and told.at > copy.since
            and report.state == copy.state == copy.reported_state
            and copy.left_at is None
        )

    def _follow(
        self,
        breaker: BreakerRow,
        copy: InstanceRow,
        report: Report,
        told: Told,
        change: Change | None,
        *,
        hidden: bool,
    ) -> None:
        assert report.state is not None
        gap = change is not None and change.gap
        if hidden:
            gap = gap and copy.left_at is None
            self._come_back(breaker, copy, report.state, told, gap=gap, reason=report.reason)
            return
        if change and copy.state == State.UNKNOWN and change.from_state != copy.state and not change.gap:
            # Its first word also says what it came from.
            self._step(breaker, copy, change.from_state, told.at, told.place)
        self._step(
            breaker,
            copy,
            report.state,
            told.at,
            told.place,
            sequence=told.sequence,
            gap=gap,
            told_late=self._is_late(copy, told.at),
            reason=report.reason,
        )

    def _share(self, breaker: BreakerRow, teller: InstanceRow, report: Report, told: Told) -> None:
        """Instances that keep one state in a store of theirs: the newest told counts for all that are there."""
        assert report.state is not None
        for copy in self._working.of_breaker(breaker.id):
            if copy is teller:
                continue
            hidden = copy.left_at is not None or quieting.is_silent(copy)
            # Each instance counts its own events: with another's number nothing can be compared.
            copy.state_at, copy.state_sequence = report.at_us, -1
            copy.reported_state, copy.changed = report.state, True
            if copy.state != report.state and not hidden:
                self._step(breaker, copy, report.state, report.at_us, told.place, reason=report.reason)

    def _is_newest_of_all(self, breaker: BreakerRow, teller: InstanceRow, told: Told) -> bool:
        """Whether nothing that any instance told of the shared state, or that is drawn of one, is newer."""
        for copy in self._working.of_breaker(breaker.id):
            if copy is teller:
                continue
            if copy.state_at is not None and told.at < copy.state_at:
                return False
            if told.at < copy.since:
                return False
        return True

    def _is_told_already(self, breaker: BreakerRow, told: Told) -> bool:
        """Whether another instance told this very change before."""
        return told.place in history.witnesses(redrawing.changes_told(breaker.id, told.at, self._events))

    def _adopt(self, breaker: BreakerRow, copy: InstanceRow, told: Told) -> None:
        """One that has told no state yet is in the one that the others told last."""
        self._working.load_whole([breaker.id])
        newest = sharing.newest_of(self._working.of_breaker(breaker.id))
        if newest is None or newest.reported_state is None:
            return
        if told.at < copy.since or told.at < (newest.state_at or 0):
            self._redraw(breaker, copy, told)
            return
        copy.state_at, copy.state_sequence = newest.state_at, -1
        copy.reported_state = newest.reported_state
        if copy.left_at is None:
            self._step(breaker, copy, newest.reported_state, told.at, told.place, sequence=told.sequence)

    def _step(
        self,
        breaker: BreakerRow,
        copy: InstanceRow,
        to_state: str,
        at: int,
        event_id: int | None,
        *,
        from_state: str | None = None,
        sequence: int = -1,
        gap: bool = False,
        told_late: bool = False,
        reason: dict[str, Any] | None = None,
    ) -> None:
        """A change of the present."""
        steps = self._steps.setdefault(breaker.id, [])
        before, after = from_state or copy.state, copy.since
        arrival = steps[-1] if steps else None
        if to_state != GONE and arrival is not None and arrival.instance is copy and _is_arrival(arrival):
            # It arrived with this very event, in this state.
            steps.pop()
            before, after = arrival.from_state, arrival.after
        if before != to_state:
            steps.append(Step(copy, before, to_state, at, event_id, sequence, gap, told_late, reason, after))
        copy.left_at, copy.stopped = None, False
        copy.state, copy.since, copy.changed = to_state, at, True

    def _count(self, breaker: BreakerRow, copy: InstanceRow, report: Report) -> None:
        if self._under_way and report.type in CALLS:
            told = Traffic(report.count, report.count if report.type in FAILURES else 0)
            self._shown.setdefault(copy.id, []).append(told)
        second = report.at_us // SECOND
        self._working.count(breaker.id, second, report)
        if second >= self._minute_from:
            if report.type in CALLS:
                breaker.calls_1m += report.count
                if report.type in FAILURES:
                    breaker.failures_1m += report.count
            elif report.type == "rejected":
                breaker.rejected_1m += report.count

    def _draw(self) -> None:
        self._working.load_whole(self._steps)
        for breaker_id, steps in self._steps.items():
            breaker = self._working.breakers[breaker_id]
            late = self._late.get(breaker_id)
            if late:
                self._headline_changed |= headlining.redraw(
                    self._working, breaker, steps, late, self._events, self._listening
                )
            elif not steps:
                headlining.refresh(breaker, self._working.of_breaker(breaker_id), self._listening, self._now)
            elif headlining.apply(self._working, breaker, steps, self._listening):
                self._headline_changed = True

    def _save(self) -> None:
        remembering.write(self._settings)
        if not (self._under_way or self._reached):
            self._writing.send_together()
        self._hearing.save()
        if self._events:
            self._save_events()
        bulk.after_commit(lambda: self._hearing.committed(self._version))
        if spoke := tuple(self._hearing.spoke):
            bulk.after_commit(lambda: sources_spoke_again.send_robust(sender=None, sources=spoke))

    def _save_events(self) -> None:
        insert_events(self._events)
        self._version += 1
        bulk.run("UPDATE breakers_board SET version = %s, last_event_id = %s", [self._version, self._next_id - 1])
        self._working.save(self._version, self._folded // SECOND)
        changes = Changes(self._version, frozenset(self._working.breakers), self._headline_changed)
        stamp = Stamp(self._epoch, self._version, self._next_id - 1)
        bulk.after_commit(lambda: caching.keep(stamp, self._working.saved()))
        bulk.after_commit(lambda: _announce(changes))

    def _hand_out(self, submissions: Sequence[Submission], answers: list[Answer]) -> None:
        """Commands: what the reports show of those under way, and those that wait for who is speaking."""
        if not self._under_way:
            return
        under_way = commanding.under_way()
        # Told by the instance itself, or by another whose state it shares.
        reopened = set(self._reopened) | {
            step.instance.id for steps in self._steps.values() for step in steps if step.to_state == State.OPEN
        }
        proving.observe(self._shown, reopened, from_us(self._now))
        for submission, answer in zip(submissions, answers, strict=True):
            names = {report.instance for report in submission.reports}
            waiting = [name for name in names if (submission.service_id, name) in under_way]
            if waiting and not answer.conflict:
                answer.commands = commanding.hand_out(submission.service_id, waiting, from_us(self._now))


def _told(report: Report, event_id: int, copy: InstanceRow) -> Told:
    """The report's place in the history of its instance, which has not heard it yet."""
    return Told(
        report.at_us,
        # Among instances that share their state, by receipt.
        -1 if report.shared else report.sequence,
        event_id,
        GONE if report.type == "stopped" else report.state,
        report.from_state,
        change=report.type == "state_change",
        shared=report.shared,
        late=_is_older(report, copy.newest_at, copy.newest_sequence),
    )


def _is_older(report: Report, at: int, sequence: int) -> bool:
    """Whether it stands before that place in its log. Where a state is shared, the numbers of one say nothing of others."""
    return report.at_us < at or (report.at_us == at and report.sequence < sequence and not report.shared)


def _is_arrival(step: Step) -> bool:
    return step.from_state == GONE and step.event_id is None


def _order(taken: tuple[Submission, Report, Answer]) -> tuple[int, int]:
    return taken[1].at_us, taken[1].sequence


def _announce(changes: Changes) -> None:
    breakers_changed.send_robust(sender=None, changes=changes)
