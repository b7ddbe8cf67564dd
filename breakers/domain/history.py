"""History: what a breaker was in, and for how long, out of what was told and what was silent. One function for each fact.

The rules are written down in docs/history.md. Times in microseconds since 1970; nothing here looks at a clock.
"""

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

import msgspec

from breakers.domain.headlines import GONE, counted, headline
from breakers.domain.silence import SECOND, Quiet
from breakers.domain.states import State, observe

Key = TypeVar("Key", bound=Hashable)

# The same change told by several instances that share their state within this is one change.
TOGETHER = 10 * SECOND
# Told of a silence by more than a post's way to us.
LATE_AFTER = 5 * SECOND


class Told(msgspec.Struct, frozen=True):
    """One accepted event of an instance. place: its id, which is the microsecond of its receipt.

    says: a state, `gone` (it stopped), or None: it lives. change: it told a change itself; a heartbeat only shows it.
    late: something of a later time had been received before it. own: of this instance; else another one's word that counts for it.
    """

    at: int
    sequence: int
    place: int
    says: str | None = None
    from_state: str | None = None
    change: bool = False
    shared: bool = False
    late: bool = False
    own: bool = True

    @property
    def order(self) -> tuple[int, int, int]:
        """Its place in the instance's log."""
        return self.at, self.sequence, self.place


class Step(msgspec.Struct, frozen=True):
    """One change of a lane. place: of the event that made it; None: silence did, or nothing but its being there."""

    at: int
    from_state: str
    to_state: str
    place: int | None = None
    sequence: int = -1
    gap: bool = False
    late: bool = False


class Base(msgspec.Struct, frozen=True):
    """How a lane stood before the first event that is looked at: what is drawn, the state last told, whether it had stopped."""

    drawn: str = GONE
    told: str | None = None
    gone: bool = True
    # Whether it had been heard at all.
    known: bool = False


class Lane(msgspec.Struct, frozen=True):
    """The steps of one instance, and the state that it told last, whether it is to be seen or not."""

    steps: list[Step]
    told: str | None


class Outage(msgspec.Struct):
    """From the headline's opening until it is closed again. `ended_at` None: it is under way."""

    started_at: int
    ended_at: int | None = None

    def within(self, start: int, end: int) -> int:
        """How much of it lies in [start, end)."""
        return max(0, min(end if self.ended_at is None else self.ended_at, end) - max(self.started_at, start))


def cut(silence: Quiet, log: Sequence[Told]) -> Quiet | None:
    """The silence up to the first event that lies within it, however late that was told; None where nothing is left of it."""
    end = silence.end
    first = bisect_left(log, silence.start, key=attrgetter("at"))
    if first < len(log) and (end is None or log[first].at < end):
        end = log[first].at
    if end is not None and end <= silence.start:
        return None
    unknown = silence.unknown if silence.unknown is not None and (end is None or silence.unknown < end) else None
    gone = silence.gone if silence.gone is not None and (end is None or silence.gone < end) else None
    return Quiet(silence.start, unknown, gone, end, silence.heard)


def lane(
    log: Iterable[Told], silences: Iterable[Quiet] = (), base: Base | None = None, *, shares: bool = False
) -> Lane:
    """One instance. log: its events, and of a shared breaker the changes that count for it, in any order.

    silences: by receipt; what was told late of them cuts them here. shares: with others, whose numbers say nothing of its own.
    """
    silences = list(silences)
    ordered = sorted(log, key=attrgetter("at", "place") if shares else attrgetter("order"))
    drawing = _Drawing(base or Base(), numbered=not shares)
    marks: list[tuple[int, str | None]] = []
    own = [each for each in ordered if each.own]
    for silence in silences:
        left = cut(silence, own)
        if left is None:
            continue
        marks.append((left.start, State.STALE))
        marks += [(at, state) for at, state in ((left.unknown, State.UNKNOWN), (left.gone, GONE)) if at is not None]
        if left.end is not None:
            marks.append((left.end, None))
    by_moment: dict[int, list[str | None]] = {}
    for at, laid in sorted(marks, key=lambda mark: mark[0]):
        by_moment.setdefault(at, []).append(laid)
    told = {at: list(some) for at, some in groupby(ordered, key=attrgetter("at"))}
    for at in sorted({*by_moment, *told}):
        # Drawn or not: at the time nothing was heard of it.
        was_silent = any(each.start <= at < (each.heard or 0) for each in silences)
        for laid in by_moment.get(at, ()):
            drawing.laid = laid
        for each in told.get(at, ()):
            drawing.take(each, was_silent)
        drawing.draw(at)
    return Lane(drawing.steps, drawing.told)


