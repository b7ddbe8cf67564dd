"""Searching: the query language of the wall, `state:open service:pay* label.team:ops open>5m forced:yes incident:yes database`.

Terms must all hold; values separated by commas are alternatives; `-` before a term turns it round; words without a field
are found in name, service or dependency. `*` matches any text within a value; "quotes" hold blanks, commas, colons, stars.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from breakers.domain.states import ADMINISTRATIVE, SEVERITY

FIELDS = ("state", "service", "name", "dependency", "forced", "incident", "silenced", "label.")
YES_OR_NO = ("forced", "silenced")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
LONGEST = 500
MOST_TERMS = 20
STATES = tuple(str(state) for state in SEVERITY)

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_FIELD = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*?)([:<>])")
# What the words mean to people; the keys of states are written with `_`.
_ALIASES = {"breaker": "name", "dep": "dependency"}


class SearchError(ValueError):
    """The query can't be read; the message is a sentence with the value in it."""


class Seen(NamedTuple):
    """What a query can ask of a breaker. `since`, of its state, in microseconds."""

    state: str
    service: str
    name: str
    dependency: str
    labels: Mapping[str, str]
    since: int
    forced: bool
    # The incident that it is in; None: in none.
    incident: str | None = None
    silenced: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A value as it was written; `pieces`: what stands between its stars, folded, where a star outside of quotes is in it."""

    plain: str
    pieces: tuple[str, ...] = ()

    def is_in(self, text: str) -> bool:
        """Whether it is found anywhere in a text."""
        return _fits(("", *(self.pieces or (self.plain.casefold(),)), ""), text.casefold())

    def equals(self, text: str) -> bool:
        """Whether it is the whole text."""
        return _fits(self.pieces, text.casefold()) if self.pieces else self.plain == text


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. `field` is `text`, `label.<key>`, `for` (longer or shorter in a state), or one of FIELDS."""

    field: str
    values: tuple[Text, ...]
    negated: bool = False
    # Of `for`: longer (">") or shorter ("<") than so many seconds; `values` holds the state.
    comparison: str = ""
    seconds: int = 0

    def holds(self, seen: Seen, now: int) -> bool:
        """Whether the breaker is one of those meant. `now` in microseconds."""
        return self._holds(seen, now) is not self.negated

    def _holds(self, seen: Seen, now: int) -> bool:
        if self.field == "for":
            lasted = now - seen.since
            limit = self.seconds * 1_000_000
            return seen.state == self.values[0].plain and (lasted > limit if self.comparison == ">" else lasted < limit)
        if self.field in YES_OR_NO:
            return getattr(seen, self.field) is (self.values[0].plain == "yes")
        if self.field == "incident":
            return any(_is_incident(value.plain, seen.incident) for value in self.values)
        if self.field == "text":
            return any(
                value.is_in(text) for value in self.values for text in (seen.name, seen.service, seen.dependency)
            )
        text = seen.labels.get(self.field[6:]) if self.field.startswith("label.") else getattr(seen, self.field)
        return text is not None and any(value.equals(text) for value in self.values)


Terms = tuple[Term, ...]


def parse(query: str) -> Terms:
    """The terms of a query. Errors: SearchError."""
    if len(query) > LONGEST:
        raise SearchError(f"a query has at most {LONGEST} characters; this one has {len(query)}")
    terms = tuple(_term(word) for word in _words(query))
    if len(terms) > MOST_TERMS:
        raise SearchError(f"a query has at most {MOST_TERMS} terms; this one has {len(terms)}")
    return terms


def holds(terms: Terms, seen: Seen, now: int) -> bool:
    """Whether all terms hold."""
    return all(term.holds(seen, now) for term in terms)


def is_timed(terms: Terms) -> bool:
    """Whether what matches changes with the time alone."""
    return any(term.field == "for" for term in terms)


def written(field: str, *values: str) -> str:
    """A term as it is written, its values quoted where they need it; without a field: the words."""
    told = ",".join(_quoted(value) for value in values)
    return f"{field}:{told}" if field else told


def is_forced(state: str, instances: Mapping[str, int], wanted: str | None) -> bool:
    """Whether an administrative state is seen or wanted: of the breaker, or of one of its instances."""
    return wanted is not None or state in ADMINISTRATIVE or any(name in ADMINISTRATIVE for name in instances)


