"""Routes, without a database: which alerts match, whether it is their hour, what comes next and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.domain import matching
from alerts.domain.matching import Matchers, Subject, globbed

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SEVERITY = "severity"
NAMES = (*matching.NAMES, SEVERITY)
# The last step of an escalation comes again and again until somebody has it in hand.
LAST_STEP_AGAIN_S = 30 * 60
# Somebody has it in hand: asked again after so long, since that can be taken back.
ASKED_AGAIN_S = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a route matches: a subject as rules and silences do, and how bad it is."""

    matchers: Matchers
    # Empty: however bad.
    severity: str = ""

    def matches(self, subject: Subject, severity: str) -> bool:
        """Whether every matcher holds."""
        return (not self.severity or globbed(self.severity, severity)) and self.matchers.matches(subject)


@dataclass(frozen=True, slots=True)
class Hours:
    """When a route is awake, in the clock of its own place. From after to: over midnight, of the day it began on."""

    days: tuple[str, ...]
    begins: time
    ends: time
    timezone: str

    def hold(self, at: datetime) -> bool:
        """Whether this moment is within."""
        here = at.astimezone(ZoneInfo(self.timezone))
        now = here.time()
        if self.begins < self.ends:
            return DAYS[here.weekday()] in self.days and self.begins <= now < self.ends
        # Over midnight, or the whole day where both are the same.
        if now >= self.begins:
            return DAYS[here.weekday()] in self.days
        return DAYS[here.weekday() - 1] in self.days and now < self.ends


def wanted(told: Mapping[str, object]) -> Wanted:
    """What a route's row matches."""
    severity = told.get(SEVERITY, "")
    return Wanted(
        matching.read({name: each for name, each in told.items() if name != SEVERITY})[0],
        severity if isinstance(severity, str) else "",
    )


def hours_of(told: Mapping[str, object] | None) -> Hours | None:
    """The hours of a route's row; None: always."""
    if told is None:
        return None
    days = told["days"]
    assert isinstance(days, list)
    return Hours(
        tuple(days), time.fromisoformat(str(told["from"])), time.fromisoformat(str(told["to"])), str(told["timezone"])
    )


def awake(hours: Mapping[str, object] | None, always: Sequence[str], severity: str, at: datetime) -> bool:
    """Whether a route sends an alert of this severity now."""
    known = hours_of(hours)
    return known is None or severity in always or known.hold(at)


def next_step(after_s: Sequence[int], number: int, began_at: datetime, asked_at: datetime) -> datetime:
    """When the escalation's step of this number is due, counted from 0; the last one comes again and again.

    Steps that became due at once (our own downtime) come one after the other, not in one burst.
    """
    if number < len(after_s):
        planned = began_at + timedelta(seconds=after_s[number])
        return planned if number == 0 or planned > asked_at else asked_at + timedelta(seconds=ASKED_AGAIN_S)
    return asked_at + timedelta(seconds=LAST_STEP_AGAIN_S)


def next_repeat(repeat_s: Sequence[int], number: int, at: datetime) -> datetime:
    """When the reminder of this number is due, counted from 0; the last interval goes on for ever."""
    return at + timedelta(seconds=repeat_s[min(number, len(repeat_s) - 1)])
