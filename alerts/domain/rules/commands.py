"""Commands: an order that did not arrive, failed, or did not hold. A later one that works ends it, and so does time."""

from datetime import datetime

from alerts.domain.rules.shapes import Facts, Finding, Rule
from alerts.domain.wording import plain

UNDONE = {"failed": "failed", "expired": "was not confirmed before it expired"}


def judge(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Of the newest command alone."""
    if facts.command is None:
        return Finding(False)
    action, status, verdict, who, issued_at = facts.command
    ends = issued_at + rule.seconds("within_s")
    went = UNDONE.get(status) or ("did not hold" if verdict == "did_not_hold" else "")
    summary = f"{action} of {plain(facts.subject.breaker)} in {plain(facts.subject.service)}, ordered by {plain(who, 60)}, {went}"
    evidence = {"action": action, "status": status, "verdict": verdict, "requested_by": who}
    return Finding(bool(went) and now < ends, summary, evidence, look_at=ends if went and now < ends else None)
