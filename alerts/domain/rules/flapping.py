"""Flapping: outages that begin again and again. Reset timers repeat open and half-open within one outage: that is stuck.

It begins at so many in a window, and ends at one or none in one and a half windows with five calm minutes; between the
two it keeps its mind.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from alerts.domain.rules.shapes import Facts, Finding, Rule
from alerts.domain.wording import plain, span

CALM = timedelta(minutes=5)


def judge(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Counted by when outages began."""
    window = window_of(rule, facts.reset_timeout_s)
    starts = [started for started, _, _ in facts.outages]
    n = sum(now - window < started <= now for started in starts)
    summary = (
        f"{plain(facts.subject.breaker)} in {plain(facts.subject.service)} flaps: it opened {n} times in {span(window)}"
    )
    evidence = {"outages": n, "window_s": window.total_seconds()}
    if n >= rule.parameters["times"]:
        return Finding(True, summary, evidence, look_at=now + CALM)
    if not firing:
        return Finding(False)
    recent = sum(now - 1.5 * window < started <= now for started in starts)
    ends = [ended for _, ended, _ in facts.outages]
    calm = not ends or (None not in ends and now - max(end for end in ends if end) >= CALM)
    return Finding(False if recent <= 1 and calm else None, summary, evidence, look_at=now + timedelta(seconds=30))


def window_of(rule: Rule, reset_timeout_s: float) -> timedelta:
    """The window: longer for breakers that try again only seldom, a day at most."""
    longest = max(rule.seconds("window_s"), timedelta(seconds=rule.parameters["times_reset"] * reset_timeout_s))
    return min(longest, timedelta(days=1))


def past(starts: Sequence[datetime], rule: Rule, reset_timeout_s: float) -> list[tuple[datetime, datetime]]:
    """When it would have flapped: (from the outage that was one too many, to the end of the calm after the last)."""
    window, times = window_of(rule, reset_timeout_s), int(rule.parameters["times"])
    found: list[tuple[datetime, datetime]] = []
    for index, started in enumerate(starts):
        if found and started <= found[-1][1]:
            found[-1] = (found[-1][0], started + 1.5 * window)
        elif index + 1 >= times and started - starts[index + 1 - times] < window:
            found.append((started, started + 1.5 * window))
    return found
