"""The life of an alert: what a headline's change, the clock and a person make of it.

    nothing → pending → firing ⇄ acknowledged
                          ⇅           ⇅
                        recovering ───┘ → resolved

Opening is told at once, only recovery waits: the condition is true from the headline's opening until a service reports
it closed, and must then stay closed for the rule's hold. Half-open, silence and operators' states inside keep it true.
Every moment is the event's own: when we heard of it decides what is told, not what happened.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    """Where an alert stands. Readers outside see recovering as what it was before, and no pending."""

    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


STEPS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.FIRING}),
    Status.FIRING: frozenset({Status.ACKNOWLEDGED, Status.RECOVERING}),
    Status.ACKNOWLEDGED: frozenset({Status.FIRING, Status.RECOVERING}),
    Status.RECOVERING: frozenset({Status.FIRING, Status.ACKNOWLEDGED, Status.RESOLVED}),
    Status.RESOLVED: frozenset(),
}

OPEN = "open"
CLOSED = "closed"
FORCED_OPEN = "forced_open"
OVERRIDDEN = frozenset({FORCED_OPEN, "forced_closed", "disabled"})
SILENT = frozenset({"stale", "unknown"})


@dataclass(frozen=True, slots=True)
class Life:
    """What the decisions need to know of an alert. `check_at`: when the clock decides; None: an event does.

    `ended`: its last outage ended, and something else than an opening keeps it from being over.
    """

    status: Status
    acknowledged: bool = False
    check_at: datetime | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A rule's patience: seconds true before firing, seconds false before resolving."""

    for_s: int
    keep_s: int


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of the alert. `to` None: it goes without a trace. `tell`: the notice that is owed for it."""

    to: Status | None
    at: datetime
    check_at: datetime | None = None
    tripped: bool = False
    tell: str | None = None


def shown(status: Status, acknowledged: bool) -> Status:
    """The status that readers outside see."""
    if status == Status.RECOVERING:
        return _held(acknowledged)
    return status


def releases(from_state: str, to_state: str, *, gap: bool = False) -> bool:
    """Whether this opening is the end of an override: the circuit is left open by hand, and no call of its own opened it.

    `gap`: nobody told the step itself. Calls passed while it was forced closed or disabled: it may have opened since.
    """
    return to_state == OPEN and from_state in OVERRIDDEN and (from_state == FORCED_OPEN or not gap)


def on_headline(life: Life | None, to_state: str, seen_at: datetime, hold: Hold) -> Step | None:
    """What a headline's change does; None where nothing. `seen_at`: its own time; the clock must have been asked up to it before."""
    if to_state == OPEN:
        if life is None:
            if hold.for_s:
                return Step(Status.PENDING, seen_at, check_at=seen_at + timedelta(seconds=hold.for_s), tripped=True)
            return Step(Status.FIRING, seen_at, tripped=True, tell="opened")
        if life.status == Status.RECOVERING or life.ended:
            return Step(_held(life.acknowledged), seen_at, tripped=True)
        return None
    if life is None:
        return None
    if to_state == CLOSED:
        if life.status == Status.PENDING:
            return Step(None, seen_at)
        if life.status in {Status.FIRING, Status.ACKNOWLEDGED}:
            return Step(Status.RECOVERING, seen_at, check_at=seen_at + timedelta(seconds=hold.keep_s))
        return None
    if life.status == Status.RECOVERING:
        # It did not stay closed: the hold begins anew at the next closed. Nobody is told, it was no opening.
        return Step(_held(life.acknowledged), seen_at)
    return None


def on_condition(life: Life | None, met: bool, seen_at: datetime, hold: Hold) -> Step | None:
    """What a condition that was looked at does; None where nothing. Pages and notices call it what `on_headline` calls it."""
    if met:
        return on_headline(life, OPEN, seen_at, hold)
    return on_headline(life, CLOSED, seen_at, hold)


def on_clock(life: Life, now: datetime) -> Step | None:
    """What the passing of time does; None where nothing is due."""
    if life.check_at is None or life.check_at > now:
        return None
    if life.status == Status.PENDING:
        return Step(Status.FIRING, life.check_at, tell="opened")
    return Step(Status.RESOLVED, life.check_at, tell="resolved")


def _held(acknowledged: bool) -> Status:
    return Status.ACKNOWLEDGED if acknowledged else Status.FIRING
