"""Routes, without a database: which alerts match, whether it is their hour, what comes next and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from fnmatch import translate
from functools import lru_cache
from re import Pattern
from re import compile as compiled
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAMES = ("service", "breaker", "dependency", "severity")
# The last step of an escalation comes again and again until somebody has it in hand.
LAST_STEP_AGAIN_S = 30 * 60
# Somebody has it in hand: asked again after so long, since that can be taken back.
ASKED_AGAIN_S = 60


@dataclass(frozen=True, slots=True)
class Subject:
    """What is matched of an alert."""

    service: str
    breaker: str
    dependency: str
    severity: str
    labels: Mapping[str, str] = field(default_factory=dict)


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


def matches(matchers: Mapping[str, object], subject: Subject) -> bool:
    """Whether every matcher holds; `*` stands for anything within a value. None: everything matches."""
    labels = matchers.get("labels")
    wanted = labels if isinstance(labels, dict) else {}
    return all(like(str(matchers[name]), str(getattr(subject, name))) for name in NAMES if name in matchers) and all(
        name in subject.labels and like(str(text), str(subject.labels[name])) for name, text in wanted.items()
    )


def like(pattern: str, text: str) -> bool:
    """Equal, but for `*`, which stands for anything. No other character is special."""
    return _pattern(pattern).fullmatch(text) is not None


@lru_cache(maxsize=1_000)
def _pattern(text: str) -> Pattern[str]:
    # fnmatch's own specials but for the star are taken as they stand.
    return compiled(translate("".join(f"[{c}]" if c in "[?" else c for c in text)))


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
