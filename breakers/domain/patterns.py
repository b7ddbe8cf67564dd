"""Patterns of a site's own for redacting, in RE2's syntax: whatever the pattern and whatever the text, matching takes time linear in the text.

So no message, however hostile, holds up the board. RE2 has no looking around and no back-references; it says so itself.
"""

import re
from typing import Any

import re2

MOST_PATTERNS = 20
LONGEST_PATTERN = 200
# Of the compiled pattern; a bounded repeat of a bounded repeat grows large.
MOST_MEMORY = 1 << 20  # bytes
# No pattern may match between two characters of these: it would mask every place.
_TRIED = ("", "a", "a b", "A-1_é.", "\n", "0 0")

Pattern = Any  # of RE2, or of `re` for one that was kept before RE2 read them


def checked(texts: list[str]) -> list[str]:
    """The same. Errors: ValueError with a sentence, where one is no pattern, or they are too many."""
    if len(texts) > MOST_PATTERNS:
        raise ValueError(f"there are {len(texts)} patterns; at most {MOST_PATTERNS} are taken")
    for text in texts:
        check(text)
    return texts


def check(text: str) -> None:
    """Errors: ValueError with a sentence, where it is no pattern of RE2, or matches everywhere."""
    if not text or len(text) > LONGEST_PATTERN:
        raise ValueError(f"a pattern has 1 to {LONGEST_PATTERN} characters; this one has {len(text)}")
    try:
        compiled = _compiled(text)
    except re2.error as error:
        raise ValueError(f"'{text}' is no regular expression (RE2): {_said(error)}") from error
    for tried in _TRIED:
        found = compiled.search(tried)
        if found is not None and found.start() == found.end():
            raise ValueError(f"'{text}' matches nothing at all: it would mask every place")


def compiled(text: str) -> Pattern:
    """A pattern that was checked when it was set."""
    try:
        return _compiled(text)
    except re2.error:
        # Kept before RE2 read them: checked then to be quick on every text.
        return re.compile(text)


def _compiled(text: str) -> Any:
    options = re2.Options()
    options.max_mem = MOST_MEMORY
    options.log_errors = False
    return re2.compile(text, options)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
