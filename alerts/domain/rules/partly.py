"""Partly open: some instances are open, and the headline's rule is not met. One host may be ill, not the dependency."""

from datetime import datetime

from alerts.domain.rules.shapes import Facts, Finding, Rule
from alerts.domain.wording import plain


def judge(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """An opening of the whole is told by another rule."""
    n, total = facts.instances.get("open", 0), sum(facts.instances.values())
    met = n > 0 and facts.state != "open"
    subject = facts.subject
    summary = f"{plain(subject.breaker)} is open at {n} of {total} instances in {plain(subject.service)}"
    return Finding(met, summary, {"instances": dict(facts.instances), "state": facts.state})
