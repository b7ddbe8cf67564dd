"""The books: a plain recount of what was posted, by the contract and `docs/history.md` alone. Nothing of the board is imported.

Slow and obvious: every answer is worked out anew from the whole log. Times are microseconds.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3_600 * SECOND
DAY = 86_400 * SECOND
WORST_FIRST = ("open", "forced_open", "half_open", "unknown", "stale", "disabled", "forced_closed", "closed")
SILENT = ("stale", "unknown")
OUTCOMES = ("success", "failure", "timeout", "rejected", "slow", "retry", "fallback", "ignored")
GONE = "gone"
HOLD = 60 * SECOND

Spans = list[tuple[str, int, int]]
Steps = list[tuple[int, str]]


@dataclass
class Told:
    """One accepted event."""

    kind: str
    own: int
    sequence: int
    place: int
    receipt: int
    state: str | None
    count: int
    interval_s: int | None


@dataclass
class Outage:
    """From the headline's opening to its closing; None: it goes on."""

    start: int
    end: int | None = None
    failed_probes: int = 0

    def within(self, start: int, end: int) -> int:
        """How much of it lies in a window."""
        return max(0, min(end, self.end if self.end is not None else end) - max(start, self.start))


@dataclass
class Lane:
    """One instance at one breaker: everything that it told."""

    told: list[Told] = field(default_factory=list)

    def log(self) -> list[Told]:
        return sorted(self.told, key=lambda each: (each.own, each.sequence, each.place))

    def said(self) -> Steps:
        """The states that it told, one after the other, gone after `stopped`."""
        steps: Steps = []
        last, there = "unknown", False
        for each in self.log():
            if each.kind == "stopped":
                there = False
                steps.append((each.own, GONE))
                continue
            if each.state is not None:
                last = each.state
            elif there:
                continue
            there = True
            steps.append((each.own, last))
        return steps

    def silences(self, now: int) -> list[tuple[int, int, int]]:
        """(stale from, unknown from, until) by receipt; what was told of such a time, however late, cuts it."""
        found = []
        said = self.said()
        receipts = sorted({each.receipt for each in self.told})
        for number, heard in enumerate(receipts):
            until = receipts[number + 1] if number + 1 < len(receipts) else now
            interval = self._interval(heard)
            if interval is None:
                continue
            stale = heard + (2 * interval + 5) * SECOND
            unknown = max(heard + 10 * interval * SECOND, stale)
            if until <= stale and not (until == now == stale):
                continue
            if state_at(said, stale) == GONE:
                continue
            cuts = [each.own for each in self.told if stale <= each.own < until]
            until = min([until, *cuts])
            if until > stale or until == now:
                found.append((stale, unknown, until))
        return found

    def _interval(self, heard: int) -> int | None:
        """As it was last told by then; `told` is in the order of receipt."""
        found = None
        for each in self.told:
            if each.receipt > heard:
                break
            if each.interval_s is not None:
                found = each.interval_s
            elif each.kind == "heartbeat" and found is None:
                found = 60
        return found

    def steps(self, now: int) -> Steps:
        """The lane: what was told, and over it what was silent."""
        said = self.said()
        steps = [(at, state, 0) for at, state in said]
        for stale, unknown, until in self.silences(now):
            steps = [step for step in steps if not stale <= step[0] < until]
            steps.append((stale, "unknown" if unknown == stale else "stale", 1))
            if stale < unknown <= (until if until == now else until - 1):
                steps.append((unknown, "unknown", 1))
            if unknown + HOUR < until or (until == now == unknown + HOUR):
                steps.append((unknown + HOUR, GONE, 1))
            if until < now and not any(at == until for at, _, _ in steps):
                steps.append((until, state_at(said, until), 1))
        steps.sort(key=lambda step: step[0])
        return changes([(at, state) for at, state, _ in steps if at <= now])


