"""Bounding: how much of one event is kept beside its fields. What is beyond is cut, with a mark that says how much.

It comes before redacting, so that no time is spent on what is not kept; of a secret that a cut goes through no half is left.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

MOST_NAMES = 100
LONGEST_NAME = 100  # characters
# As JSON, each; larger is cut.
REASON = 4 << 10  # bytes
CONFIG = 8 << 10
ATTRIBUTES = 16 << 10
# Less JSON than this holds no name that is too long, and not too many of them.
SMALL = LONGEST_NAME
# A cut goes back to the last blank, up to here: a secret that has a shape is shorter.
LONGEST_WORD = 256
# Room for a mark, and for a name in front of it, with what JSON puts around them.
MARK = 48  # bytes
_HALVED = re.compile(r"(?:[\d -]+|\S+)\Z")

_encode = msgspec.json.Encoder().encode


class Bounded(NamedTuple):
    """A value as it may be kept, and how many bytes of it were cut."""

    value: Any
    cut: int


def bound(value: dict[str, Any], most: int, text: int, first: Sequence[str] = ()) -> Bounded:
    """The value within so many bytes of JSON, each text in it within `text`; names of `first` are kept before the others."""
    size = len(_encode(value))
    if size <= min(SMALL, text) or (size <= most and _is_modest(value, text)):
        return Bounded(value, 0)
    if first:
        value = {**{name: value[name] for name in first if name in value}, **value}
    kept = _Cutting(most, text).whole(value)
    return Bounded(kept, max(1, size - len(_encode(kept))))


def shortened(text: str, most: int, *, marked: bool = True) -> str:
    """At most so many bytes of the text, with no word in half and a mark at its end; the text itself where it fits."""
    if len(text) * 4 <= most:
        return text
    told = text.encode()
    return text if len(told) <= most else _start(told, most, marked)


def mark(size: int) -> str:
    """What stands where so many bytes were cut."""
    return f"…cut, {size:,} bytes"


def _start(told: bytes, most: int, marked: bool = True) -> str:
    kept = told[: max(0, most - MARK if marked else most)].decode(errors="ignore")
    before, tail = kept[:-LONGEST_WORD], kept[-LONGEST_WORD:]
    # The word that was cut, and before it what may be the other groups of one number.
    for _ in range(2):
        if found := _HALVED.search(tail):
            tail = tail[: found.start()]
    kept = before + tail
    return kept + mark(len(told) - len(kept.encode())) if marked else kept


def _is_modest(value: Any, text: int) -> bool:
    """Whether nothing in it is too long, and its names are not too many."""
    names = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if len(each) * 4 > text and len(each.encode()) > text:
                return False
        elif isinstance(each, dict):
            names += len(each)
            if names > MOST_NAMES:
                return False
            for name in each:
                if len(name) > LONGEST_NAME:
                    return False
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return True


class _Cutting:
    """What is left to give: bytes of JSON, and names."""

    def __init__(self, room: int, text: int) -> None:
        self.room, self.text, self.names = room, text, MOST_NAMES

    def whole(self, value: Any) -> Any:
        """As much of a value as there is room for."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._dict(value) if self.names > 1 or not value else self._nothing(value)
        if isinstance(value, list):
            return self._list(value)
        self.room -= len(_encode(value))
        return value

    def _text(self, text: str) -> str:
        told = text.encode()
        most = min(self.text, max(0, self.room))
        kept = text if len(told) <= most else _start(told, most)
        # JSON may write six bytes for one.
        while (size := len(_encode(kept))) > self.room and most:
            most //= 2
            kept = _start(told, most)
        self.room -= size
        return kept

    def _nothing(self, value: Any) -> str:
        kept = mark(len(_encode(value)))
        self.room -= len(kept) + 4
        return kept

    def _dict(self, value: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        # For the mark, should one be needed.
        self.room -= 2 + MARK
        self.names -= 1
        left = iter(value.items())
        for name, inner in left:
            short = name if len(name) <= LONGEST_NAME else shortened(name, LONGEST_NAME)
            size = len(_encode(short)) + 2
            if self.room < size + 2 * MARK or (self.names < 1 and len(kept) + 1 < len(value)):
                kept["…"] = mark(len(_encode({name: inner, **dict(left)})))
                return kept
            if short in kept:
                continue
            self.names -= 1
            self.room -= size
            kept[short] = self.whole(inner)
        self.room += MARK
        self.names += 1
        return kept

    def _list(self, value: list[Any]) -> list[Any]:
        kept: list[Any] = []
        self.room -= 2 + MARK
        for at, inner in enumerate(value):
            if self.room < 2 * MARK:
                kept.append(mark(len(_encode(value[at:]))))
                return kept
            self.room -= 1
            kept.append(self.whole(inner))
        self.room += MARK
        return kept
