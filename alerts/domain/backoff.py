"""Backoff: when a notification is tried again, and when a destination is left in peace."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

GIVE_UP_AFTER = timedelta(hours=24)
SHORTEST = 1.0  # s
FIRST = 5.0  # s
LONGEST = 15 * 60.0  # s
LONGEST_ASKED = 3600.0  # s: a Retry-After beyond it is cut

# Refusals that a receiver does not take back by itself: the first may be a deployment of its, then we come rarely.
SLOW = (300.0, 3600.0)  # s after the second and after every further one
# Tries that end by a fault of ours, or by the end of the process that tried: then it is poison.
MOST_FAULTS = 5
RESTS_MOST = 300  # s for which a 429 or 503 with Retry-After holds up a whole destination

OPENS_AT = 5  # failures in a row
OPENS_AT_SHARE = 0.5  # of the tries of the last minute, where they are enough to tell
ENOUGH_TRIES = 10
RECENT = timedelta(seconds=60)
MOST_RECENT = 100
OPEN_FOR_FIRST = 30  # s
OPEN_FOR_MOST = 300  # s
COMES_FORWARD = 30.0  # s over which waiting notifications return when a destination answers again


def wait_s(
    tries: int, retry_after_s: float | None = None, uniform: Callable[[float, float], float] = random.uniform
) -> float:
    """Seconds until the next try after so many: full jitter under a doubling limit; Retry-After is a floor."""
    # Beyond 2^8 the limit is LONGEST, whatever the number.
    limit = min(LONGEST, FIRST * 2.0 ** min(tries - 1, 8))
    return max(uniform(SHORTEST, limit), retry_after_s or 0.0)


def slow_wait_s(refusals: int) -> float:
    """Seconds that a refusal of the lasting kind adds as a floor, after so many of them."""
    return 0.0 if refusals < 2 else SLOW[min(refusals - 2, len(SLOW) - 1)]


def lasting(status_code: int) -> bool:
    """Whether a status is a refusal that trying again soon does not change."""
    temporary = {408, 425, 429, 500, 502, 503, 504, 507}
    return status_code not in temporary and not 520 <= status_code <= 529


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """What a Retry-After asks for, in seconds, cut to an hour; None for a past date, or what is neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        # Longer numbers are beyond the cut all the same, and Python refuses to read thousands of digits.
        return min(float(text[:10]), LONGEST_ASKED)
    try:
        at = parsedate_to_datetime(text)
        wanted = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(wanted, LONGEST_ASKED) if wanted > 0 else None


@dataclass(frozen=True, slots=True)
class Breaker:
    """A destination's own breaker: failures in a row, the tries of the last minute, and for how long it was opened last.

    It opens after 5 failures in a row, or when half of at least 10 tries in a minute failed.
    """

    failures: int = 0
    open_until: datetime | None = None
    open_for_s: int = 0
    recent: tuple[tuple[datetime, bool], ...] = ()

    def lets_pass(self, now: datetime, under_way: int, most: int) -> bool:
        """Whether one more may be sent beside those under way: none while open, one when half-open, else `most`."""
        if self.open_until is None:
            return under_way < most
        return now >= self.open_until and under_way == 0

    def is_paced(self, now: datetime, under_way: int, per_minute: int) -> bool:
        """Whether it got as many in the last minute, with those under way, as it is to get."""
        return under_way + sum(now - RECENT < at <= now for at, _ in self.recent) >= per_minute

    def after(self, succeeded: bool, now: datetime) -> "Breaker":
        """The breaker after one more try."""
        recent = (*(each for each in self.recent if now - RECENT < each[0] <= now), (now, succeeded))[-MOST_RECENT:]
        if succeeded:
            # The probe that succeeds clears what was before; a success among failures does not hide them.
            return Breaker(recent=recent if self.open_until is None else ())
        failures = self.failures + 1
        if self.open_until is not None and now < self.open_until:
            # A try that had begun before it opened.
            return Breaker(failures, self.open_until, self.open_for_s, recent)
        if self.open_until is None and failures < OPENS_AT and not _half_fail(recent):
            return Breaker(failures, recent=recent)
        seconds = min(self.open_for_s * 2, OPEN_FOR_MOST) if self.open_for_s else OPEN_FOR_FIRST
        return Breaker(failures, now + timedelta(seconds=seconds), seconds, recent)


def _half_fail(recent: tuple[tuple[datetime, bool], ...]) -> bool:
    failed = sum(not succeeded for _, succeeded in recent)
    return len(recent) >= ENOUGH_TRIES and failed >= OPENS_AT_SHARE * len(recent)
