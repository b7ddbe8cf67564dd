"""Recording: the only writer of breaker state.

A report becomes an Event always, a Transition when the state really changed. Safe to call twice with the same event
id. One transaction for a whole batch of requests: events, transitions, projections, the next change number.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError

from breakers import bulk, caching, commanding, headlining, proving, remembering, sharing
from breakers.caching import Stamp
from breakers.domain.headlines import GONE
from breakers.domain.reports import Refusal, Report, shown
from breakers.domain.silence import DEFAULT_INTERVAL_S, SECOND
from breakers.domain.states import SILENT, Change, State, observe
from breakers.domain.verdicts import Traffic
from breakers.filing import event_row, insert_events
from breakers.firing import Firing
from breakers.headlining import Step
from breakers.hearing import Hearing
from breakers.models import Board
from breakers.models.fields import from_us, to_us
from breakers.reaching import reach
from breakers.rows import BreakerRow, InstanceRow, as_json, decode
from breakers.signals import Changes, breakers_changed, sources_spoke_again
from breakers.submissions import Answer, Submission
from breakers.workingset import WorkingSet

MINUTE_S = 60
CALLS = frozenset({"success", "failure", "timeout"})
FAILURES = frozenset({"failure", "timeout"})
OUTCOMES = frozenset({*CALLS, "rejected", "slow", "retry", "fallback", "ignored"})


# What a batch needs to know of the board; the last: whether any command is under way.
BOARD = (
    "SELECT epoch, version, last_event_id, listening_since, folded_until,"
    " EXISTS (SELECT 1 FROM breakers_delivery WHERE active = %s) FROM breakers_board"
)


def record(submissions: Sequence[Submission], at: datetime) -> list[Answer]:
    """Store the events and apply them, all or nothing; an answer for each submission, in their order.

    Errors: StoreUnavailable where the database can't be written; then nothing was stored.
    """
    if not _repeats.expected():
        try:
            with bulk.writing(BOARD, [True]) as writing:
                return _Recording(at, writing).of(submissions)
        except IntegrityError:
            # Something was posted before: once more, this time asking first what.
            _repeats.met()
    with bulk.writing(BOARD, [True]) as writing:
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


def listen(at: datetime, *, pause_s: float = 15) -> None:
    """The intake says that it is there. After a pause, silence counts from now: our downtime is nobody's silence."""
    with bulk.writing():
        board = Board.objects.get()
        if board.intake_pulse_at is None or (at - board.intake_pulse_at).total_seconds() > pause_s:
            board.listening_since = at
        board.intake_pulse_at = at
        board.save(update_fields=["intake_pulse_at", "listening_since"])


