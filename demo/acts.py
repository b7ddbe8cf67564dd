"""Acts: the ways in which a dependency can misbehave, and the words for them in a control request.

POST /slow?delay_ms=2500&for=30         answers come late
POST /failing?share=60                  60 % of the answers are 503, until told otherwise
POST /dead?for=30                       nobody listens
POST /healthy                           all is well
POST /failing?caller=orders-2           only this instance is treated badly
"""

import math
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

MODES = ("healthy", "slow", "failing", "dead")


class BadAct(ValueError):
    """A control request that makes no sense; the message says which word of it, and what was expected."""


@dataclass(frozen=True)
class Act:
    """What a dependency does to its callers. share: percent of the calls. caller: an instance, or all of them.

    by: who asked for it. Chaos gives way to people.
    """

    mode: str = "healthy"
    for_s: float = math.inf
    share: float = 100.0
    delay_ms: float = 2500.0
    caller: str = ""
    by: str = "hand"

    def __str__(self) -> str:
        """What happens, in words."""
        how = {
            "healthy": "is healthy",
            "slow": f"is slow ({self.delay_ms:g} ms)",
            "failing": "fails",
            "dead": "is dead",
        }[self.mode]
        some = f" for {self.share:g} % of the calls" if self.share < 100 and self.mode in ("slow", "failing") else ""
        whom = f" of {self.caller}" if some and self.caller else f" for {self.caller}" if self.caller else ""
        until = "" if math.isinf(self.for_s) else f", {self.for_s:g} s long"
        return how + some + whom + until

    def target(self) -> str:
        """The act as a control request's target, for `read`."""
        words = {"share": f"{self.share:g}", "delay_ms": f"{self.delay_ms:g}", "by": self.by}
        if not math.isinf(self.for_s):
            words["for"] = f"{self.for_s:g}"
        if self.caller:
            words["caller"] = self.caller
        return f"/{self.mode}?{urlencode(words)}"


def read(target: str) -> Act:
    """The act that a control request's target asks for.

    Errors: BadAct.
    """
    parts = urlsplit(target)
    mode = parts.path.strip("/")
    if mode not in MODES:
        raise BadAct(f"'{mode}' is no mode; expected one of {', '.join(MODES)}")
    words = dict(parse_qsl(parts.query))
    act = Act(
        mode,
        _number(words, "for", math.inf, 86_400),
        _number(words, "share", 100.0, 100),
        _number(words, "delay_ms", 2500.0, 60_000),
        words.pop("caller", ""),
        words.pop("by", "hand"),
    )
    if words:
        raise BadAct(f"'{next(iter(words))}' is no setting; expected for, share, delay_ms, caller")
    if act.mode == "dead" and (act.caller or act.share < 100):
        raise BadAct(
            "a dead dependency is dead for every call of everyone; use failing for a share of them or one caller"
        )
    return act


def _number(words: dict[str, str], name: str, default: float, most: float) -> float:
    text = words.pop(name, None)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = math.nan
    if text is not None and not 0 <= value <= most:
        raise BadAct(f"{name} is '{text}'; expected a number from 0 to {most}")
    return value
