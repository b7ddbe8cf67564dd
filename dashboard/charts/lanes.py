"""Lanes: spans of state made ready for a chart of some width. The worst state wins each cell, so that nothing short is lost.

A cell is two pixels of a usual chart: the shortest opening is that wide, and its words say how long it really was.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from breakers.domain.states import SEVERITY
from breakers.queries.shapes import Span
from dashboard.charts.buckets import ms_of
from dashboard.pages.words import lasted, word

CELLS = 600
RANK = {state.value: rank for rank, state in enumerate(SEVERITY)}
LEAST = len(RANK)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of cells in one state, in ms since 1970, and what happened in it."""

    state: str
    start: int
    end: int
    words: str


def pieces(spans: Sequence[Span], start: int, end: int, cells: int = CELLS) -> list[Piece]:
    """The spans as runs of cells. `start`, `end` in ms; a span without an end goes on to `end`."""
    told = [_Told(span, start, end) for span in spans]
    told = [each for each in told if each.start < end and each.end >= start]
    size = (end - start) / cells
    # The worst span of each cell, by its place in `told`; None: nothing was there.
    worst: list[int | None] = [None] * cells
    for place, each in enumerate(told):
        first = min(int((each.start - start) / size), cells - 1)
        # What ends on a cell's edge does not reach into it.
        last = min(max(first, -int(-(each.end - start) // size) - 1), cells - 1)
        for cell in range(first, last + 1):
            known = worst[cell]
            if known is None or told[known].rank > each.rank:
                worst[cell] = place
    return _runs(told, worst, start, size)


class _Told:
    """A span in ms, cut to the range; `length` is the whole one's, in s."""

    __slots__ = ("end", "length", "rank", "start", "state")

    def __init__(self, span: Span, start: int, end: int) -> None:
        begins, ends = ms_of(span.from_), end if span.to is None else ms_of(span.to)
        self.state = span.state
        self.rank = RANK.get(span.state, LEAST)
        self.start, self.end = max(begins, start), min(ends, end)
        self.length = (ends - begins) / 1000


def _runs(told: list[_Told], worst: list[int | None], start: int, size: float) -> list[Piece]:
    found: list[Piece] = []
    cell = 0
    while cell < len(worst):
        place = worst[cell]
        if place is None:
            cell += 1
            continue
        state, first = told[place].state, cell
        while cell < len(worst) and (here := worst[cell]) is not None and told[here].state == state:
            cell += 1
        left, right = start + first * size, start + cell * size
        found.append(Piece(state, round(left), round(right), _words(state, _within(told, state, left, right))))
    return found


def _within(told: list[_Told], state: str, left: float, right: float) -> list[_Told]:
    """All spans of this state that touch [left, right), also those that share a cell. Spans are in order and do not overlap."""
    first = bisect_left(told, left, key=lambda each: each.end)
    last = bisect_left(told, right, key=lambda each: each.start)
    return [each for each in told[first:last] if each.state == state and (each.end > left or each.start == each.end)]


def _words(state: str, there: list[_Told]) -> str:
    longest = max(each.length for each in there)
    if len(there) == 1:
        return f"{word(state)}, {lasted(longest)}"
    return f"{word(state)} {len(there)} times, longest {lasted(longest)}"
