"""Reasons: why a breaker opened, in one sentence made of what the service said, and of nothing else."""

from breakers.queries.shapes import Why
from dashboard.pages.words import length, short

NOT_SAID = "Reason not sent: the service did not say why."


def reason_sentence(why: Why) -> str:
    """`Failure rate 62 % ≥ 50 %, over 20 calls.`; where the service told a sentence alone, that one."""
    if why.value is None or why.metric is None:
        return why.text or _by_metric(why.metric) or NOT_SAID
    match why.metric:
        case "failure_rate":
            said = _crossed("Failure rate", why, " %")
        case "slow_call_rate":
            said = _crossed("Slow call rate", why, " %")
        case "consecutive_failures":
            said = _crossed("Failures in a row:", why, "")
        case "failure_count":
            said = _crossed("Failures:", why, "")
        case metric:
            said = _crossed(f"{metric.replace('_', ' ').capitalize()}:", why, "")
    window = "" if why.window_ms is None else f", over {length(why.window_ms / 1000)}"
    least = "" if why.min_calls is None else f", of at least {short(why.min_calls)} calls"
    return f"{said}{window}{least}."


def _crossed(name: str, why: Why, unit: str) -> str:
    value = f"{name} {short(why.value or 0)}{unit}"
    if why.threshold is None:
        return value
    # Some count what is well, and trip below their threshold.
    sign = "≥" if (why.value or 0) >= why.threshold else "<"
    return f"{value} {sign} {short(why.threshold)}{unit}"


def _by_metric(metric: str | None) -> str:
    said = {
        "probe": "A probe failed.",
        "manual": "Opened by hand.",
        "store": "The state came from the store that the instances share.",
    }
    return said.get(metric or "", "")