class _Recording:
    """One batch on its way into the store."""

    def __init__(self, at: datetime, writing: bulk.Writing, *, ask_first: bool = False) -> None:
        self._now = to_us(at)
        self._writing = writing
        self._ask_first = ask_first
        [[self._epoch, self._version, last_id, listening, folded, self._under_way]] = writing.first
        self._working = WorkingSet(self._now, caching.take(Stamp(self._epoch, self._version, last_id)))
        self._hearing = Hearing((self._epoch, self._version), self._now)
        self._next_id = max(last_id + 1, self._now)
        self._listening = listening or 0
        self._folded = folded or 0
        self._events: list[tuple[Any, ...]] = []
        self._steps: dict[int, list[Step]] = {}
        # What instances told, in its order: states, and calls while a command is under way.
        self._shown: dict[int, list[str | Traffic]] = {}
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
        self._hear(breaker, copy, report, event_id)
        self._describe(breaker, copy, report)
        if report.state is not None:
            self._move(breaker, copy, report, event_id)
        elif report.shared and copy.reported_state is None:
            self._adopt(breaker, copy, event_id)
        if report.type in OUTCOMES:
            self._count(breaker, copy, report)

    def _refuse(self, service_id: int, what: str, report: Report, answer: Answer, detail: str) -> None:
        answer.rejected.append(Refusal(report.index, "too_many_breakers", detail))
        times, _ = self._reached.get((service_id, what), (0, ""))
        self._reached[service_id, what] = times + 1, detail

    def _hear(self, breaker: BreakerRow, copy: InstanceRow, report: Report, event_id: int) -> None:
        """A sign of life: it ends silence, and brings back an instance that had left."""
        newest = (report.at_us, report.sequence) >= (copy.newest_at, copy.newest_sequence)
        copy.touched = True
        copy.heard_at = self._now
        if newest:
            copy.newest_at, copy.newest_sequence = report.at_us, report.sequence
        if breaker.last_event_at is None or report.at_us > breaker.last_event_at:
            breaker.last_event_at = report.at_us
        if report.type == "stopped":
            if newest:
                # A second `stopped` is a step too: what is told late of the time before it must stay before it.
                left = GONE if copy.left_at is not None else copy.state
                self._steps.setdefault(breaker.id, []).append(
                    Step(copy, left, GONE, report.at_us, event_id, report.sequence)
                )
                copy.since = report.at_us
                copy.left_at, copy.stopped, copy.changed = report.at_us, True, True
            return
        if copy.left_at is not None and (newest or not copy.stopped):
            copy.left_at, copy.stopped = None, False
            back = copy.reported_state or State.UNKNOWN
            at = max(report.at_us, copy.since)
            self._step(breaker, copy, back, at, event_id, from_state=GONE, sequence=report.sequence)
        elif copy.left_at is None and copy.state in SILENT and report.state is None:
            known = copy.reported_state or State.UNKNOWN
            if copy.state != known:
                self._step(breaker, copy, known, max(report.at_us, copy.since), event_id)

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

    def _move(self, breaker: BreakerRow, copy: InstanceRow, report: Report, event_id: int) -> None:
        """What the report says of the state."""
        assert report.state is not None
        told = report.type == "state_change"
        if told and report.shared and self._is_told_already(breaker, copy, report):
            return
        if copy.state_at is not None and (report.at_us, report.sequence) < (copy.state_at, copy.state_sequence):
            if told:
                self._late(breaker, copy, report, event_id)
            if copy.left_at is None and copy.state in SILENT and copy.reported_state:
                self._step(breaker, copy, copy.reported_state, max(self._now, copy.since), event_id)
            return
        self._shown.setdefault(copy.id, []).append(report.state)
        change = observe(
            State(copy.reported_state) if copy.reported_state else None, report.state, report.from_state, told=told
        )
        if copy.reported_state is None and report.at_us < copy.since:
            headlining.arrive_earlier(copy, report.at_us)
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
        if copy.left_at is None and (change or copy.state != report.state):
            self._follow(breaker, copy, report, event_id, change)
        elif copy.left_at is not None:
            # Told after it left, of a time before: history.
            copy.state = report.state
            if change:
                self._late(breaker, copy, report, event_id)
        if report.shared:
            self._share(breaker, copy, report, event_id)

    def _follow(
        self, breaker: BreakerRow, copy: InstanceRow, report: Report, event_id: int, change: Change | None
    ) -> None:
        assert report.state is not None
        if copy.state in SILENT and report.at_us < copy.since:
            # It happened before the silence was noticed: drawn at its own time, and the silence ends now.
            if change:
                self._late(breaker, copy, report, event_id)
            self._step(breaker, copy, report.state, max(self._now, copy.since), event_id, reason=report.reason)
            return
        if change and copy.state == State.UNKNOWN and change.from_state != copy.state and not change.gap:
            # Its first word also says what it came from.
            self._step(breaker, copy, change.from_state, report.at_us, event_id)
        gap = change is not None and change.gap
        self._step(
            breaker, copy, report.state, report.at_us, event_id, sequence=report.sequence, gap=gap, reason=report.reason
        )

    def _share(self, breaker: BreakerRow, teller: InstanceRow, report: Report, event_id: int) -> None:
        """Instances that keep one state in a store of theirs: the newest told counts for all that are live."""
        assert report.state is not None
        self._working.load_whole([breaker.id])
        for copy in self._working.of_breaker(breaker.id):
            if copy is teller or copy.left_at is not None:
                continue
            if copy.state_at is not None and report.at_us < copy.state_at:
                continue
            silent = sharing.is_silent(copy)
            # Each instance counts its own events: with another's number nothing can be compared.
            copy.state_at, copy.state_sequence = report.at_us, -1
            copy.reported_state, copy.changed = report.state, True
            if copy.state != report.state and not silent:
                self._step(breaker, copy, report.state, report.at_us, event_id, reason=report.reason)

    def _is_told_already(self, breaker: BreakerRow, copy: InstanceRow, report: Report) -> bool:
        """Whether another instance told this very change before, and it is in the state already or has left it since."""
        if copy.state_at is None or copy.left_at is not None or sharing.is_silent(copy):
            return False
        older = (report.at_us, report.sequence) < (copy.state_at, copy.state_sequence)
        if not older and copy.reported_state == report.state:
            return False
        return sharing.bears_witness(copy, report, self._steps.get(breaker.id, ()), self._events)

    def _adopt(self, breaker: BreakerRow, copy: InstanceRow, event_id: int) -> None:
        """One that has told no state yet is in the one that the others told last."""
        self._working.load_whole([breaker.id])
        newest = sharing.newest_of(self._working.of_breaker(breaker.id))
        if newest is not None and newest.reported_state is not None:
            copy.state_at, copy.state_sequence = newest.state_at, -1
            copy.reported_state = newest.reported_state
            self._step(breaker, copy, newest.reported_state, max(self._now, copy.since), event_id)

    def _late(self, breaker: BreakerRow, copy: InstanceRow, report: Report, event_id: int) -> None:
        assert report.state is not None
        from_state = report.from_state or State.UNKNOWN
        self._steps.setdefault(breaker.id, []).append(
            Step(
                copy, from_state, report.state, report.at_us, event_id, report.sequence, late=True, reason=report.reason
            )
        )

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
        reason: dict[str, Any] | None = None,
    ) -> None:
        """A change of the present."""
        steps = self._steps.setdefault(breaker.id, [])
        before = from_state or copy.state
        arrival = steps[-1] if steps else None
        if to_state != GONE and arrival is not None and arrival.instance is copy and arrival.event_id is None:
            # It arrived with this very event, in this state.
            steps.pop()
            before = arrival.from_state
        if before != to_state:
            steps.append(Step(copy, before, to_state, at, event_id, sequence, gap, reason=reason))
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
            if not steps:
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
        reopened = {
            step.instance.id
            for steps in self._steps.values()
            for step in steps
            if step.to_state == State.OPEN and not step.late
        }
        proving.observe(self._shown, reopened, from_us(self._now))
        for submission, answer in zip(submissions, answers, strict=True):
            names = {report.instance for report in submission.reports}
            waiting = [name for name in names if (submission.service_id, name) in under_way]
            if waiting and not answer.conflict:
                answer.commands = commanding.hand_out(submission.service_id, waiting, from_us(self._now))


def _order(taken: tuple[Submission, Report, Answer]) -> tuple[int, int]:
    return taken[1].at_us, taken[1].sequence


def _announce(changes: Changes) -> None:
    breakers_changed.send_robust(sender=None, changes=changes)
