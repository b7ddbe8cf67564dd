"""Matching: which subjects a rule or a silence means. `*` matches within a value, and nothing else is special."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

NAMES = ("service", "dependency", "breaker")
LONGEST = 200
MOST_LABELS = 32


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule looks at, by its names. A text that it has not is empty."""

    service: str = ""
    dependency: str = ""
    breaker: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Matchers:
    """All of them must match; one that is empty matches everything."""

    service: str = ""
    dependency: str = ""
    breaker: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    def matches(self, subject: Subject) -> bool:
        """Whether the subject is meant."""
        return (
            (not self.service or globbed(self.service, subject.service))
            and (not self.dependency or globbed(self.dependency, subject.dependency))
            and (not self.breaker or globbed(self.breaker, subject.breaker))
            and (not self.labels or self._labels_match(dict(subject.labels)))
        )

    def _labels_match(self, labels: Mapping[str, str]) -> bool:
        return all(key in labels and globbed(value, labels[key]) for key, value in self.labels)


def globbed(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern. In time of their lengths, whatever the stars: no name can blow it up."""
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def read(given: Mapping[str, Any]) -> tuple[Matchers, list[tuple[str, str]]]:
    """The matchers of `{"service", "breaker", "dependency", "labels": {…}}`, and what is wrong with them by field."""
    wrong = [
        (f"matchers.{name}", f"there is no matcher '{name[:60]}'") for name in given if name not in (*NAMES, "labels")
    ]
    texts = {}
    for name in NAMES:
        value = given.get(name) or ""
        texts[name] = value.strip() if isinstance(value, str) else ""
        if not _is_text(value):
            wrong.append((f"matchers.{name}", f"a matcher is a text of at most {LONGEST} characters, without NUL"))
    found = Matchers(texts["service"], texts["dependency"], texts["breaker"])
    labels = given.get("labels") or {}
    if (
        not isinstance(labels, Mapping)
        or len(labels) > MOST_LABELS
        or not all(map(_is_text, [*labels, *labels.values()]))
    ):
        return found, [*wrong, ("matchers.labels", f"labels are at most {MOST_LABELS} texts by name")]
    return replace(found, labels=tuple(sorted(labels.items()))), wrong


def written(matchers: Matchers) -> dict[str, Any]:
    """The matchers as they are stored and told: those that are set."""
    found: dict[str, Any] = {name: getattr(matchers, name) for name in NAMES if getattr(matchers, name)}
    return {**found, "labels": dict(matchers.labels)} if matchers.labels else found


def said(matchers: Matchers) -> str:
    """In words: `service checkout, label team:*`; nothing where everything matches."""
    words = [f"{name} {getattr(matchers, name)}" for name in NAMES if getattr(matchers, name)]
    return ", ".join([*words, *(f"label {key}:{value}" for key, value in matchers.labels)])


def labels_of(labels: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """A subject's labels, as they are compared."""
    return tuple((str(key), str(value)) for key, value in labels.items())


def read_labels(text: str) -> tuple[dict[str, str], Sequence[str]]:
    """Labels written `team:logistics, tier:1`, and the words that are none."""
    pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
    return (
        {key.strip(): value.strip() for key, colon, value in pairs if colon},
        [key for key, colon, _ in pairs if not colon],
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST and "\0" not in value
