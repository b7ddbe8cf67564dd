"""The odd one out: an instance that stands alone says where to look."""

from collections.abc import Sequence

from breakers.queries.shapes import InstanceView
from dashboard.pages.words import word

REFUSING = ("open", "forced_open", "half_open")


def odd_sentence(copies: Sequence[InstanceView]) -> str:
    """`Only pay-7f is open: check that host, not the dependency.`; empty where none stands alone."""
    live = [copy for copy in copies if copy.left_at is None]
    odd = [copy for copy in live if copy.odd]
    if len(odd) != 1 or len(live) < 3:
        return ""
    [alone] = odd
    state = word(alone.state).lower()
    others = {copy.state for copy in live if not copy.odd}
    if alone.state in REFUSING and others == {"closed"}:
        return f"Only {alone.name} is {state}: check that host, not the dependency."
    if alone.state == "closed" and others <= set(REFUSING):
        return f"Only {alone.name} is still closed: look at what it does differently."
    if alone.state in ("stale", "unknown"):
        return f"Only {alone.name} is silent: check whether that host is still there."
    return f"Only {alone.name} is {state}."
