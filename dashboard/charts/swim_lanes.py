"""Lanes: an incident's members as one SVG file that stands alone: which opened when, and for how long."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from alerts.domain.wording import plain
from dashboard.pages.incidents import LANE, Lane

NAMES = 260
ROW = 24
TOP = 36
COLOURS = {"open": "#ab1200", "half_open": "#9a6510", "closed": "#9fb2bd", "stale": "#6b7780", "unknown": "#6b7780"}
OTHER = "#5a3d8a"


def svg(title: str, start: str, end: str, lanes: Sequence[Lane]) -> str:
    """The file."""
    width, height = NAMES + LANE + 20, TOP + ROW * len(lanes) + 12
    rows = []
    for place, lane in enumerate(lanes):
        y = TOP + ROW * place
        name = lane.member.breaker.name if lane.member.breaker else "deleted"
        rows.append(f'<text x="8" y="{y + 15}">{escape(plain(f"{lane.member.service} / {name}", 40))}</text>')
        rows += [
            f'<rect x="{NAMES + piece.x}" y="{y + piece.y}" width="{piece.width}" height="{piece.height}" '
            f'fill="{COLOURS.get(piece.state, OTHER)}"><title>{escape(piece.state)}</title></rect>'
            for piece in lane.pieces
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="8" y="20" font-weight="600">{escape(plain(title, 120))}</text>'
        f'<text x="{NAMES}" y="20">{escape(start)} to {escape(end)}</text>{"".join(rows)}</svg>\n'
    )