@dataclass
class Breaker:
    """One breaker's lanes, and the rules by which its headline was made."""

    lanes: dict[str, Lane] = field(default_factory=dict)
    rules: list[tuple[int, str]] = field(default_factory=list)
    # What was worked out last, and of how much: it is asked for many times at one look.
    _known: dict[str, tuple[tuple[int, int, int], Any]] = field(default_factory=dict)

    def _once(self, name: str, now: int, work: Callable[[int], Any]) -> Any:
        of = (now, len(self.rules), sum(len(lane.told) for lane in self.lanes.values()))
        if name not in self._known or self._known[name][0] != of:
            self._known[name] = of, work(now)
        return self._known[name][1]

    def drawn(self, now: int) -> dict[str, Steps]:
        found: dict[str, Steps] = self._once(
            "lanes", now, lambda now: {name: lane.steps(now) for name, lane in self.lanes.items()}
        )
        return found

    def headline(self, now: int) -> Steps:
        """Its rule over the lanes at each moment. Several steps of a lane at one moment are taken in turn."""
        found: Steps = self._once("headline", now, self._headline)
        return found

    def _headline(self, now: int) -> Steps:
        moments: dict[int, dict[str, list[str]]] = {}
        for name, steps in self.drawn(now).items():
            for at, state in steps:
                moments.setdefault(at, {}).setdefault(name, []).append(state)
        for at, _ in self.rules:
            if at <= now:
                moments.setdefault(at, {})
        present: dict[str, str] = {}
        steps: Steps = []
        for at in sorted(moments):
            taken = moments[at]
            rule = self.rule(at)
            for turn in range(max((len(states) for states in taken.values()), default=1)):
                for name, states in taken.items():
                    if turn < len(states):
                        present[name] = states[turn]
                steps.append((at, judged(counted(present), rule)))
        return changes(steps)

    def rule(self, at: int) -> str:
        return next((rule for since, rule in reversed(self.rules) if since <= at), "any")

    def counts(self, now: int) -> dict[str, int]:
        return counted({name: steps[-1][1] for name, steps in self.drawn(now).items() if steps})

    def outages(self, now: int) -> list[Outage]:
        """Its trips, each with the probes that failed in it."""
        found: list[Outage] = self._once("outages", now, self._outages)
        return found

    def _outages(self, now: int) -> list[Outage]:
        found: list[Outage] = []
        under_way: Outage | None = None
        for at, state in self.headline(now):
            if state == "open" and under_way is None:
                under_way = Outage(at)
                found.append(under_way)
            elif state == "closed" and under_way is not None:
                under_way.end, under_way = at, None
        for outage in found:
            for steps in self.drawn(now).values():
                for (_, before), (at, state) in itertools.pairwise(steps):
                    inside = outage.start <= at and (outage.end is None or at < outage.end)
                    outage.failed_probes += inside and (before, state) == ("half_open", "open")
        return found

    def told(self) -> list[Told]:
        return [each for lane in self.lanes.values() for each in lane.told]

    def totals(self, start: int, end: int) -> dict[str, int]:
        """Outcomes by type, of [start, end)."""
        counts = Counter[str]()
        for each in self.told():
            if each.kind in OUTCOMES and start <= each.own < end:
                counts[each.kind] += each.count
        return {kind: counts[kind] for kind in OUTCOMES}

    def paths(self, now: int) -> dict[tuple[str, str], int]:
        """The diagram: trips, failed probes, and for the other arrows the headline's steps of the last 24 h."""
        outages = [outage for outage in self.outages(now) if outage.start >= now - DAY]
        found = Counter[tuple[str, str]]()
        steps = [(0, "unknown"), *self.headline(now)]
        for (_, before), (at, state) in itertools.pairwise(steps):
            if (
                before != state
                and at >= now - DAY
                and (before, state) not in {("closed", "open"), ("half_open", "open")}
            ):
                found[before, state] += 1
        found["closed", "open"] = len(outages)
        found["half_open", "open"] = sum(outage.failed_probes for outage in outages)
        return {arrow: count for arrow, count in found.items() if count}


