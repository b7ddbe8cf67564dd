"""Traffic: shares of the last minute's calls. A condition that fired ends below four fifths of its threshold, so that a rate
that wavers around the threshold is one alert.
"""

from collections.abc import Sequence
from datetime import datetime

from alerts.domain.rules.shapes import Facts, Finding, Minute, Rule
from alerts.domain.wording import dated, plain

HYSTERESIS = 0.8
WORDS = {
    "failure rate": "failed {:.1f} % of its calls",
    "slow rate": "was slow in {:.1f} % of its calls",
    "rejected share": "refused {:.1f} % of what was asked of it",
    "fallback share": "answered {:.1f} % by its fallback",
    "retry storm": "retried {:.1f} times for each call",
}


def judge(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Too few calls to tell by: while it fires that is no recovery, else it is nothing."""
    value, of = measured(rule.kind, facts.minute)
    if of < rule.parameters["calls"]:
        return Finding(None if firing and of else False, look_at=now)
    threshold = _threshold(rule)
    subject = facts.subject
    told = f"{WORDS[rule.kind].format(value)} ({of} in the minute before {dated(now)} UTC)"
    summary = f"{plain(subject.breaker)} in {plain(subject.service)} {told}"
    met = _exceeds(rule.kind, value, threshold * (HYSTERESIS if firing else 1))
    return Finding(met, summary, {"value": round(value, 2), "threshold": threshold, "calls": of})


def measured(kind: str, minute: Minute) -> tuple[float, int]:
    """(the share in per cent, or retries for a call; of how many)."""
    asked = minute.calls + minute.rejected
    match kind:
        case "failure rate":
            part, of = minute.failure + minute.timeout, minute.calls
        case "slow rate":
            part, of = minute.slow, minute.calls
        case "rejected share":
            part, of = minute.rejected, asked
        case "fallback share":
            part, of = minute.fallback, asked
        case _:
            return (minute.retry / minute.calls if minute.calls else 0.0), minute.calls
    return (100 * part / of if of else 0.0), of


def past(minutes: Sequence[tuple[datetime, Minute]], rule: Rule) -> list[tuple[datetime, datetime]]:
    """When it would have fired: minutes in a row for as long as `for`, until it was false for as long as `keep`."""
    found: list[tuple[datetime, datetime]] = []
    threshold, least = _threshold(rule), rule.parameters["calls"]
    since: datetime | None = None
    last: datetime | None = None
    firing = False
    for at, minute in minutes:
        value, of = measured(rule.kind, minute)
        gap = (at - last).total_seconds() if last is not None else 0.0
        if gap > (60 + rule.keep_s if firing else 60):
            since, firing = None, False
        if of < least or not _exceeds(rule.kind, value, threshold * (HYSTERESIS if firing else 1)):
            if not firing:
                since = None
            continue
        since, last = since or at, at
        if firing:
            found[-1] = (found[-1][0], at)
        elif (at - since).total_seconds() + 60 >= rule.for_s:
            firing = True
            found.append((at, at))
    return found


def _threshold(rule: Rule) -> float:
    return rule.parameters["ratio" if rule.kind == "retry storm" else "percent"]


def _exceeds(kind: str, value: float, threshold: float) -> bool:
    return value > threshold if kind == "retry storm" else value >= threshold