class _Drawing:
    """A lane as far as it is drawn."""

    def __init__(self, base: Base, *, numbered: bool) -> None:
        self.steps: list[Step] = []
        self._numbered = numbered
        # What silence lays over it.
        self.laid: str | None = None
        # The state last told by one that shares it.
        self._shared: str | None = None
        self._drawn, self.told, self._gone, self._known = base.drawn, base.told, base.gone, base.known

    def take(self, each: Told, was_silent: bool) -> None:
        """One event, at its moment."""
        if not each.own:
            self._shared = each.says
            if self._known:
                self.told = each.says
                self.draw(each.at, each)
            return
        gap = False
        if each.says == GONE:
            self._gone, self._known = True, True
        else:
            came_back = self._known and self._gone
            self._gone, self._known = False, True
            if each.says is not None:
                known = State(self.told) if self.told else None
                first_from = each.from_state if known is None and each.change else None
                if first_from and first_from != each.says:
                    self.told = first_from
                    self.draw(each.at, each)
                change = observe(
                    known, State(each.says), State(each.from_state) if each.from_state else None, told=each.change
                )
                gap = change is not None and change.gap and not came_back
                self.told = each.says
                self._shared = each.says if each.shared else self._shared
            elif each.shared and self.told is None:
                self.told = self._shared
        late = each.late or (was_silent and each.place - each.at > LATE_AFTER)
        self.draw(each.at, each, gap=gap, late=late)

    def draw(self, at: int, cause: Told | None = None, *, gap: bool = False, late: bool = False) -> None:
        """The step to what is to be seen now, where that is another state."""
        shown = self._shown()
        if shown == self._drawn:
            return
        place, sequence = (cause.place, cause.sequence if self._numbered else -1) if cause else (None, -1)
        if self.steps and self.steps[-1].at == at:
            # Rows of one moment are read in the order of their numbers.
            sequence = max(sequence, self.steps[-1].sequence)
        self.steps.append(Step(at, self._drawn, shown, place, sequence, gap, late))
        self._drawn = shown

    def _shown(self) -> str:
        if self._gone:
            return GONE
        if self.laid == GONE:
            return GONE
        if self.told is None:
            return State.UNKNOWN
        return self.laid or self.told


def witnesses(tellings: Iterable[tuple[Told, Key]]) -> set[int]:
    """Of the changes told by instances that share their state, each with its teller: the places of those that only repeat another's."""
    found: set[int] = set()
    known: list[tuple[int, str, set[Key]]] = []  # when, to which state, by whom it was told
    for told, teller in sorted(tellings, key=lambda each: (each[0].at, each[0].place)):
        if not (told.change and told.shared and told.says):
            continue
        known = [each for each in known if told.at - each[0] <= TOGETHER]
        for _, state, tellers in known:
            if state == told.says and teller not in tellers:
                tellers.add(teller)
                found.add(told.place)
                break
        else:
            known.append((told.at, told.says, {teller}))
    return found


def lanes(
    logs: Mapping[Key, Sequence[Told]],
    silences: Mapping[Key, Sequence[Quiet]],
    bases: Mapping[Key, Base] | None = None,
    start: int = 0,
) -> dict[Key, Lane]:
    """All instances of a breaker; what they tell of a state that they share counts for all that are there then.

    start: what was told before says no more than who repeats whom; `bases` hold the rest of it.
    """
    told = [(each, key) for key, log in logs.items() for each in log if each.shared and each.says is not None]
    repeated = witnesses(told)
    counting = [
        (msgspec.structs.replace(each, own=False, late=False), key)
        for each, key in told
        if each.says != GONE and each.place not in repeated
    ]
    shares = bool(told)
    found = {}
    for key, log in logs.items():
        own = [msgspec.structs.replace(each, says=None) if each.place in repeated else each for each in log]
        others = [each for each, teller in counting if teller != key]
        found[key] = lane(
            [each for each in (*own, *others) if each.at >= start],
            silences.get(key, ()),
            (bases or {}).get(key),
            shares=shares,
        )
    return found


def headlines(lanes: Mapping[int, Sequence[Step]], rule: str, known: Mapping[int, str], state: str) -> list[Step]:
    """The headline's steps. known: {instance: its state} before the first step; state: the headline's then.

    Steps of several lanes at one moment are one of the headline's; where a lane has several, they are taken in turn.
    """
    states = {instance: each for instance, each in known.items() if each != GONE}
    by_moment: dict[int, dict[int, list[Step]]] = {}
    for instance in sorted(lanes):
        for step in lanes[instance]:
            by_moment.setdefault(step.at, {}).setdefault(instance, []).append(step)
    found: list[Step] = []
    for at in sorted(by_moment):
        at_once = by_moment[at]
        for turn in range(max(map(len, at_once.values()))):
            taken = {instance: steps[turn] for instance, steps in at_once.items() if turn < len(steps)}
            for instance, step in taken.items():
                states[instance] = step.to_state
            now = str(headline(counted(states.values()), rule))
            if now == state:
                continue
            cause = next((step for step in taken.values() if step.to_state == now), None)
            found.append(
                Step(at, state, now, cause.place, cause.sequence, cause.gap, cause.late)
                if cause
                else Step(at, state, now)
            )
            state = now
    return found


def outages(steps: Iterable[Step], under_way: Outage | None = None) -> list[Outage]:
    """The outages of a headline, oldest first. under_way: the one before the first step."""
    found = [under_way] if under_way else []
    current = under_way
    for step in steps:
        if step.to_state == State.OPEN and current is None:
            current = Outage(step.at)
            found.append(current)
        elif step.to_state == State.CLOSED and current is not None:
            current.ended_at = step.at
            current = None
    return found


def failed_probes(lanes: Iterable[Sequence[Step]], outage: Outage) -> int:
    """How many probes failed in an outage: steps half-open → open of its lanes; one that moves many is one."""
    return len(
        {
            step.place
            for steps in lanes
            for step in steps
            if (step.from_state, step.to_state) == (State.HALF_OPEN, State.OPEN)
            and outage.started_at <= step.at
            and (outage.ended_at is None or step.at < outage.ended_at)
        }
    )


def trips(every: Iterable[Outage], start: int, end: int) -> int:
    """How many began in [start, end)."""
    return sum(start <= outage.started_at < end for outage in every)


def open_us(every: Iterable[Outage], start: int, end: int) -> int:
    """How much of [start, end) lies in outages."""
    return sum(outage.within(start, end) for outage in every)


def reported_late(ended_at: int | None, heard: int | None) -> bool:
    """Whether an outage was over when it was first heard of."""
    return ended_at is not None and heard is not None and ended_at <= heard
