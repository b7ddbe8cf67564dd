"""Keeping: how much of what a service says is stored: redacted by rules, cut to a length, or left out."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from breakers.domain.limits import DEFAULTS
from breakers.domain.patterns import Pattern, compiled
from breakers.domain.redacting import LONGEST_KEY, MASK, SECRET_NAME, redacted

# Texts among attributes may be longer than messages.
ATTRIBUTE_FACTOR = 4


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

    def reason(self, reason: dict[str, Any]) -> dict[str, Any]:
        """A reason as it is stored."""
        if not self.messages:
            reason = {name: value for name, value in reason.items() if name != "text"}
        kept: dict[str, Any] = self._deep(reason, self.text_bytes)
        return kept

    def attributes(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Attributes as they are stored."""
        kept: dict[str, Any] = self._deep(attributes, self.text_bytes * ATTRIBUTE_FACTOR)
        return kept

    def _deep(self, value: Any, most: int) -> Any:
        """Every text in a JSON value; a field that is named like a secret loses its whole value."""
        if isinstance(value, str):
            # Not all of a huge text is searched: what a rule needs to see fits into the double.
            return cut(_cleaned(cut(value, 2 * most), self.builtin, self.patterns), most)
        if isinstance(value, dict):
            return {
                key: MASK if self.builtin and _names_a_secret(key, inner) else self._deep(inner, most)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._deep(inner, most) for inner in value]
        return value


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


@lru_cache(maxsize=4_096)
def _cleaned(text: str, builtin: bool, patterns: tuple[Pattern, ...]) -> str:
    """Remembered: a failing call says the same again and again."""
    for pattern in patterns:
        text = pattern.sub(MASK, text)
    return redacted(text) if builtin else text


def _names_a_secret(key: str, value: Any) -> bool:
    return isinstance(value, str) and len(key) <= LONGEST_KEY and SECRET_NAME.search(key) is not None


EVERYTHING = Keeping()
