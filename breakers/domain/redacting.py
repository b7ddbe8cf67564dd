"""Redacting: what must not be stored is taken out of error messages and attributes before they are.

Each rule is a pattern and what stands in its place; a cheap look for a word that it needs comes first. The patterns are RE2's: the time that they
take grows with the length of a text, and not with what a hostile one looks like.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import re2

MASK = "[redacted]"
LONGEST_KEY = 60


class Rule(NamedTuple):
    """One rule: what a text needs (in lower case, any of these) to be worth a look, where it matches, what stands there then."""

    needs: tuple[str, ...]
    pattern: Any
    becomes: str | Callable[[Any], str]


def _card(match: re.Match[str]) -> str:
    """The mask for a number that passes Luhn's check (ISO/IEC 7812), else the number."""
    digits = [int(char) for char in match[0] if char.isdigit()]
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return "[card number]" if total % 10 == 0 and any(digits) else match[0]


NAMED = r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|auth"

RULES = (
    Rule(
        ("private key",),
        re2.compile(r"(?s)-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\z)"),
        "[private key]",
    ),
    Rule(("eyj",), re2.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*"), "[token]"),
    Rule(("bearer", "basic"), re2.compile(r"(?i)\b(Bearer|Basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    Rule(("://",), re2.compile(r"(?i)(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,200}):[^\s/@]{1,200}@"), rf"\1:{MASK}@"),
    Rule(
        ("pass", "pwd", "secret", "token", "key", "auth"),
        re2.compile(rf"(?i)\b([\w-]{{0,30}}(?:{NAMED})[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?)([^\s\"'&,;)\[\]}}]{{3,}})"),
        rf"\1{MASK}",
    ),
    Rule(("bbk_", "bbt_", "whsec"), re2.compile(r"\b(bb[kt]_[0-9A-Za-z]{8}|whsec)_[0-9A-Za-z+/=]{20,}"), rf"\1_{MASK}"),
    # Python's own: RE2 can't look at the neighbours. It is bounded, and tries at most 37 characters from each place.
    Rule(("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"), re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])"), _card),
    Rule(("@",), re2.compile(r"[\pL\pN_.+-]+@[\pL\pN_-]+(?:\.[\pL\pN_-]+)+"), "[e-mail]"),
)  # fmt: skip
SECRET_NAME = re.compile(rf"(?:^|[_-])(?:{NAMED}|authorization|cookie)$", re.IGNORECASE)


@lru_cache(maxsize=2_048)
def redacted(text: str) -> str:
    """The text without what the rules name. Remembered: a failing call says the same again and again."""
    lower = text.lower()
    for rule in RULES:
        if any(need in lower for need in rule.needs):
            text = rule.pattern.sub(rule.becomes, text)
    return text
