"""Post-mortems as Markdown: names stay words, whatever is in them, and the last chapter is for people."""

from collections.abc import Iterable, Sequence

from alerts.domain.wording import plain

# What Markdown, or HTML within it, would read as more than text.
_SPECIAL = "\\`*_{}[]()<>#+-.!|~&@:"


def text(value: object, longest: int = 300) -> str:
    """A value as text in Markdown: nothing in it is markup, a link or a mention."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in plain(str(value), longest))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table; nothing where there are no rows."""
    lines = ["| " + " | ".join(text(cell) if cell is not None else "–" for cell in row) + " |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines, ""] if lines else ["None.", ""]


def bullets(lines: Iterable[object]) -> list[str]:
    """A list."""
    return [*(f"- {text(line)}" for line in lines), ""]
