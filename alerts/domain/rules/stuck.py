"""Stuck open, two kinds: the probes keep failing (the dependency is down), or nobody calls, so that no probe could happen."""

from datetime import datetime, timedelta

from alerts.domain.rules.shapes import Facts, Finding, Rule
from alerts.domain.wording import dated, plain


def judge_probes(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Long enough, and probe after probe failed."""
    outage = _under_way(facts)
    if outage is None:
        return Finding(False)
    started, failed = outage
    due = started + _patience(facts, rule)
    if now < due:
        return Finding(False, look_at=due)
    met = failed >= rule.parameters["probes"]
    summary = f"{_name(facts)} stays open: {failed} probes failed since {dated(started)} UTC"
    return Finding(
        met, summary, {"failed_probes": failed, "open_since": started.isoformat()}, since=due if met else None
    )


def judge_quiet(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Long enough, and no probe and no call that could have made one."""
    outage = _under_way(facts)
    if outage is None:
        return Finding(False)
    started, _ = outage
    due = started + _patience(facts, rule)
    quiet_since = max([moment for moment in (facts.called_at, started) if moment])
    due = max(due, quiet_since + rule.seconds("quiet_s"))
    probed = facts.probed_at is not None and facts.probed_at >= started
    met = now >= due and not probed
    summary = f"{_name(facts)} has been open since {dated(started)} UTC and nobody calls it: no probe could happen"
    return Finding(
        met,
        summary,
        {"open_since": started.isoformat(), "offers": "probe"},
        look_at=due if now < due and not probed else None,
        since=due if met else None,
    )


def _under_way(facts: Facts) -> tuple[datetime, int] | None:
    return next(((started, failed) for started, ended, failed in facts.outages if ended is None), None)


def _patience(facts: Facts, rule: Rule) -> timedelta:
    return max(rule.seconds("open_s"), timedelta(seconds=rule.parameters["times_reset"] * facts.reset_timeout_s))


def _name(facts: Facts) -> str:
    return f"{plain(facts.subject.breaker)} in {plain(facts.subject.service)}"
