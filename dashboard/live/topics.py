"""Topics: what can be subscribed to, and the cursors that say how far a client has come."""

import re
from dataclasses import dataclass
from typing import Literal

Plain = Literal["wall", "cells", "tally", "alerts", "doubts"]
Kind = Literal[Plain, "breaker"]
PLAIN: tuple[Plain, ...] = ("wall", "cells", "tally", "alerts", "doubts")
_CURSOR = re.compile(r"([0-9a-f]{1,16})\.([0-9]{1,18})(?:\.([0-9]{1,18}))?")
LONGEST_NAME = 100


class UnknownTopic(ValueError):
    """A topic that there is not; the message is a sentence for the client."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `breaker` is the id of the breaker that it is about, else empty."""

    name: str
    kind: Kind
    breaker: str = ""


def parse_topic(name: str) -> Topic:
    """The topic of that name. Errors: UnknownTopic."""
    for plain in PLAIN:
        if name == plain:
            return Topic(name, plain)
    kind, colon, breaker = name.partition(":")
    if kind == "breaker" and colon and breaker and len(name) <= LONGEST_NAME:
        return Topic(name, "breaker", breaker)
    raise UnknownTopic(
        f"unknown topic '{name[:LONGEST_NAME]}'; expected wall, cells, tally, alerts, doubts or breaker:<id>"
    )


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the board's one sequence of changes. The epoch marks the database that it belongs to.

    `event`: of a breaker's topic, the newest event that was told of; 0 of the others.
    """

    epoch: str
    version: int
    event: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}.{self.version}.{self.event}" if self.event else f"{self.epoch}.{self.version}"


def parse_cursor(text: str | None) -> Cursor | None:
    """The cursor, or None for anything that is none of ours: such a client starts with a snapshot."""
    match = _CURSOR.fullmatch(text or "")
    return Cursor(match[1], int(match[2]), int(match[3] or 0)) if match else None
