"""Silent: instances of which nothing was heard for longer than they mean to be heard. One alert a service, not one an instance.

Who never named an interval is never silent; who said that it stops has left; our own downtime is nobody's silence: all of that
was judged before, in the instance's state.
"""

from datetime import datetime

from alerts.domain.rules.shapes import Facts, Finding, Rule, worse
from alerts.domain.wording import plain

MOST_NAMED = 5


def judge(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Unknown is worse than stale: the last state says nothing any more."""
    silent = [*facts.unknown, *facts.stale]
    named = ", ".join(plain(name, 60) for name in silent[:MOST_NAMED])
    more = f" and {len(silent) - MOST_NAMED} more" if len(silent) > MOST_NAMED else ""
    summary = f"{plain(facts.subject.service)}: {len(silent)} of {facts.expected} instances are silent ({named}{more})"
    severity = worse(rule.severity) if facts.unknown else rule.severity
    return Finding(
        bool(silent),
        summary,
        {"stale": list(facts.stale), "unknown": list(facts.unknown), "instances": facts.expected},
        severity=severity,
    )
