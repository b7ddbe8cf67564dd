"""Keeping: how much of what a service says is stored: redacted by rules, cut to a length, or left out."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from breakers.domain.bounding import ATTRIBUTES, CONFIG, REASON, Bounded, bound
from breakers.domain.limits import DEFAULTS
from breakers.domain.patterns import Pattern, compiled
from breakers.domain.redacting import LONGEST_KEY, MASK, SECRET_NAME, redacted

# Texts among attributes may be longer than messages.
ATTRIBUTE_FACTOR = 4
# JSON that is small enough to be remembered.
SMALL = 512  # bytes
# No rule finds anything in less: an address is longer, so is what a key looks like.
PLAIN_NAME = 5  # characters
# What is kept first, where not all can be. Settings: numbers, also where a library tells them as text.
REASON_FIRST = ("metric", "value", "threshold", "window_ms", "min_calls", "text")
SETTINGS = (
    "failure_threshold",
    "failure_rate_threshold",
    "slow_call_rate_threshold",
    "slow_call_ms",
    "reset_timeout_ms",
    "window_ms",
    "window_calls",
    "minimum_calls",
    "success_threshold",
    "half_open_max_calls",
    "timeout_ms",
    "max_concurrent",
)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Keeping(NamedTuple):
    """What is kept of a service's texts. builtin: the rules of `redacting`. messages: of errors and reasons; else left out."""

    builtin: bool = True
    patterns: tuple[Pattern, ...] = ()
    messages: bool = True
    text_bytes: int = DEFAULTS.text_bytes
    depth: int = DEFAULTS.depth

    def message(self, text: str) -> str | None:
        """An error's message as it is stored."""
        return cut(_cleaned(text, self.builtin, self.patterns), self.text_bytes) if self.messages else None

    def kind(self, text: str) -> str:
        """An error's type as it is stored: a word, but whatever the service takes for one."""
        return _cleaned(text, self.builtin, self.patterns)

    def name(self, text: str) -> str:
        """A dependency's name as it is stored: where it is an address, without what signs in there."""
        return _cleaned(text, self.builtin, self.patterns) if "://" in text or self.patterns else text

    def reason(self, reason: dict[str, Any]) -> Bounded:
        """A reason as it is stored."""
        if not self.messages:
            reason = {name: value for name, value in reason.items() if name != "text"}
        return self._kept(reason, REASON, self.text_bytes, REASON_FIRST)

    def config(self, config: dict[str, Any]) -> Bounded:
        """Settings as they are stored."""
        return self._kept(config, CONFIG, self.text_bytes, SETTINGS)

    def labels(self, labels: dict[str, str]) -> dict[str, str]:
        """Labels as they are stored: whole, for routes match them; how many and how long they are is bounded where they are read."""
        told = _encode(labels)
        kept: dict[str, str] = _labels(self, told) if len(told) <= SMALL else self._deep(labels)
        return kept

    def attributes(self, attributes: dict[str, Any]) -> Bounded:
        """Attributes as they are stored."""
        return self._kept(attributes, ATTRIBUTES, self.text_bytes * ATTRIBUTE_FACTOR)

    def _kept(self, value: dict[str, Any], most: int, text: int, first: tuple[str, ...] = ()) -> Bounded:
        """As it is stored. Remembered where it is small: an instance tells the same settings and labels again and again."""
        told = _encode(value)
        return (
            _remembered(self, told, most, text, first) if len(told) <= SMALL else self._made(value, most, text, first)
        )

    def _made(self, value: dict[str, Any], most: int, text: int, first: tuple[str, ...]) -> Bounded:
        """Cut, then redacted; and cut again where a mask is longer than what it hides."""
        bounded = bound(value, most, text, first)
        again = bound(self._deep(bounded.value), most, text, first)
        return Bounded(again.value, bounded.cut + again.cut)

    def _deep(self, value: Any) -> Any:
        """Every text and name in a JSON value; a field that is named like a secret loses its whole value."""
        if isinstance(value, str):
            return _cleaned(value, self.builtin, self.patterns)
        if isinstance(value, dict):
            return {
                self._field(key): MASK if self.builtin and _names_a_secret(key, inner) else self._deep(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._deep(inner) for inner in value]
        return value

    def _field(self, name: str) -> str:
        """A field's name: a short word of letters has no secret in it, whatever the built-in rules look for."""
        return name if len(name) <= PLAIN_NAME and not self.patterns else _cleaned(name, self.builtin, self.patterns)


def cut(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, whole characters."""
    if len(text) * 4 <= most:
        return text
    return text.encode()[:most].decode(errors="ignore")


def keeping_of(stored: Mapping[str, Any], limits: Mapping[str, int], of_the_board: tuple[str, ...] = ()) -> Keeping:
    """What is kept of a service's texts, from what its row holds; `of_the_board`: patterns for every service."""
    return _made(
        not stored.get("off"),
        (*of_the_board, *stored.get("patterns", ())),
        not stored.get("no_messages"),
        limits.get("text_bytes", DEFAULTS.text_bytes),
        limits.get("depth", DEFAULTS.depth),
    )


@lru_cache(maxsize=1_024)
def _made(builtin: bool, patterns: tuple[str, ...], messages: bool, text_bytes: int, depth: int) -> Keeping:
    return Keeping(builtin, tuple(compiled(pattern) for pattern in patterns), messages, text_bytes, depth)


@lru_cache(maxsize=1_024)
def _labels(keeping: Keeping, told: bytes) -> Any:
    return keeping._deep(msgspec.json.decode(told))


@lru_cache(maxsize=4_096)
def _cleaned(text: str, builtin: bool, patterns: tuple[Pattern, ...]) -> str:
    """Remembered: a failing call says the same again and again."""
    for pattern in patterns:
        text = pattern.sub(MASK, text)
    return redacted(text) if builtin else text


@lru_cache(maxsize=2_048)
def _remembered(keeping: Keeping, told: bytes, most: int, text: int, first: tuple[str, ...]) -> Bounded:
    return keeping._made(_decode(told), most, text, first)


def _names_a_secret(key: str, value: Any) -> bool:
    return isinstance(value, str | list) and len(key) <= LONGEST_KEY and SECRET_NAME.search(key) is not None


EVERYTHING = Keeping()
