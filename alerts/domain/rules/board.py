"""The board's doubts about itself: nothing comes in, nothing goes out, we are late, or a service ran into a limit."""

from datetime import datetime, timedelta

from alerts.domain.rules.shapes import Facts, Finding, Rule
from alerts.domain.wording import clock, plain

SOON = timedelta(seconds=10)


def judge_nothing(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """All services at once: it is our ingest, not they. With one service alone that can't be told."""
    n = len(facts.heard)
    together = n > 1 and max(facts.heard) - min(facts.heard) <= rule.seconds("within_s")
    silent = n > 1 and facts.silent_services == n
    summary = f"nothing is heard from anyone: all {n} services fell silent together"
    return Finding(silent and (together or firing), summary, {"services": n}, look_at=now + SOON if silent else None)


def judge_delivery(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Its breaker is open, or a message was given up and nobody has looked at it."""
    why = f"{facts.dead} messages were given up" if facts.dead else facts.last_error
    summary = f"{plain(facts.subject.breaker)} does not take our messages: {plain(why, 200)}"
    met = facts.open_since is not None or facts.dead > 0
    return Finding(met, summary, {"dead": facts.dead}, look_at=now + SOON if met else None)


def judge_late(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """What waits longest."""
    words = []
    for at, limit, what in (
        (facts.oldest_transition_at, "evaluate_s", "changes wait to be looked at"),
        (facts.oldest_notice_at, "send_s", "messages wait to be sent"),
    ):
        if at is not None and now - at > rule.seconds(limit):
            words.append(f"{what} since {clock(at, now)} UTC")
    return Finding(
        bool(words), f"alerts are late: {', '.join(words)}", {"late": words}, look_at=now + SOON if words else None
    )


def judge_limits(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """The last time that something was refused for being too much."""
    recent = {what: at for what, at in facts.limits.items() if now - at <= rule.seconds("within_s")}
    summary = f"{plain(facts.subject.service)} ran into its limit of {', '.join(sorted(recent))}"
    evidence = {what: at.isoformat() for what, at in recent.items()}
    return Finding(bool(recent), summary, evidence, look_at=now + SOON if recent else None)
