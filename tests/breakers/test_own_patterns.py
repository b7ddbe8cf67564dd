"""Patterns of a site's own: what is taken, what is refused with which sentence, and that none of them takes long."""

import re
import time

import pytest

from breakers.domain import patterns
from breakers.domain.keeping import keeping_of

# These hold up a matcher that goes back and tries again.
WORST = [r"(\d+)+$", r"(a|a)*b", r"(a*)*b", r"(x+x+)+y", r"([a-z]+)*=", r"(.*)(.*)(.*)(.*)(.*)z"]


@pytest.mark.parametrize("pattern", [r"kd-\d{1,8}", "hidden", r"cust-\d+", r"(?i)tenant/[\w-]+", *WORST])
def test_a_pattern_is_taken(pattern: str) -> None:
    assert patterns.checked([pattern]) == [pattern]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("", "a pattern has 1 to 200 characters; this one has 0"),
        ("x" * 201, "a pattern has 1 to 200 characters; this one has 201"),
        ("(", "'(' is no regular expression (RE2): missing ): ("),
        (r"(?=a)b", r"'(?=a)b' is no regular expression (RE2): invalid perl operator: (?="),
        (r"(a)\1", r"'(a)\1' is no regular expression (RE2): invalid escape sequence: \1"),
        ("a*", "'a*' matches nothing at all: it would mask every place"),
        (r"\b", r"'\b' matches nothing at all: it would mask every place"),
        ("^", "'^' matches nothing at all: it would mask every place"),
        (
            "((a{1,100}){1,100}){1,100}",
            "'((a{1,100}){1,100}){1,100}' is no regular expression (RE2): invalid repetition size: {1,100}",
        ),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_sentence(pattern: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        patterns.check(pattern)
    assert str(refused.value) == sentence


def test_they_are_not_too_many() -> None:
    with pytest.raises(ValueError, match="there are 21 patterns; at most 20 are taken"):
        patterns.checked(["a"] * 21)


@pytest.mark.parametrize("pattern", WORST)
def test_no_pattern_holds_up_a_post(pattern: str) -> None:
    keeping = keeping_of({"patterns": [pattern]}, {})
    begun = time.thread_time()
    for number in range(50):
        keeping.kind(f"{number}" + "1a1x" * 4_000 + "!")
        keeping.kind(f"{number}" + "a" * 16_000 + "!")
    assert time.thread_time() - begun < 2


def test_one_that_was_kept_before_and_that_re2_can_not_read_still_masks() -> None:
    keeping = keeping_of({"patterns": [r"kd-\d{1,8}+"]}, {}) if hasattr(re, "NOFLAG") else None
    assert keeping is not None
    assert keeping.kind("customer kd-4711") == "customer [redacted]"