@dataclass
class Source:
    """An instance of a service as a poster."""

    events: int = 0
    duplicates: int = 0
    numbers: set[int] = field(default_factory=set)

    def missing(self) -> int:
        return max(self.numbers) - min(self.numbers) + 1 - len(self.numbers)


class Books:
    """What was posted, as it came."""

    def __init__(self) -> None:
        self.breakers: dict[tuple[str, str], Breaker] = {}
        self.sources: dict[tuple[str, str], Source] = {}
        self._ids: set[tuple[str, str]] = set()
        self._place = 0

    def post(self, service: str, events: list[dict[str, Any]], receipt: int) -> tuple[int, int]:
        """A body that was received; (accepted, duplicates)."""
        accepted = 0
        for event in events:
            source = self.sources.setdefault((service, event["instance"]), Source())
            if "id" in event:
                if (service, event["id"]) in self._ids:
                    source.duplicates += 1
                    continue
                self._ids.add((service, event["id"]))
            accepted += 1
            self._place += 1
            source.events += 1
            source.numbers.add(event["sequence"])
            breaker = self.breakers.setdefault((service, event["breaker"]), Breaker())
            breaker.lanes.setdefault(event["instance"], Lane()).told.append(
                Told(
                    event["type"],
                    min(event["own"], receipt),
                    event["sequence"],
                    self._place,
                    receipt,
                    event.get("to_state") or event.get("state"),
                    event.get("count", 1),
                    event.get("interval_s"),
                )
            )
        return accepted, len(events) - accepted

    def rule(self, service: str, breaker: str, rule: str, at: int) -> None:
        """The headline's rule was changed."""
        self.breakers[service, breaker].rules.append((at, rule))

    def alerts(self, service: str, breaker: str, now: int) -> list[tuple[int, int | None]]:
        """(start, resolved at) of the alerts that its outages make: one that reopens within the hold is the same."""
        found: list[tuple[int, int | None]] = []
        for outage in self.breakers[service, breaker].outages(now):
            ends = None if outage.end is None or outage.end + HOLD > now else outage.end + HOLD
            if found and (found[-1][1] is None or outage.start < found[-1][1]):
                found[-1] = found[-1][0], ends
            else:
                found.append((outage.start, ends))
        return found


def judged(counts: dict[str, int], rule: str) -> str:
    """The contract's headline: the first state for which those in it or worse are enough."""
    live = sum(counts.values())
    silent = sum(counts.get(state, 0) for state in SILENT)
    if not live:
        return "unknown"
    heard = {state: number for state, number in counts.items() if silent * 2 >= live or state not in SILENT}
    total, so_far = sum(heard.values()), 0
    for state in WORST_FIRST:
        if state not in heard:
            continue
        so_far += heard[state]
        if {"any": so_far >= 1, "majority": so_far * 2 > total, "all": so_far == total}[rule]:
            return state
    raise AssertionError(counts)


def counted(states: dict[str, str]) -> dict[str, int]:
    return dict(Counter(state for state in states.values() if state != GONE))


def changes(steps: Steps) -> Steps:
    """Without those that change nothing."""
    found: Steps = []
    for at, state in steps:
        if not found or found[-1][1] != state:
            found.append((at, state))
    return found


def state_at(steps: Steps, moment: int) -> str:
    return next((state for at, state in reversed(steps) if at <= moment), GONE)


def spans(steps: Steps, end: int) -> Spans:
    """With a length, and without the times at which it was gone."""
    ends = [at for at, _ in steps[1:]] + [end]
    drawn = [(state, at, until) for (at, state), until in zip(steps, ends, strict=True) if until > at]
    joined: Spans = []
    for state, at, until in drawn:
        if joined and joined[-1][0] == state and joined[-1][2] == at:
            joined[-1] = state, joined[-1][1], until
        else:
            joined.append((state, at, until))
    return [span for span in joined if span[0] != GONE]
