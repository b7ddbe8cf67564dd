"""Patterns: what the traffic of a range shows, called by its name: timeouts, a storm of retries, fallbacks, calls refused."""

from dataclasses import dataclass

from breakers.domain.rates import rate
from breakers.queries.shapes import Timeline
from dashboard.pages.words import lasted, moment, percent, ratio, short, whole

# A storm: a bucket with so many retries, and so many for each call.
STORM_RETRIES = 20
STORM_PER_CALL = 1.0
LULL_S = 120


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern: its number, and what it means. `loud`: something to look at."""

    name: str
    title: str
    value: str
    words: str
    loud: bool = False


def patterns(line: Timeline, config: dict[str, object]) -> list[Pattern]:
    """The four patterns of a range, whether they are there or not."""
    sums = {
        name: sum(_of(bucket, name) for bucket in line.buckets)
        for name in ("success", "failure", "timeout", "rejected", "retry", "fallback")
    }
    calls = sums["success"] + sums["failure"] + sums["timeout"]
    return [
        _timeouts(sums["timeout"], calls, config),
        _retries(line, sums["retry"], calls),
        _fallbacks(sums["fallback"], calls + sums["rejected"]),
        _refused(sums["rejected"], config),
    ]


def _timeouts(timeouts: int, calls: int, config: dict[str, object]) -> Pattern:
    limit = config.get("timeout_ms")
    told = f" after {short(limit)} ms" if isinstance(limit, int | float) and not isinstance(limit, bool) else ""
    words = f"{percent(rate(timeouts, calls))} of the calls waited in vain{told}" if timeouts and calls else "none"
    return Pattern("timeouts", "Timeouts", whole(timeouts), words, bool(calls) and timeouts / calls >= 0.05)


def _retries(line: Timeline, retries: int, calls: int) -> Pattern:
    storms = _storms_of(line)
    if storms:
        worst = max(storms, key=_strength)
        first, last = moment(str(worst[0]["at"])), moment(str(worst[-1]["at"]))
        when = f"{first:%H:%M}" if f"{first:%H:%M}" == f"{last:%H:%M}" else f"{first:%H:%M} to {last:%H:%M}"
        more = f", and {len(storms) - 1} more" if len(storms) > 1 else ""
        words = f"a retry storm, {when} UTC: up to {short(_strength(worst))} retries a call{more}"
        return Pattern("retries", "Retries", whole(retries), words, True)
    words = f"{ratio(retries, calls)} a call" if retries and calls else "no call was counted" if retries else "none"
    return Pattern("retries", "Retries", whole(retries), words)


def _storms_of(line: Timeline) -> list[list[dict[str, object]]]:
    """Each storm's buckets: a few calm ones between two do not make them two storms."""
    storms: list[list[dict[str, object]]] = []
    calm = 0.0
    for bucket in line.buckets:
        if not _storms(bucket):
            calm += line.width_s
            continue
        if storms and calm < max(LULL_S, 3 * line.width_s):
            storms[-1].append(bucket)
        else:
            storms.append([bucket])
        calm = 0.0
    return storms


def _strength(storm: list[dict[str, object]]) -> float:
    return max(_of(bucket, "retry") / max(_calls(bucket), 1) for bucket in storm)


def _fallbacks(fallbacks: int, asked: int) -> Pattern:
    words = f"{percent(rate(min(fallbacks, asked), asked))} served degraded" if fallbacks and asked else "none told"
    return Pattern("fallbacks", "Fallbacks", whole(fallbacks), words)


def _refused(refused: int, config: dict[str, object]) -> Pattern:
    limit = config.get("timeout_ms")
    if not refused:
        words = "none"
    elif isinstance(limit, int | float) and not isinstance(limit, bool) and limit > 0:
        words = (
            f"calls the dependency was spared: up to {lasted(refused * limit / 1000)} of waiting at {short(limit)} ms"
        )
    else:
        words = "calls the dependency was spared, and nobody waited for"
    return Pattern("refused", "Refused", whole(refused), words)


def _storms(bucket: dict[str, object]) -> bool:
    retries = _of(bucket, "retry")
    return retries >= STORM_RETRIES and retries >= STORM_PER_CALL * _calls(bucket)


def _calls(bucket: dict[str, object]) -> int:
    return _of(bucket, "success") + _of(bucket, "failure") + _of(bucket, "timeout")


def _of(bucket: dict[str, object], field: str) -> int:
    value = bucket.get(field)
    return value if isinstance(value, int) else 0
