"""Limits: how much one service may post, and the bucket that measures a rate."""

import math
from collections.abc import Mapping
from typing import Any

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """What one service may do. A rate is a token bucket: so many a second, and a burst on top after calm.

    instances: of one breaker, those that left not counted. text_bytes: of an error's message, a reason, each text in
    attributes; longer ones are cut. depth: of the JSON; deeper bodies are refused.
    """

    requests_per_s: int = 10_000
    requests_burst: int = 100_000
    events_per_s: int = 10_000
    events_burst: int = 100_000
    bytes_per_s: int = 16 << 20
    bytes_burst: int = 64 << 20
    breakers: int = 10_000
    instances: int = 1_000
    text_bytes: int = 2_048
    depth: int = 32


DEFAULTS = Limits()
# What each may be set to.
RANGES = {
    "requests_per_s": (1, 1_000_000),
    "requests_burst": (1, 10_000_000),
    "events_per_s": (1, 1_000_000),
    "events_burst": (1, 10_000_000),
    "bytes_per_s": (1 << 10, 1 << 30),
    "bytes_burst": (8 << 20, 4 << 30),
    "breakers": (1, 100_000),
    "instances": (1, 10_000),
    "text_bytes": (16, 2_048),
    "depth": (3, 32),
}


def limits_of(stored: Mapping[str, int]) -> Limits:
    """The limits of a service, from what its row holds of them."""
    return msgspec.structs.replace(DEFAULTS, **stored) if stored else DEFAULTS


def changed(stored: Mapping[str, int], wanted: Mapping[str, Any]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """What a row holds after these were set (null: the default again), and what is wrong with them: (name, sentence)."""
    told = dict(stored)
    wrong: list[tuple[str, str]] = []
    for name, value in wanted.items():
        if name not in RANGES:
            wrong.append((name[:60], f"there is no limit '{name[:60]}'; expected one of {', '.join(RANGES)}"))
            continue
        least, most = RANGES[name]
        if value is None or value == getattr(DEFAULTS, name):
            told.pop(name, None)
        elif isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            wrong.append((name, f"'{name}' is {str(value)[:60]}; expected a whole number from {least:,} to {most:,}"))
        else:
            told[name] = value
    return told, wrong


# Of a token: who waited as long as told must not be refused for a rounding.
TINY = 1e-6


class Bucket:
    """Tokens that come back at a rate, up to a burst. It may owe some: then it refuses until they are paid."""

    __slots__ = ("at", "burst", "level", "rate", "spent")

    def __init__(self, rate: float, burst: float, at: float) -> None:
        self.rate, self.burst, self.at = rate, burst, at
        self.level = burst
        # Since the others were told.
        self.spent = 0.0

    def take(self, tokens: int, at: float) -> float:
        """0, and they are taken; else the seconds to wait, and none is. More than a burst needs a full bucket, and owes the rest."""
        level = self.level
        if at > self.at:
            level += (at - self.at) * self.rate
            if level > self.burst:
                level = self.burst
            self.at, self.level = at, level
        if level + TINY >= tokens or level >= self.burst:
            self.level = level - tokens
            self.spent += tokens
            return 0.0
        return (min(tokens, self.burst) - level) / self.rate

    def owe(self, tokens: int, at: float) -> None:
        """They are taken, whatever there is."""
        self.level = min(self.burst, self.level + max(0.0, at - self.at) * self.rate) - tokens
        self.at = max(at, self.at)
        self.spent += tokens

    def wait(self, tokens: int, at: float) -> float:
        """The seconds until there are so many; none is taken."""
        level = min(self.burst, self.level + max(0.0, at - self.at) * self.rate)
        return max(0.0, (tokens - level) / self.rate)

    def set(self, rate: float, burst: float) -> None:
        """Other settings, from now on."""
        self.rate, self.burst = rate, burst
        self.level = min(self.level, burst)


def whole_seconds(wait: float) -> int:
    """What `Retry-After` says: no less than the wait, and not 0."""
    return max(1, math.ceil(wait))
