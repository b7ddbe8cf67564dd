"""The catalogue: every kind of rule, its parameters with their bounds, the sentence it is read as, and what exists at the first start."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from alerts.domain import matching
from alerts.domain.matching import Matchers
from alerts.domain.wording import span

BREAKER, SERVICE, DESTINATION, BOARD, TEAM = "breaker", "service", "destination", "board", "team"
WEEKLY = "weekly digest"
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a rule of this kind can be given."""

    name: str
    words: str
    default: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule. `says`: the condition in words, with the parameters in their places."""

    name: str
    subject: str
    says: str
    severity: str
    for_s: int = 0
    keep_s: int = 0
    parameters: tuple[Parameter, ...] = ()
    # Whether the stored history can tell when it would have fired.
    replayable: bool = True
    # Whether its sentence follows what is found while it fires; a measurement says of which minute it is, and stays.
    moves: bool = True
    # Whether the sentence of its end says how it ended.
    ends_in_words: bool = False

    @property
    def defaults(self) -> dict[str, float]:
        """The parameters as they come."""
        return {each.name: each.default for each in self.parameters}


_CALLS = Parameter("calls", "with at least so many calls a minute", 20, 1, 1_000_000)
_TIMES = Parameter("times_reset", "or this many times its reset timeout, if that is longer", 10, 0, 1_000)


def _percent(name: str, words: str, default: float) -> Parameter:
    return Parameter(name, words, default, 0.1, 100)


def _seconds(name: str, words: str, default: float, most: float = DAY) -> Parameter:
    return Parameter(name, words, default, 0, most)


KINDS: dict[str, Kind] = {
    each.name: each
    for each in (
        Kind("opened", BREAKER, "is open", "critical", 0, 60),
        Kind("partly open", BREAKER, "is open at some instances, but not by its headline's rule", "warning", 60, 60),
        Kind(
            "stuck open, probes fail", BREAKER,
            "has been open for {open_s} or longer and {probes} or more of its probes failed", "critical",
            parameters=(_seconds("open_s", "open for so many seconds", 600), _TIMES,
                        Parameter("probes", "and so many probes failed", 3, 1, 1_000)),
        ),
        Kind(
            "stuck open, no traffic", BREAKER,
            "has been open for {open_s} or longer, was not probed, and had no call for {quiet_s}", "info",
            parameters=(_seconds("open_s", "open for so many seconds", 900), _TIMES,
                        _seconds("quiet_s", "and no call for so many seconds", 300)),
        ),
        Kind(
            "flapping", BREAKER, "opened {times} times or more in {window_s}", "warning",
            parameters=(Parameter("times", "outages begun", 4, 2, 100), _seconds("window_s", "in so many seconds", 600), _TIMES),
        ),
        Kind(
            "failure rate", BREAKER, "fails {percent} % or more of its calls, with at least {calls} calls a minute",
            "warning", 120, 120, (_percent("percent", "of the calls fail", 50), _CALLS), moves=False,
        ),
        Kind(
            "slow rate", BREAKER, "is slow in {percent} % or more of its calls, with at least {calls} calls a minute",
            "warning", 120, 120, (_percent("percent", "of the calls are slow", 50), _CALLS), moves=False,
        ),
        Kind(
            "rejected share", BREAKER, "refuses {percent} % or more of what is asked of it, with at least {calls} asked a minute",
            "warning", 300, 120, (_percent("percent", "of what is asked is refused", 50), _CALLS), moves=False,
        ),
        Kind(
            "fallback share", BREAKER, "answers {percent} % or more of what is asked of it by its fallback, with at least {calls} asked a minute",
            "info", 300, 120, (_percent("percent", "of what is asked is answered by a fallback", 50), _CALLS), moves=False,
        ),
        Kind(
            "retry storm", BREAKER, "retries more than {ratio} times for each call, with at least {calls} calls a minute",
            "warning", 60, 120, (Parameter("ratio", "retries for each call", 1, 0.01, 1_000), _CALLS), moves=False,
        ),
        Kind(
            "forced too long", BREAKER,
            "is still forced {lease_s} after its lease ended, or {alone_s} after it was forced without one", "warning",
            parameters=(_seconds("lease_s", "after the lease's end", 60), _seconds("alone_s", "without a lease", 1_800)),
        ),
        Kind(
            "command not applied", BREAKER,
            "did not do what its newest command, at most {within_s} old, asked for", "warning",
            parameters=(_seconds("within_s", "so many seconds after it was ordered", 3_600),), replayable=False,
        ),
        Kind(
            "command did not hold", BREAKER,
            "did what its newest command, at most {within_s} old, asked for, and it did not hold", "warning",
            parameters=(_seconds("within_s", "so many seconds after it was ordered", 3_600),), replayable=False,
        ),
        Kind("not as wanted", BREAKER, "reports another state than was ordered", "warning", 60, 30, replayable=False),
        Kind(
            "nothing from anyone", BOARD, "hears nothing any more: all services fell silent within {within_s}", "critical",
            30, 0, (_seconds("within_s", "within so many seconds", 60),), replayable=False,
        ),
        # After "nothing from anyone", which speaks for it: rules are looked at in this order.
        Kind("silent", SERVICE, "has an instance that fell silent without saying that it stops", "warning", ends_in_words=True),
        Kind("delivery failing", DESTINATION, "takes no messages, or one was given up", "critical", 120, 120, replayable=False),
        Kind(
            "we are late", BOARD,
            "looks at what happened more than {evaluate_s} late, or sends what is due more than {send_s} late", "critical",
            30, 60, (_seconds("evaluate_s", "late in evaluating", 30), _seconds("send_s", "late in sending", 60)), replayable=False,
        ),
        Kind(
            "limit reached", SERVICE, "ran into its limit of breakers, instances or events in the last {within_s}", "warning",
            0, 300, (_seconds("within_s", "in so many seconds", 300),), replayable=False,
        ),
        Kind(WEEKLY, TEAM, "had outages in the week before, tells people of it on Monday at 08:00 UTC", "info", replayable=False),
    )
}  # fmt: skip


def sentence(
    kind: str, parameters: Mapping[str, float], matchers: Matchers, severity: str, for_s: int, keep_s: int
) -> str:
    """The rule in words."""
    about = KINDS[kind]
    whom = {
        BREAKER: "any breaker",
        SERVICE: "any service",
        DESTINATION: "any destination",
        BOARD: "the board",
        TEAM: "any team",
    }[about.subject]
    where = f" of {said}" if (said := matching.said(matchers)) else ""
    numbers = {
        name: _long(value) if name.endswith("_s") else f"{value:g}"
        for name, value in {**about.defaults, **parameters}.items()
    }
    if about.subject == TEAM:
        return f"When {whom}{where} {about.says}: {severity}."
    held = f", for {_long(for_s)}" if for_s else ""
    ends = (
        f"resolved when that has not been so for {_long(keep_s)}"
        if keep_s
        else "resolved as soon as that is not so any more"
    )
    return f"When {whom}{where} {about.says.format(**numbers)}{held}: {severity}; {ends}."


def _long(seconds: float) -> str:
    return span(timedelta(seconds=seconds))
