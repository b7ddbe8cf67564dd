"""Patterns of a site's own for redacting: a safe subset of regular expressions.

Each can be matched in little time whatever the text, so that no message, however hostile, holds up the board: nothing
looks around or back, every repeat has a bound, and the pattern is tried on the texts that are worst for it.
"""

import re
import time
import warnings
from re import _constants as ops  # type: ignore[attr-defined]  # what `re` itself reads patterns with
from re import _parser  # type: ignore[attr-defined]
from typing import Any

MOST_PATTERNS = 20
LONGEST_PATTERN = 200
MOST_REPEATS = 1_000
# Ways through a pattern from one place in a text.
MOST_WAYS = 100_000
PLENTY = 1_000_001
# The longest text that is searched, and how long that may take.
LONGEST_TEXT = 16_384
MOST_SECONDS = 0.1
_ONE_WAY = {ops.LITERAL, ops.NOT_LITERAL, ops.IN, ops.ANY, ops.AT}
_REPEATS = {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT}
# What a class is tried with; the first that it matches stands for it.
_CANDIDATES = "aA0 -_.@:/é" + "".join(map(chr, range(33, 127))) + "\n\t"


def checked(texts: list[str]) -> list[str]:
    """The same. Errors: ValueError with a sentence, where one is no pattern, or could take long, or they are too many."""
    if len(texts) > MOST_PATTERNS:
        raise ValueError(f"there are {len(texts)} patterns; at most {MOST_PATTERNS} are taken")
    for text in texts:
        check(text)
    return texts


def check(text: str) -> None:
    """Errors: ValueError with a sentence, where it is no pattern, or could take long on some text."""
    if not text or len(text) > LONGEST_PATTERN:
        raise ValueError(f"a pattern has 1 to {LONGEST_PATTERN} characters; this one has {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = _parser.parse(text)
            compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise ValueError(f"'{text}' is no regular expression: {error}") from error
    if parsed.getwidth()[0] == 0:
        raise ValueError(f"'{text}' matches nothing at all: it would mask every place")
    if _ways(parsed, text) > MOST_WAYS:
        raise ValueError(
            f"'{text}' could match one text in too many ways, which takes long; bound what repeats tighter"
        )
    parts: set[str] = set()
    whole = _sample(parsed, parts)
    for unit in sorted({whole, *parts, *(char for part in (whole, *parts) for char in part)}):
        if unit and not _is_quick(compiled, unit):
            raise ValueError(f"'{text}' takes long on a text like '{(unit * 8)[:24]}…'; bound what repeats tighter")


def _is_quick(compiled: re.Pattern[str], unit: str) -> bool:
    """Whether it passes over the longest text made of these characters in time. Longer and longer ones: the time grows with them."""
    for size in (64, 512, 4_096, LONGEST_TEXT):
        text = (unit * (size // len(unit) + 1))[:size]
        least = min(_seconds(compiled, text) for _ in range(2))
        if least * (LONGEST_TEXT / size) > MOST_SECONDS * 4 or (size == LONGEST_TEXT and least > MOST_SECONDS):
            return False
    return True


def _seconds(compiled: re.Pattern[str], text: str) -> float:
    began = time.thread_time()
    compiled.sub("", text)
    return time.thread_time() - began


def _ways(parsed: Any, text: str) -> int:
    """At most how many ways the matcher can take through this part. Errors: ValueError for what is not taken."""
    ways = 1
    for op, argument in parsed:
        if op in _ONE_WAY:
            continue
        if op is ops.SUBPATTERN:
            ways *= _ways(argument[3], text)
        elif op is ops.BRANCH:
            ways *= sum(_ways(branch, text) for branch in argument[1])
        elif op in _REPEATS:
            least, most, inner = argument
            if most is ops.MAXREPEAT or most > MOST_REPEATS:
                raise ValueError(
                    f"'{text}' repeats without a bound; say how often at most (up to {MOST_REPEATS:,}), like \\w{{1,40}}"
                )
            ways *= _repeated(_ways(inner, text), least, most)
        else:
            raise ValueError(
                f"'{text}' looks around or back; expected characters, classes, groups, | and bounded repeats"
            )
        ways = min(ways, PLENTY)
    return ways


def _repeated(ways: int, least: int, most: int) -> int:
    if ways == 1:
        return int(most - least + 1)
    total = 0
    for times in range(least, most + 1):
        total += min(ways**times, PLENTY)
        if total > PLENTY:
            return PLENTY
    return total


def _sample(parsed: Any, parts: set[str]) -> str:
    """A text that this part matches, more or less; `parts` gathers one of each repeat and branch."""
    text = ""
    for op, argument in parsed:
        if op is ops.LITERAL:
            text += chr(argument)
        elif op is ops.SUBPATTERN:
            text += _sample(argument[3], parts)
        elif op is ops.BRANCH:
            branches = [_sample(branch, parts) for branch in argument[1]]
            parts.update(branches)
            text += branches[0]
        elif op in _REPEATS:
            inner = _sample(argument[2], parts)
            parts.add(inner)
            text += inner * max(1, argument[0])
        elif op is not ops.AT:
            text += _member(op, argument)
    return text[:LONGEST_PATTERN]


def _member(op: Any, argument: Any) -> str:
    one = _parser.SubPattern(_parser.State(), [(op, argument)])
    matcher = re._compiler.compile(one)  # type: ignore[attr-defined]
    return next((char for char in _CANDIDATES if matcher.match(char)), "")
