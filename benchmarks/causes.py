"""Causes: how often the suspect of an incident is the right one, by stated confidence, over seeded stories whose cause is known.

python -m benchmarks.causes [--stories 1000] [--seed 1] [--kinds]

A story is a map of services that call each other and what lies behind them, a fault, and the openings that it brings, each with what is
really behind it; beside it some that have nothing to do with it. The incidents are made as the board makes them, opening by opening, and
asked twice: with the first update, half a minute after the first opening, and at the end. *Right* is who is behind most of an incident's
members; where nobody could be named (a network, chance), naming anybody is wrong.
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from alerts.domain.incidents import Case, Opening, place
from alerts.domain.suspects import BESIDE, Edge, Scene, Suspect, suspect

BEGIN = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FIRST_UPDATE = timedelta(seconds=30)
AFTERWARDS = timedelta(seconds=90)
LEAVES = ("coredb", "redis", "search", "smtp", "s3", "kafka", "ledgerdb", "sms")
INNER = ("pay", "auth", "catalog", "stock")
OUTER = ("web", "mobile", "partner", "admin", "batch", "reports", "checkout", "support")
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """An opening and what is really behind it; empty: nobody who could be named. `lasts_s` None: to the end."""

    after_s: float
    edge: Edge
    behind: str
    lasts_s: float | None = None


@dataclass
class Story:
    """A map, what happens on it, and which marks people set."""

    kind: str
    dice: Random
    calls: dict[str, list[str]] = field(default_factory=dict)
    idle: frozenset[Edge] = frozenset()
    happenings: list[Happening] = field(default_factory=list)
    changed: list[tuple[str, datetime]] = field(default_factory=list)

    @property
    def edges(self) -> list[Edge]:
        """All calls, by caller."""
        return [(service, dependency) for service, called in self.calls.items() for dependency in called]

    def callers(self, dependency: str) -> list[str]:
        """Who calls it and has calls at this time."""
        return [service for service, each in self.edges if each == dependency and (service, each) not in self.idle]

    def opens(self, edge: Edge, behind: str, after_s: float, lasts_s: float | None = None) -> None:
        """A breaker opens, unless it has no calls, or is open."""
        if edge not in self.idle and all(edge != each.edge for each in self.happenings):
            self.happenings.append(Happening(after_s, edge, behind, lasts_s))

    def falls(self, dependency: str, behind: str, after_s: float, *, spread_s: float = 20, part: float = 0.97) -> None:
        """It can't be reached: those that call it open, and some of them drag down who calls them."""
        for service in self.callers(dependency):
            if self.dice.random() < part:
                at = after_s + self.dice.uniform(0, spread_s)
                self.opens((service, dependency), behind, at)
                if service in INNER and self.dice.random() < 0.4:
                    self.falls(service, behind, at + self.dice.uniform(-5, 30), part=0.9)

    def coincides(self, most: int) -> None:
        """Breakers that open for reasons of their own."""
        for _ in range(self.dice.randrange(most + 1)):
            after_s, lasts_s = self.dice.uniform(-200, 300), self.dice.uniform(20, 200)
            self.opens(self.dice.choice(self.edges), NOBODY, after_s, lasts_s)


def one(story: Story) -> None:
    """One dependency is down."""
    down = popular(story)
    story.falls(down, down, 0)


def two(story: Story) -> None:
    """Two at once, in the same services."""
    first = popular(story)
    shared = Counter(d for s in story.callers(first) for d in story.calls[s] if d in LEAVES and d != first)
    second = shared.most_common(1)[0][0] if shared else popular(story)
    story.falls(first, first, 0)
    story.falls(second, second, story.dice.uniform(0, 20))


def cascade(story: Story) -> None:
    """A dependency is down, and a service that calls it takes all of its callers along."""
    through = story.dice.choice([each for each in INNER if story.callers(each)] or list(INNER))
    down = next(each for each in story.calls[through] if each in LEAVES)
    story.idle -= {(through, down)}
    story.opens((through, down), down, story.dice.uniform(0, 15))
    story.falls(through, down, story.dice.uniform(0, 20), part=1)
    story.falls(down, down, 0)


