"""Truth: the alerts that a history makes, whatever the order in which it came to be known.

One walk over the headline's steps in the order of their own times, by the same functions that take them one by one as they come in.
An alert that says something else than its episode was raised by half the story, and is put right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.domain.lifecycle import CLOSED, OPEN, SILENT, Hold, Life, Status, Step, on_clock, on_headline, releases

# Receivers are told moments by the second: what differs by less is the same.
SAME = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """One step of a headline. `gap`: nobody told the step itself."""

    at: datetime
    from_state: str
    to_state: str
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Episode:
    """What one alert is about. `ended_at`: the end of its last outage; None: that is under way. `steps`: how it came there."""

    started_at: datetime
    status: Status
    trips: int = 0
    ended_at: datetime | None = None
    resolved_at: datetime | None = None
    check_at: datetime | None = None
    steps: tuple[Step, ...] = ()

    def covers(self, begun: datetime, ended: datetime | None) -> bool:
        """Whether it has a moment in common with a stretch of time; None: until now."""
        return (ended is None or self.started_at <= ended) and (self.resolved_at is None or begun <= self.resolved_at)


def episodes(turns: Iterable[Turn], hold: Hold, now: datetime, spoken: str = "") -> list[Episode]:
    """The alerts of a history that begins calm, oldest first, as they stand by now. Those gone without a trace are left out.

    spoken: the last state before it that was no silence; what is silent in between opens nothing.
    """
    found: list[Episode] = []
    live: Episode | None = None
    released = False
    for turn in turns:
        live = _settled(found, live, turn.at)
        from_state = spoken if turn.from_state in SILENT and spoken else turn.from_state
        if turn.to_state not in SILENT:
            spoken = turn.to_state
        if turn.to_state == CLOSED:
            released = False
        elif live is None and turn.to_state == OPEN:
            if releases(from_state, turn.to_state, gap=turn.gap) or (released and turn.from_state in SILENT):
                released = True
                continue
            released = False
        step = on_headline(_life(live), turn.to_state, turn.at, hold)
        if step is not None:
            live = _after(live, step, turn.at)
    live = _settled(found, live, now)
    return [*found, live] if live is not None else found


def matched(known: Sequence[tuple[datetime, datetime | None]], told: Sequence[Episode]) -> list[int | None]:
    """For each alert (begun, resolved or None) the place of its episode, None where there is none; each episode once.

    What is live goes with what is live: whoever has it in hand keeps it.
    """
    places: list[int | None] = [None] * len(known)
    free = set(range(len(told)))
    for live in (True, False):
        for index, (begun, resolved) in enumerate(known):
            if places[index] is not None or (live and resolved is not None):
                continue
            fitting = [
                place
                for place in sorted(free)
                if told[place].covers(begun, resolved) and (not live or told[place].resolved_at is None)
            ]
            if fitting:
                places[index] = fitting[0]
                free.discard(fitting[0])
    return places


def differs(one: datetime | None, other: datetime | None) -> bool:
    """Whether two moments are told as two."""
    if one is None or other is None:
        return one is not other
    return abs(one - other) >= SAME


def _settled(found: list[Episode], live: Episode | None, until: datetime) -> Episode | None:
    """What the clock alone made of it by then."""
    step = on_clock(Life(live.status, check_at=live.check_at), until) if live is not None else None
    if live is None or step is None:
        return live
    after = _after(live, step, step.at)
    if after is not None and after.status == Status.RESOLVED:
        found.append(replace(after, resolved_at=step.at))
        return None
    return after


def ended_by(step: Step, known: datetime | None) -> datetime | None:
    """When the last outage ended, after this step. Silence after it is no outage: it only keeps the alert from being over."""
    if step.tripped:
        return None
    return known or step.at if step.to == Status.RECOVERING else known


def _after(live: Episode | None, step: Step, at: datetime) -> Episode | None:
    if step.to is None:
        return None
    before = live or Episode(at, step.to)
    ended = ended_by(step, before.ended_at)
    return replace(
        before,
        status=step.to,
        trips=before.trips + step.tripped,
        ended_at=ended,
        check_at=step.check_at,
        steps=(*before.steps, step),
    )


def _life(live: Episode | None) -> Life | None:
    return None if live is None else Life(live.status, check_at=live.check_at, ended=live.ended_at is not None)
