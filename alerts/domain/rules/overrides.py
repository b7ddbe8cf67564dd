"""Overrides: administrative states that outlast what was ordered, and breakers that are not as someone wanted them."""

from datetime import datetime, timedelta

from alerts.domain.rules.shapes import Facts, Finding, Rule
from alerts.domain.wording import dated, plain

FORCED = ("forced_open", "forced_closed", "disabled")
WANTS = {
    "force_open": ("forced_open", "open"),
    "force_closed": ("forced_closed",),
    "disable": ("disabled",),
}


def judge_forced(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Protection that is off is worse than calls that are refused."""
    state = next((state for state in FORCED if facts.instances.get(state)), None)
    if state is None or facts.forced_since is None or (state == "forced_closed" and facts.metrics_only):
        return Finding(False)
    if facts.wanted_until is not None:
        due = facts.wanted_until + rule.seconds("lease_s")
        why = f"its lease ended at {dated(facts.wanted_until)} UTC"
    elif facts.released_at is not None and facts.forced_since <= facts.released_at + rule.seconds("lease_s"):
        # The order is over, and an instance goes on as if it had not heard.
        due = facts.released_at + rule.seconds("lease_s")
        why = f"its override ended at {dated(facts.released_at)} UTC"
    else:
        due = facts.forced_since + rule.seconds("alone_s")
        why = f"since {dated(facts.forced_since)} UTC, without an end"
    met = now >= due
    summary = f"{_name(facts)} is still {state.replace('_', ' ')}: {why}"
    return Finding(
        met,
        summary,
        {"state": state, "since": facts.forced_since.isoformat()},
        look_at=None if met else due,
        severity="critical" if state == "forced_closed" else rule.severity,
        since=due if met else None,
    )


def judge_wanted(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Intent and observation are two things; that they differ for a while is worth a word."""
    wanted = WANTS.get(facts.wanted_action or "")
    over = facts.wanted_until is not None and now >= facts.wanted_until
    if wanted is None or over or facts.reported_state is None:
        return Finding(False)
    by = f" by {plain(facts.wanted_by, 60)}" if facts.wanted_by else ""
    summary = f"{_name(facts)} reports {facts.reported_state}, wanted{by}: {wanted[0].replace('_', ' ')}"
    met = facts.reported_state not in wanted
    evidence = {"wanted": facts.wanted_action, "seen": facts.reported_state}
    return Finding(met, summary, evidence, look_at=now + timedelta(seconds=10))


def _name(facts: Facts) -> str:
    return f"{plain(facts.subject.breaker)} in {plain(facts.subject.service)}"
