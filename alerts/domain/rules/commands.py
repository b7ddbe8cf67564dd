"""Commands: an order that did not arrive or failed, and one that was done and did not hold. A later one that works ends it, and so does time."""

from datetime import datetime

from alerts.domain.rules.shapes import Facts, Finding, Rule
from alerts.domain.wording import plain

UNDONE = {"failed": "failed", "expired": "was not confirmed before it expired"}


def judge(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Of the newest command alone: it was not done."""
    return _found(facts, rule, now, UNDONE.get(facts.command[1], "") if facts.command else "")


def judge_held(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Of the newest command alone: it was done, and the traffic after it was no better."""
    done = facts.command is not None and facts.command[1] not in UNDONE and facts.command[2] == "did_not_hold"
    return _found(facts, rule, now, "was applied and did not hold" if done else "")


def _found(facts: Facts, rule: Rule, now: datetime, went: str) -> Finding:
    if facts.command is None:
        return Finding(False)
    action, status, verdict, who, issued_at = facts.command
    ends = issued_at + rule.seconds("within_s")
    summary = f"{action} of {plain(facts.subject.breaker)} in {plain(facts.subject.service)}, ordered by {plain(who, 60)}, {went}"
    evidence = {"action": action, "status": status, "verdict": verdict, "requested_by": who}
    met = bool(went) and now < ends
    return Finding(met, summary, evidence, look_at=ends if met else None)
