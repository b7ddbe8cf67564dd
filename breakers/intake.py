"""The intake: gathers the requests of the moment into one batch and one commit (group commit).

While a commit runs, the next batch gathers. A thread of its own does the database's work, so that the event loop never
waits. Each request is answered after its batch's commit: what was answered is durable.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog
from django.db import connection

from breakers import key_uses
from breakers.checkpointing import Checkpoints
from breakers.database_thread import check_connection
from breakers.errors import StoreUnavailable
from breakers.listening import leave, listen, name_of_process
from breakers.patience import hurry
from breakers.recording import record
from breakers.submissions import Answer, Submission

# Reports in one commit; more wait for the next one.
MOST_AT_ONCE = 1_000
# Reports that may wait: beyond, posts are turned away early, before memory is.
MOST_WAITING = 20_000
MOST_BYTES = 64 << 20
# A database that let the first of them wait this long will let the next wait longer.
LONGEST_WAIT = 3.0  # s
PULSE_EVERY = 5.0  # s
# A thread that did nothing for longer stood still: frozen, swapped out, or held up by its database.
STOOD_STILL = 10.0  # s
# Under load, a moment more of gathering makes a batch that costs less a request, for as long as requests keep coming; a
# lone request never waits for it.
BUSY = 8  # requests in the last batch
FULL = 128  # requests
STEP = 0.001  # s in which nothing came: nothing more is on its way
GATHERED = 0.003  # s
# A connection that was idle for longer is looked at before it is used.
IDLE_AFTER = 1.0  # s
# A commit that failed after this long was held up by a lock or a server that does not answer.
HELD_UP = 1.0  # s
# All that post wait for this thread: it does not wait long for a server that says nothing.
ANSWERED_WITHIN = 5.0  # s

log = structlog.get_logger(__name__)
# Told on the loop, after the commit: the answer, or why there is none.
Done = Callable[[Answer | Exception], None]
Waiting = tuple[Submission, Done]


class Intake:
    """One per process. `start()` and `stop()` frame the life of the web process."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._name = name_of_process()
        self._waiting: list[Waiting] = []
        self._reports = 0
        self._bytes = 0
        self._waiting_since = 0.0
        # As many as came together lately: of those who wait for their answers, more are not to be expected.
        self._usual = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._checkpoints = Checkpoints()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to take submissions that arrive on this loop."""
        self._loop = loop
        self._stopping = False
        self._checkpoints.start()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Commit what waits, then end."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout=8)
        self._checkpoints.stop()

    def require_room(self) -> None:
        """Turn a post away early, before its body costs anything. Errors: StoreUnavailable."""
        if self._stopping:
            raise StoreUnavailable("the intake is stopping")
        if self._reports >= MOST_WAITING or self._bytes >= MOST_BYTES:
            raise StoreUnavailable(
                f"the database is slow: {self._reports:,} events ({self._bytes:,} bytes) wait for it already"
            )
        if self._waiting and time.monotonic() - self._waiting_since > LONGEST_WAIT:
            raise StoreUnavailable(
                f"the database is slow: others wait for it for more than {LONGEST_WAIT:.0f} s already"
            )

    async def submit(self, submission: Submission) -> Answer:
        """Store and apply; the answer comes after the commit. Errors: StoreUnavailable, with nothing stored."""
        assert self._loop is not None
        future: asyncio.Future[Answer] = self._loop.create_future()
        self.post(submission, partial(_resolve, future))
        return await future

    def post(self, submission: Submission, done: Done) -> None:
        """The same without waiting: `done` is told on the loop. Errors: StoreUnavailable, and `done` hears nothing."""
        with self._wake:
            self.require_room()
            self._waiting.append((submission, done))
            self._reports += len(submission.reports)
            self._bytes += submission.size
            if len(self._waiting) == 1:
                self._waiting_since = time.monotonic()
            # Only for these is the thread worth waking: it waits for a first one, or for as many as usual.
            if len(self._waiting) in (1, self._usual):
                self._wake.notify()

    def _run(self) -> None:
        hurry(ANSWERED_WITHIN)
        pulse_due = 0.0
        last_used = last_pulse = 0.0
        while True:
            batch = self._next_batch(max(0.0, pulse_due - time.monotonic()))
            if time.monotonic() - last_used > IDLE_AFTER:
                check_connection()
            if last_pulse and time.monotonic() - last_pulse > STOOD_STILL:
                # Before what waits is recorded: that we did not hear is nobody's silence.
                self._pulse(stood_still=True)
                last_pulse = time.monotonic()
            if batch:
                self._record(batch)
            elif self._stopping:
                self._leave()
                connection.close()
                return
            if time.monotonic() >= pulse_due:
                self._pulse()
                last_pulse = time.monotonic()
                pulse_due = last_pulse + PULSE_EVERY
            last_used = time.monotonic()

    def _next_batch(self, timeout: float) -> list[Waiting]:
        with self._wake:
            if not self._waiting and not self._stopping:
                self._wake.wait(timeout)
            if self._usual >= BUSY:
                self._gather()
            taken, reports, size = 0, 0, 0
            for submission, _ in self._waiting:
                if taken and reports + len(submission.reports) > MOST_AT_ONCE:
                    break
                taken += 1
                reports += len(submission.reports)
                size += submission.size
            batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
            self._reports -= reports
            self._bytes -= size
            self._waiting_since = time.monotonic()
            self._usual = min(FULL, max(len(batch), self._usual * 7 // 8))
            return batch

    def _gather(self) -> None:
        """Wait while more come, and not for long."""
        until = time.monotonic() + GATHERED
        while not self._stopping and len(self._waiting) < self._usual and time.monotonic() < until:
            before = len(self._waiting)
            self._wake.wait(STEP)
            if len(self._waiting) == before:
                return

    def _record(self, batch: list[Waiting]) -> None:
        began = time.monotonic()
        submissions = [submission for submission, _ in batch]
        outcomes: list[Answer | Exception]
        try:
            self._checkpoints.relieve()
            outcomes = list(record(submissions, self._clock()))
            self._checkpoints.note(sum(len(submission.reports) for submission in submissions))
        except StoreUnavailable as error:
            connection.close()
            batch = [*batch, *self._held_up_since(began)]
            outcomes = [error] * len(batch)
        except Exception:
            log.exception("batch failed", requests=len(batch))
            outcomes = [self._alone(submission) for submission in submissions]
        self._answer([(done, outcome) for (_, done), outcome in zip(batch, outcomes, strict=True)])

    def _held_up_since(self, began: float) -> list[Waiting]:
        """Who waited out a failed attempt that was held up: they are not made to wait for one more."""
        if time.monotonic() - began < HELD_UP:
            return []
        with self._wake:
            waiting, self._waiting, self._reports, self._bytes = self._waiting, [], 0, 0
            return waiting

    def _alone(self, submission: Submission) -> Answer | Exception:
        """One request that can't be stored must not take its neighbours with it."""
        try:
            return record([submission], self._clock())[0]
        except Exception as error:
            log.exception("request failed", events=len(submission.reports))
            return error

    def _answer(self, outcomes: list[tuple[Done, Answer | Exception]]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(_settle, outcomes)
        except RuntimeError:
            log.warning("the loop ended before its requests were answered", requests=len(outcomes))

    def _leave(self) -> None:
        try:
            leave(self._name)
        except Exception as error:
            log.warning("the last sign of life could not be taken back", error=str(error))

    def _pulse(self, *, stood_still: bool = False) -> None:
        began = time.monotonic()
        try:
            listen(self._clock(), part=self._name, stood_still=stood_still)
            key_uses.write_down()
        except Exception as error:
            connection.close()
            self._answer([(done, StoreUnavailable(str(error))) for _, done in self._held_up_since(began)])
            log.warning("pulse not written", error=str(error))


def _settle(outcomes: list[tuple[Done, Answer | Exception]]) -> None:
    for done, outcome in outcomes:
        try:
            done(outcome)
        except Exception:
            log.exception("an answer was not told")


def _resolve(future: "asyncio.Future[Answer]", outcome: Answer | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
