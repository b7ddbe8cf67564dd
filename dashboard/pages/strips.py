"""Strips: a wall too large for rows, as one line a service or dependency with a cell a breaker. Cells keep their places."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from breakers.domain import searching
from breakers.queries.survey import Survey, Thin
from dashboard.live.snapshot import MOST_CELLS
from dashboard.pages.words import whole

GROUPS: dict[str, Callable[[Thin], str]] = {"service": attrgetter("service"), "dependency": attrgetter("dependency")}


@dataclass(frozen=True, slots=True)
class Strip:
    """One line. `query` finds its breakers."""

    name: str
    query: str
    said: str
    cells: SafeString
    total: int
    opened: int


def strips(found: Survey, by: str, within: str) -> list[Strip]:
    """The lines by name. `by`: service or dependency; `within`: the query that the wall has already."""
    groups: dict[str, list[Thin]] = defaultdict(list)
    key = GROUPS[by]
    for row in found.rows:
        groups[key(row)].append(row)
    with_cells = len(found.rows) <= MOST_CELLS
    return [_strip(name, groups[name], by, within, with_cells) for name in sorted(groups)]


def _strip(name: str, rows: list[Thin], by: str, within: str, with_cells: bool) -> Strip:
    opened = sum(row.state == "open" for row in rows)
    query = " ".join(part for part in (searching.written(by, name), within) if part)
    # By id: a breaker stays where it is, a new one comes last.
    cells = "".join(map(_cell, sorted(rows, key=attrgetter("id")))) if with_cells else ""
    return Strip(name, query, said(opened, len(rows)), mark_safe(cells), len(rows), opened)  # noqa: S308 (escaped above)


def said(opened: int, total: int) -> str:
    """`1 open / 500`"""
    return f"{whole(opened)} open / {whole(total)}"


def _cell(row: Thin) -> str:
    # The many closed ones say as little as they can: they are most of the page's bytes.
    if row.state == "closed":
        return f'<i data-id="{row.id}" title="{escape(row.name)}"></i>'
    return (
        f'<i data-id="{row.id}" data-state="{row.state}" title="{escape(row.name)}">'
        f'<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true"><use href="#g-{row.state}"/></svg></i>'
    )