class _Word(NamedTuple):
    """A word of a query: its characters, each with whether it stood in quotes."""

    characters: list[tuple[str, bool]]

    @property
    def text(self) -> str:
        return "".join(character for character, _ in self.characters)


def _words(query: str) -> list[_Word]:
    words: list[_Word] = []
    current: list[tuple[str, bool]] = []
    quoted = started = False
    position = 0
    while position < len(query):
        character = query[position]
        if quoted and character == "\\" and query[position + 1 : position + 2] in ('"', "\\"):
            position += 1
            current.append((query[position], True))
        elif character == '"':
            quoted, started = not quoted, True
        elif character.isspace() and not quoted:
            if current or started:
                words.append(_Word(current))
            current, started = [], False
        else:
            current.append((character, quoted))
        position += 1
    if quoted:
        raise SearchError(f"the quote in '{query[:80]}' does not end")
    if current or started:
        words.append(_Word(current))
    return words


def _term(word: _Word) -> Term:
    characters = word.characters
    negated = len(characters) > 1 and characters[0] == ("-", False)
    characters = characters[1:] if negated else characters
    bare = "".join(character if not quoted else "\0" for character, quoted in characters)
    head = _FIELD.match(bare)
    if head is None:
        return Term("text", (_value(characters),), negated)
    name, operator = head[1], head[2]
    rest = characters[head.end() :]
    value = "".join(character for character, _ in rest)
    if operator != ":":
        return _lasting(name, operator, value, negated)
    field = _field(name, value)
    values = tuple(_value(part) for part in _parts(rest) if part)
    if not values:
        raise SearchError(f"'{name}:' has no value")
    if field == "state":
        values = tuple(Text(_state(each.plain)) for each in values)
    elif field in YES_OR_NO and [each.plain for each in values] not in (["yes"], ["no"]):
        raise SearchError(f"'{field}:{value[:60]}' is neither {field}:yes nor {field}:no")
    elif field == "incident" and not all(each.plain in ("yes", "no") or each.plain.isdecimal() for each in values):
        raise SearchError(f"'incident:{value[:60]}' is neither incident:yes, nor incident:no, nor the number of one")
    return Term(field, values, negated)


def _is_incident(asked: str, incident: str | None) -> bool:
    if asked in ("yes", "no"):
        return (asked == "yes") is (incident is not None)
    return asked == incident


def _field(name: str, value: str) -> str:
    if name.startswith("label."):
        if name == "label.":
            raise SearchError(f"'label.:{value[:60]}' names no label; expected label.team:{value[:60] or 'ops'}")
        return name
    field = _ALIASES.get(name.lower(), name.lower())
    if field not in FIELDS:
        known = ", ".join([*FIELDS[:-1], "label.<key>"])
        raise SearchError(f"unknown field '{name[:60]}'; expected one of {known} (put it in quotes to find it as text)")
    return field


def _lasting(name: str, comparison: str, value: str, negated: bool) -> Term:
    shape = _DURATION.fullmatch(value)
    state = _state(name)
    if shape is None:
        raise SearchError(f"'{value[:60]}' in '{name}{comparison}{value[:60]}' is no time; expected 30s, 5m, 2h or 1d")
    return Term("for", (Text(state),), negated, comparison, int(shape[1]) * SECONDS[shape[2]])


def _state(name: str) -> str:
    state = name.lower().replace("-", "_")
    if state not in STATES:
        raise SearchError(f"unknown state '{name[:60]}'; expected one of {', '.join(STATES)}")
    return state


def _parts(characters: list[tuple[str, bool]]) -> list[list[tuple[str, bool]]]:
    parts: list[list[tuple[str, bool]]] = [[]]
    for character in characters:
        if character == (",", False):
            parts.append([])
        else:
            parts[-1].append(character)
    return parts


def _value(characters: list[tuple[str, bool]]) -> Text:
    plain = "".join(character for character, _ in characters)
    if ("*", False) not in characters:
        return Text(plain)
    pieces = [""]
    for character, quoted in characters:
        if character == "*" and not quoted:
            pieces.append("")
        else:
            pieces[-1] += character.casefold()
    return Text(plain, tuple(pieces))


def _quoted(value: str) -> str:
    if value and not re.search(r'[\s",*\\:<>]', value) and not value.startswith("-"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _fits(pieces: tuple[str, ...], text: str) -> bool:
    """Whether the pieces follow each other in a text, the first at its start and the last at its end. No way back: linear."""
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True