def deploy(story: Story) -> None:
    """A version of a service that can't call what it called, nor answer."""
    ill = story.dice.choice([*INNER, *story.calls])
    for dependency in story.calls[ill]:
        if story.dice.random() < 0.8:
            story.opens((ill, dependency), ill, story.dice.uniform(0, 40))
    story.falls(ill, ill, story.dice.uniform(0, 20))
    if story.dice.random() < 0.6:
        story.changed.append((ill, BEGIN - timedelta(seconds=story.dice.uniform(5, 90))))


def inner(story: Story) -> None:
    """A service is down by itself; what it calls is well."""
    ill = story.dice.choice(INNER)
    story.falls(ill, ill, 0)


def partial(story: Story) -> None:
    """A dependency that some reach and some do not."""
    down = popular(story)
    story.falls(down, down, 0, part=story.dice.uniform(0.3, 0.7))


def slow(story: Story) -> None:
    """Few calls: it takes minutes until all have noticed."""
    down = popular(story)
    story.falls(down, down, 0, spread_s=400)


def zone(story: Story) -> None:
    """Some services have no network: nobody on the map is at fault."""
    cut = story.dice.sample(list(story.calls), story.dice.randrange(2, 5))
    for service in cut:
        for dependency in story.calls[service]:
            story.opens((service, dependency), NOBODY, story.dice.uniform(0, 30))
        for caller in story.callers(service):
            story.opens((caller, service), service, story.dice.uniform(5, 50))


def coincidence(story: Story) -> None:
    """Two outages at once that have nothing to do with each other, and one breaker of its own."""
    first, second = story.dice.sample(LEAVES, 2)
    story.falls(first, first, 0)
    story.falls(second, second, story.dice.uniform(-40, 40))
    story.opens(story.dice.choice(story.edges), NOBODY, story.dice.uniform(-40, 40))


def noise(story: Story) -> None:
    """Single breakers, each for itself."""
    story.coincides(6)
    story.coincides(6)


KINDS: dict[str, Callable[[Story], None]] = {
    each.__name__: each for each in (one, two, cascade, deploy, inner, partial, slow, zone, coincidence, noise)
}


def popular(story: Story) -> str:
    """A dependency of two services or more, where there is one."""
    called = [each for each in LEAVES if len(story.callers(each)) >= 2]
    return story.dice.choice(called or list(LEAVES))


def tell(seed: int) -> Story:
    """The story of a seed."""
    dice = Random(seed)
    story = Story(dice.choice(list(KINDS)), dice)
    for number, service in enumerate(INNER):
        leaves = dice.sample(LEAVES, dice.randrange(1, 4))
        # An inner service calls those behind it alone: no circles.
        story.calls[service] = leaves + [each for each in INNER[number + 1 :] if dice.random() < 0.25]
    for service in dice.sample(OUTER, dice.randrange(4, len(OUTER) + 1)):
        story.calls[service] = dice.sample(LEAVES, dice.randrange(1, 4)) + dice.sample(INNER, dice.randrange(1, 4))
    story.idle = frozenset(edge for edge in story.edges if dice.random() < 0.12)
    KINDS[story.kind](story)
    if dice.random() < 0.5:
        story.coincides(3)
    if dice.random() < 0.2:
        story.changed.append((dice.choice(list(story.calls)), BEGIN - timedelta(seconds=dice.uniform(0, 500))))
    return story


