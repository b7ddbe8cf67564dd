"""Panels: which of the timeline's panels stand where, top down: lanes, marks, calls, failure rate, latency."""

from dataclasses import dataclass

Domain = list[float]
TOP, BOTTOM, GAP = 32, 44, 16  # px, the margins of the layout and the space between panels
LANE, HEADLINE, MARKS, CALLS, RATE, LATENCY = 15, 20, 26, 170, 84, 96  # px


@dataclass(frozen=True, slots=True)
class Panels:
    """The height of it all in px, and each panel's part of it (0-1, from the bottom); empty: it is not there."""

    height: int
    lanes: Domain
    marks: Domain
    calls: Domain
    rate: Domain
    latency: Domain


def panels(lanes: int, marks: bool, latency: bool) -> Panels:
    """The plan for so many lanes, the headline's among them."""
    heights = {
        "latency": LATENCY if latency else 0,
        "rate": RATE,
        "calls": CALLS,
        "marks": MARKS if marks else 0,
        "lanes": HEADLINE + LANE * (lanes - 1) + 8,
    }
    shown = {name: height for name, height in heights.items() if height}
    inner = sum(shown.values()) + GAP * (len(shown) - 1)
    domains: dict[str, Domain] = {name: [] for name in heights}
    bottom = 0
    for name, height in shown.items():
        domains[name] = [round(bottom / inner, 4), round((bottom + height) / inner, 4)]
        bottom += height + GAP
    return Panels(height=inner + TOP + BOTTOM, **domains)
