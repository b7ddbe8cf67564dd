"""Redacting: what must not be stored is taken out of error messages and attributes before they are.

Each rule is a pattern and what stands in its place. A cheap look for the marks that every rule needs comes first: most
messages hold none.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

MASK = "[redacted]"
LONGEST_KEY = 60


class Rule(NamedTuple):
    """One rule: where it matches, what stands there afterwards."""

    name: str
    pattern: re.Pattern[str]
    becomes: str | Callable[[re.Match[str]], str]


def _card(match: re.Match[str]) -> str:
    """The mask for a number that passes Luhn's check (ISO/IEC 7812), else the number."""
    digits = [int(char) for char in match[0] if char.isdigit()]
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return "[card number]" if total % 10 == 0 and any(digits) else match[0]


NAMED = r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|auth"

RULES = (
    Rule(
        "private key",
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL),
        "[private key]",
    ),
    Rule("JSON Web Token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*"), "[token]"),
    Rule("authorization", re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    Rule("password in a URL", re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,200}):[^\s/@]{1,200}@", re.IGNORECASE), rf"\1:{MASK}@"),
    Rule(
        "named secret",
        re.compile(rf"\b([\w-]{{0,30}}(?:{NAMED})[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?)([^\s\"'&,;)\[\]}}]{{3,}})", re.IGNORECASE),
        rf"\1{MASK}",
    ),
    Rule("key of ours", re.compile(r"\b(bb[kt]_[0-9A-Za-z]{8}|whsec)_[0-9A-Za-z+/=]{20,}"), rf"\1_{MASK}"),
    Rule("card number", re.compile(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d.-])"), _card),
    Rule("e-mail address", re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), "[e-mail]"),
)  # fmt: skip
_SECRET_NAME = re.compile(rf"(?:^|[_-])(?:{NAMED}|authorization|cookie)$", re.IGNORECASE)
# No rule matches a text without one of these.
_MARKS = re.compile(r"[=:@]|\d[ -]?\d[ -]?\d[ -]?\d|eyJ|earer|asic|EARER|ASIC|bb[kt]_|whsec|-----BEGIN")


def redacted(text: str, rules: tuple[Rule, ...] = RULES) -> str:
    """The text without what the rules name."""
    if not _MARKS.search(text):
        return text
    for rule in rules:
        text = rule.pattern.sub(rule.becomes, text)
    return text


def redacted_deep(value: Any, rules: tuple[Rule, ...] = RULES) -> Any:
    """The same for every text in a JSON value; a field that is named like a secret loses its whole value."""
    if isinstance(value, str):
        return redacted(value, rules)
    if isinstance(value, dict):
        return {
            key: MASK
            if isinstance(inner, str) and len(key) <= LONGEST_KEY and _SECRET_NAME.search(key)
            else redacted_deep(inner, rules)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [redacted_deep(inner, rules) for inner in value]
    return value
