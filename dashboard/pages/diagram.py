"""The state diagram of a breaker: three nodes, four arrows, where it is now and how often each step was taken.

The twin of static/js/helpers/diagram.js: the server draws it first, the browser redraws it from frames.
"""

from dataclasses import dataclass
from datetime import datetime

from breakers.queries.shapes import Details, PathCount
from dashboard.pages.faces import Second, second
from dashboard.pages.words import age, length, moment, short, whole, word

MAIN = ("closed", "open", "half_open")
PLACES = {"closed": (28, 34), "open": (548, 34), "half_open": (288, 200)}
EXTRA_PLACE = (288, 318)
CALM = {"closed": "calls passing", "open": "calls refused", "half_open": "lets a few calls try"}


@dataclass(frozen=True, slots=True)
class Drawn:
    """An arrow's line, its head, and where its two lines of text stand."""

    line: str
    head: str
    x: int
    y: int
    below: int
    anchor: str


ARROWS = {
    ("closed", "open"): Drawn("M212 76H532", "M532 69v14l14-7z", 372, 61, 99, "middle"),
    ("open", "half_open"): Drawn("M640 120V218a12 12 0 0 1-12 12H486", "M486 223v14l-14-7z", 650, 178, 196, "start"),
    ("half_open", "closed"): Drawn("M290 230H132a12 12 0 0 1-12-12V134", "M113 134h14l-7-14z", 134, 178, 196, "start"),
    ("half_open", "open"): Drawn("M440 200 554 128", "M557.7 133.9 550.3 122.1 565.8 120.5z", 470, 148, 166, "end"),
}


@dataclass(frozen=True, slots=True)
class Node:
    """A state's box."""

    state: str
    word: str
    x: int
    y: int
    now: bool
    second: Second


@dataclass(frozen=True, slots=True)
class Arrow:
    """A step: how often it was taken in 24 h, by which rule, and when last."""

    from_state: str
    to_state: str
    drawn: Drawn
    count: int
    rule: str
    last_at: str
    newest: bool


@dataclass(frozen=True, slots=True)
class Ring:
    """The way to the next probe: from when to when, and how much of it is over (0-100)."""

    start: str
    end: str
    percent: int
    text: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """All that is drawn. `extra`: the node of a state outside the three, None where the breaker is in one of them."""

    nodes: tuple[Node, ...]
    extra: Node | None
    arrows: tuple[Arrow, ...]
    ring: Ring | None
    others: tuple[PathCount, ...]
    description: str

    @property
    def height(self) -> int:
        """The picture is higher with the extra node."""
        return 300 if self.extra is None else 418


def diagram(details: Details, now: datetime) -> Diagram:
    """The diagram at this moment."""
    card = details.card
    taken = {(path.from_state, path.to_state): path for path in details.paths}
    newest = max(details.paths, key=lambda path: path.last_at, default=None)
    ring = _ring(card.since, card.next_probe_at, now) if card.state == "open" else None
    return Diagram(
        nodes=tuple(_node(state, card.state, card.since, ring) for state in MAIN),
        extra=None if card.state in MAIN else Node(card.state, word(card.state), *EXTRA_PLACE, True, second(card)),
        arrows=tuple(
            Arrow(
                *step,
                drawn,
                count=taken[step].count if step in taken else 0,
                rule=rule(step, details.config),
                last_at=taken[step].last_at if step in taken else "",
                newest=newest is not None and (newest.from_state, newest.to_state) == step,
            )
            for step, drawn in ARROWS.items()
        ),
        ring=ring,
        others=tuple(path for step, path in taken.items() if step not in ARROWS),
        description=_description(details),
    )


def rule(step: tuple[str, str], config: dict[str, object]) -> str:
    """What has to happen for a step, as the breaker's settings say it."""
    match step:
        case ("closed", "open"):
            return _trips(config)
        case ("open", "half_open"):
            wait = _number(config, "reset_timeout_ms")
            return "a probe began" if wait is None else f"after {length(wait / 1000)}"
        case ("half_open", "closed"):
            good = _number(config, "success_threshold")
            return "a probe succeeded" if good is None else f"{short(good)} good in a row"
        case _:
            return "a probe failed"


def _trips(config: dict[str, object]) -> str:
    rate, least = _number(config, "failure_rate_threshold"), _number(config, "minimum_calls")
    if rate is not None:
        return f"fail ≥ {short(rate)} %" + ("" if least is None else f" of ≥ {short(least)} calls")
    failures, window = _number(config, "failure_threshold"), _number(config, "window_ms")
    if failures is not None:
        return f"{short(failures)} failures" + (" in a row" if window is None else f" in {length(window / 1000)}")
    return "rule not told"


def _number(config: dict[str, object], name: str) -> float | None:
    value = config.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _node(state: str, present: str, since: str, ring: Ring | None) -> Node:
    here = state == present
    said = Second("for ", since) if here else Second(CALM[state])
    if state == "half_open" and ring is not None:
        said = Second(ring.text)
    return Node(state, word(state), *PLACES[state], here, said)


def _ring(since: str, probe: str | None, now: datetime) -> Ring | None:
    if probe is None:
        return None
    start, end = moment(since), moment(probe)
    whole = (end - start).total_seconds()
    left = (end - now).total_seconds()
    over = 100 if whole <= 0 else int(min(max(1 - left / whole, 0), 1) * 100 + 0.5)
    return Ring(since, probe, over, f"probe in {age(left)}" if left > 0 else "due, awaits a call")


def _description(details: Details) -> str:
    steps = (
        f"{word(path.from_state)} to {word(path.to_state)} {whole(path.count)} time{'s' * (path.count != 1)}"
        for path in details.paths
    )
    said = ", ".join(steps) or "no step was taken"
    return f"Now {word(details.card.state)}. In the last 24 hours: {said}."
