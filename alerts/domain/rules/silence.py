"""Silent: instances of which nothing was heard for longer than they mean to be heard. One alert a service, not one an instance.

Who never named an interval is never silent; who said that it stops has left; our own downtime is nobody's silence: all of that
was judged before, in the instance's state. A newcomer takes the place of one that fell silent, and of no more.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from alerts.domain.rules.shapes import Facts, Finding, Rule, worse
from alerts.domain.wording import plain

MOST_NAMED = 5


def judge(facts: Facts, rule: Rule, now: datetime, firing: bool) -> Finding:
    """Unknown is worse than stale: the last state says nothing any more.

    Where another took its place before anybody was told, that is a deploy. Once it was told, it is over when it is heard, has stopped, or
    is unknown and was replaced; that it left the counts by its silence alone is no end.
    """
    lost = [name for name in facts.gone if name in facts.alerted] if firing else []
    unknown = [*(name for name in facts.unknown if name not in facts.replaced), *lost]
    stale = [name for name in facts.stale if name not in facts.replaced or (firing and name in facts.alerted)]
    silent = [*unknown, *stale]
    replaced = [f"{plain(name, 60)} was replaced by {plain(other, 60)}" for name, other in _taken(facts).items()]
    if not silent:
        heard = sorted(facts.alerted - {*facts.replaced, *facts.gone})
        back = [f"{_named(heard)} {'are' if len(heard) > 1 else 'is'} silent no more"] if heard else []
        said = (
            f"{plain(facts.subject.service)}: {', '.join([*replaced[:MOST_NAMED], *back])}" if replaced or back else ""
        )
        return Finding(False, said if firing else "", {"replaced": dict(_taken(facts))} if firing and replaced else {})
    summary = (
        f"{plain(facts.subject.service)}: {len(silent)} of {facts.expected + len(lost)} instances are silent"
        f" ({_named(silent)})"
    )
    severity = worse(rule.severity) if unknown else rule.severity
    evidence: dict[str, object] = {"stale": stale, "unknown": unknown, "instances": facts.expected}
    return Finding(True, summary, evidence, severity=severity)


def replacements(
    silent: Mapping[str, datetime], arrived: Mapping[str, datetime], stopped: Iterable[datetime] = ()
) -> dict[str, str]:
    """{who fell silent: who took its place}. `silent`: when each was last heard; `arrived`: when each of those that speak was first heard.

    A newcomer came after the other was last heard, and takes one place, in the order in which they came. Who stopped was replaced first.
    """
    found: dict[str, str] = {}
    places = sorted([*((at, name) for name, at in silent.items()), *((at, "") for at in stopped)])
    for came, newcomer in sorted((at, name) for name, at in arrived.items()):
        fitting = [place for place in places if place[0] < came and place[1] != newcomer]
        # Somebody who said goodbye first: that is how a deploy goes.
        place = next((each for each in fitting if not each[1]), fitting[0] if fitting else None)
        if place is None:
            continue
        places.remove(place)
        if place[1]:
            found[place[1]] = newcomer
    return found


def _taken(facts: Facts) -> dict[str, str]:
    return {name: other for name, other in sorted(facts.replaced.items()) if name in facts.alerted}


def _named(names: list[str]) -> str:
    named = ", ".join(plain(name, 60) for name in names[:MOST_NAMED])
    return named + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
