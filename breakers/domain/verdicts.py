"""Verdicts: what the traffic after a command shows. Times in microseconds since 1970, rates 0-100."""

from collections.abc import Mapping
from typing import NamedTuple

from breakers.domain.silence import SECOND
from breakers.domain.states import State

WATCHED = ("reset", "probe", "release")
WATCH = 60 * SECOND
LONGEST_WATCH = 600 * SECOND
ENOUGH_CALLS = 20
DEFAULT_THRESHOLD = 50.0
# Worst first: a command's verdict is the worst of its deliveries'.
VERDICTS = ("did_not_hold", "unproved", "held")
# How far a delivery is; a command is as far as its least advanced unfinished one.
PROGRESS = ("pending", "delivered", "applied", "confirmed")


class Traffic(NamedTuple):
    """What was counted at one instance since the command was confirmed."""

    calls: int
    failures: int

    @property
    def failure_rate(self) -> float | None:
        """0-100; None of no calls."""
        return round(100 * self.failures / self.calls, 1) if self.calls else None


def threshold_told(config: Mapping[str, object]) -> float | None:
    """The failure rate, 0-100, at which a breaker says that it opens; None where it says none that could be."""
    told = config.get("failure_rate_threshold")
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= 100 else None


def verdict(traffic: Traffic, watched: int, threshold: float) -> str | None:
    """held, did_not_hold or unproved; None while the watch goes on.

    watched: how long so far. threshold: the failure rate at which this breaker opens.
    """
    if watched < WATCH or (traffic.calls < ENOUGH_CALLS and watched < LONGEST_WATCH):
        return None
    rate = traffic.failure_rate
    if rate is not None and rate >= threshold:
        return "did_not_hold"
    return "held" if traffic.calls >= ENOUGH_CALLS else "unproved"


def confirms(action: str, state: str, *, seen_half_open: bool) -> bool:
    """Whether a state that the instance shows proves that the command was carried out."""
    if action == "reset":
        return state == State.CLOSED
    if action == "probe":
        return state == State.HALF_OPEN or (seen_half_open and state in (State.CLOSED, State.OPEN))
    if action == "force_open":
        return state in (State.FORCED_OPEN, State.OPEN)
    if action == "force_closed":
        return state == State.FORCED_CLOSED
    if action == "disable":
        return state == State.DISABLED
    return state not in (State.FORCED_OPEN, State.FORCED_CLOSED, State.DISABLED)


def overall(statuses: list[str]) -> str:
    """A command's status: the least advanced of its unfinished deliveries, then failed, expired, confirmed."""
    for status in ("pending", "delivered", "applied"):
        if status in statuses:
            return status
    for status in ("failed", "expired"):
        if status in statuses:
            return status
    return "confirmed"


def worst(verdicts: list[str | None]) -> str | None:
    """The worst of the verdicts that are there; None while a watched delivery has none."""
    for name in VERDICTS:
        if name in verdicts:
            return name
    return None
