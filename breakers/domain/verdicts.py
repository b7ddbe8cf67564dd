"""Verdicts: what the traffic after a command shows. Times in microseconds since 1970, rates 0-100."""

from collections.abc import Mapping, Sequence
from functools import reduce
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
    """Calls that were counted, by one instance or by several."""

    calls: int
    failures: int

    @property
    def failure_rate(self) -> float | None:
        """0-100; None of no calls."""
        return 100 * self.failures / self.calls if self.calls else None

    def plus(self, other: "Traffic") -> "Traffic":
        """Both together."""
        return Traffic(self.calls + other.calls, self.failures + other.failures)


class Watched(NamedTuple):
    """What the watch of one delivery has come to. `ended_after`: how long it lasted, None while it goes on. `reopened_after`: None where it did not open."""

    traffic: Traffic
    ended_after: int | None
    reopened_after: int | None = None


def threshold_told(config: Mapping[str, object]) -> float | None:
    """The failure rate, 0-100, at which a breaker says that it opens; None where it says none that could be."""
    told = config.get("failure_rate_threshold")
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= 100 else None


def lasts(traffic: Traffic) -> int:
    """How long a watch lasts that has seen this much: a minute, or until there were enough calls, ten minutes at most."""
    return WATCH if traffic.calls >= ENOUGH_CALLS else LONGEST_WATCH


def verdict(traffic: Traffic, threshold: float) -> str:
    """held, did_not_hold or unproved, at the end of a watch. threshold: the failure rate at which this breaker opens."""
    rate = traffic.failure_rate
    if rate is not None and rate >= threshold:
        return "did_not_hold"
    return "held" if traffic.calls >= ENOUGH_CALLS else "unproved"


def evidence(watches: Sequence[Watched], threshold: float) -> dict[str, object]:
    """What a verdict rests on: all instances that were watched, added up; the longest watch, and the first re-opening."""
    traffic = reduce(Traffic.plus, (each.traffic for each in watches), Traffic(0, 0))
    rate = traffic.failure_rate
    found: dict[str, object] = {
        "instances": len(watches),
        "calls": traffic.calls,
        "failures": traffic.failures,
        "failure_rate": None if rate is None else round(rate, 3),
        "threshold": threshold,
        "watched_s": _seconds(max((each.ended_after or 0 for each in watches), default=0)),
    }
    reopened = [each.reopened_after for each in watches if each.reopened_after is not None]
    if reopened:
        found["reopened_after_s"] = _seconds(min(reopened))
    return found


def _seconds(length: int) -> float:
    return round(length / SECOND, 1)


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