class Board:
    """The incidents of one story, made opening by opening."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.cases: list[Case] = []
        self.open: dict[Edge, tuple[Happening, datetime]] = {}
        self.told: dict[Edge, datetime] = {}
        self._keys = itertools.count(1)

    def opens(self, happening: Happening) -> Case:
        """An opening finds its incident."""
        at = BEGIN + timedelta(seconds=happening.after_s)
        self._close(at)
        opening = Opening(*happening.edge, at)
        placed = place(opening, self.cases)
        case = placed.case
        if case is None:
            case = Case(next(self._keys), placed.cause, at, at)
            self.cases.append(case)
        case.cause = placed.cause
        if placed.swallows is not None:
            case.swallow(placed.swallows)
            self.cases.remove(placed.swallows)
        case.join(opening)
        self.open[happening.edge] = happening, at
        self.told[happening.edge] = at
        for each in self.cases:
            each.cause = self.ask(each, at).dependency
        return case

    def ask(self, case: Case, now: datetime) -> Suspect:
        """Who is behind it, as far as can be seen at this moment."""
        last = max(at for at, _ in case.opened.values())
        near = (case.started_at - BESIDE, last + BESIDE)
        beside = {edge: at for edge, at in self.told.items() if edge not in case.opened and near[0] <= at <= near[1]}
        calm = frozenset(each for each in self.story.edges if each not in self.open and each not in self.story.idle)
        return suspect(case.cause, Scene(now, case.opened, beside, calm, self.story.changed), case.refuted)

    def _close(self, at: datetime) -> None:
        for edge, (happening, since) in list(self.open.items()):
            if happening.lasts_s is not None and since + timedelta(seconds=happening.lasts_s) < at:
                del self.open[edge]
                for case in self.cases:
                    case.live -= edge in case.opened


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one incident, when, and what was so."""

    kind: str
    moment: str
    said: Suspect
    behind: str

    @property
    def right(self) -> bool:
        """Whether it was the one."""
        return bool(self.behind) and self.said.dependency == self.behind


def answers(story: Story) -> Iterator[Answer]:
    """What the board says of the incidents of a story."""
    board = Board(story)
    behind = {each.edge: each.behind for each in story.happenings}
    due: list[tuple[datetime, Case]] = []
    now = BEGIN

    def said(case: Case, moment: str, at: datetime) -> Answer:
        truths = Counter(behind[edge] for edge in case.opened)
        return Answer(story.kind, moment, board.ask(case, at), max(truths, key=lambda each: (truths[each], each)))

    for happening in sorted(story.happenings, key=lambda each: each.after_s):
        now = BEGIN + timedelta(seconds=happening.after_s)
        while due and due[0][0] < now:
            at, case = due.pop(0)
            if any(case is each for each in board.cases):
                yield said(case, "first update", at)
        known = len(board.cases)
        case = board.opens(happening)
        if len(board.cases) > known:
            due.append((case.started_at + FIRST_UPDATE, case))
    for at, case in due:
        if any(case is each for each in board.cases):
            yield said(case, "first update", at)
    for case in board.cases:
        yield said(case, "end", now + AFTERWARDS)


def table(found: list[Answer]) -> str:
    """Right and wrong by stated confidence, and how often nobody could have been named."""
    lines = ["| asked | confidence | said | right | wrong | of them nobody to name | right, % |", "|" + " --- |" * 7]
    for moment in ("first update", "end"):
        for confidence in ("high", "medium", "low"):
            some = [each for each in found if (each.moment, each.said.confidence) == (moment, confidence)]
            right, nobody = sum(each.right for each in some), sum(not each.behind for each in some)
            share = f"{100 * right / len(some):.1f}" if some else "–"
            lines.append(
                f"| {moment} | {confidence} | {len(some)} | {right} | {len(some) - right} | {nobody} | {share} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1, help="the first story's seed")
    parser.add_argument("--kinds", action="store_true", help="one table for each kind of fault, too")
    settings = parser.parse_args()
    found = [each for seed in range(settings.stories) for each in answers(tell(settings.seed + seed))]
    print(f"{settings.stories} stories, {len(found)} answers\n\n{table(found)}")
    for kind in KINDS if settings.kinds else ():
        print(f"\n{kind}\n\n{table([each for each in found if each.kind == kind])}")


if __name__ == "__main__":
    main()
