"""Stories: a seed is a list of actions. What is told is dated and numbered by the services themselves; when it arrives is another matter.

Times are microseconds from the story's beginning. An action is a plain dict, so that a story can be printed, cut and told again.
"""

import random
from typing import Any

SECOND = 1_000_000
# A Monday's morning: the week has begun, and its first day is the story's.
BEGINS = 1_795_420_800 * SECOND
KINDS = ("counts", "repeats", "restarts", "silence", "stopped", "rules", "disorder")
OUTCOMES = ("success", "failure", "timeout", "rejected", "slow", "retry", "fallback", "ignored")
RULES = ("any", "majority", "all")
# Where a breaker goes by itself, and how long it stays at most, in seconds.
NEXT = {
    "closed": (("open", 8), ("forced_open", 1), ("disabled", 1)),
    "open": (("half_open", 9), ("forced_closed", 1)),
    "half_open": (("open", 5), ("closed", 5)),
    "forced_open": (("half_open", 1), ("closed", 1)),
    "forced_closed": (("closed", 1),),
    "disabled": (("closed", 1),),
}
STAYS = {"closed": 90, "open": 40, "half_open": 5, "forced_open": 60, "forced_closed": 60, "disabled": 40}

Action = dict[str, Any]
Story = list[Action]


def story(seed: int, kinds: tuple[str, ...] = KINDS) -> Story:
    """The actions of this seed, by the moment at which they happen. The first tells of every instance; the last looks."""
    return _Writer(random.Random(seed), kinds).written()


class _Writer:
    """One story in the making."""

    def __init__(self, chance: random.Random, kinds: tuple[str, ...]) -> None:
        self._chance = chance
        self._kinds = {kind for kind in kinds if chance.random() < 0.7}
        self._length = chance.choice((30, 30, 60, 60, 180, 600)) * SECOND
        # How often a service posts, and how quickly its breakers move.
        self._every = (15 if self._length == 600 * SECOND else chance.choice((1, 2, 5, 15))) * SECOND
        self._haste = chance.choice((0.1, 0.3, 1)) if self._length < 600 * SECOND else 1
        # No two own times of a story are equal, but for those that are meant to be.
        self._taken: set[int] = set()
        self._number = 0

    def written(self) -> Story:
        chance = self._chance
        services = ["orders", "billing"][: chance.choice((1, 1, 2))]
        told: list[tuple[str, str, dict[str, Any]]] = []
        opening: Story = []
        for service in services:
            first: list[dict[str, Any]] = []
            for name in ["o-1", "o-2", "o-3"][: chance.choice((1, 2, 3))]:
                begun, more = self._instance(name, ["pay", "ship"][: chance.choice((1, 1, 2))])
                first += begun
                told += [(service, name, event) for event in more]
            opening.append({"do": "post", "at": 0, "service": service, "events": first})
        actions = [*opening, *self._posts(told), *self._others(services)]
        last = max(action["at"] for action in actions)
        # The last look is long after: holds are over, and who fell silent is.
        actions.sort(key=lambda action: action["at"])
        return [*actions, {"do": "look", "at": last + SECOND}, {"do": "look", "at": last + 75 * SECOND}]

    def _moment(self, at: int) -> int:
        while at in self._taken:
            at += 1
        self._taken.add(at)
        return at

    def _instance(self, name: str, breakers: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What it tells first of each breaker, and all that it tells later, in its own order."""
        chance = self._chance
        interval = chance.choice((1, 5, 20, None)) if "silence" in self._kinds else None
        happened: list[tuple[int, dict[str, Any]]] = []
        begun = []
        for breaker in breakers:
            state, at = "closed", 0
            first: dict[str, Any] = {"type": "heartbeat", "breaker": breaker, "state": state}
            if interval is None:
                first = {"type": "state_change", "breaker": breaker, "to_state": state}
            else:
                first["interval_s"] = interval
            begun.append({**first, "instance": name})
            while True:
                stay = int(chance.random() ** 2 * STAYS[state] * self._haste * SECOND) + 1_000
                if "counts" in self._kinds:
                    happened += self._calls(breaker, at, min(at + stay, self._length))
                if interval is not None:
                    beat = at + interval * SECOND
                    while beat < min(at + stay, self._length):
                        happened.append((beat, {"type": "heartbeat", "breaker": breaker, "state": state}))
                        beat += interval * SECOND
                at += stay
                if at >= self._length:
                    break
                ways, weights = zip(*NEXT[state], strict=True)
                before, state = state, chance.choices(ways, weights)[0]
                change = {"type": "state_change", "breaker": breaker, "to_state": state}
                if chance.random() < 0.5:
                    change["from_state"] = before
                happened.append((at, change))
            if "stopped" in self._kinds and chance.random() < 0.3:
                happened.append((self._length, {"type": "stopped", "breaker": breaker}))
        happened.sort(key=lambda each: each[0])
        for number, first in enumerate(begun):
            first["sequence"] = number + 1
            first["own"] = 0
        later = []
        for number, (at, event) in enumerate(happened):
            later.append({**event, "instance": name, "sequence": len(begun) + number + 1, "own": self._moment(at)})
        return begun, later

    def _calls(self, breaker: str, start: int, end: int) -> list[tuple[int, dict[str, Any]]]:
        chance = self._chance
        calls = []
        for _ in range(chance.randrange(4)):
            event: dict[str, Any] = {"type": chance.choice(OUTCOMES), "breaker": breaker}
            if chance.random() < 0.5:
                event["count"] = chance.randrange(1, 50)
            calls.append((chance.randrange(start, end) if end > start else start, event))
        return calls

    def _posts(self, told: list[tuple[str, str, dict[str, Any]]]) -> Story:
        """When it arrives: by and by, or held up, or much later and in another order; some of it twice."""
        chance = self._chance
        deaf = self._deaf(told)
        arriving: dict[tuple[int, str], list[dict[str, Any]]] = {}
        for service, name, event in told:
            at = (event["own"] // self._every + 1) * self._every
            for start, end, lost in deaf.get((service, name), ()):
                if start <= at < end:
                    at = -1 if lost else end
            if at < 0:
                continue
            if "disorder" in self._kinds and chance.random() < 0.15:
                at += chance.choice((1, 5, 30, 120)) * SECOND
            event = {**event, "id": self._id()} if chance.random() < 0.5 else event
            arriving.setdefault((at, service), []).append(event)
            if "repeats" in self._kinds and "id" in event and chance.random() < 0.1:
                again = at + chance.choice((0, 2, 60)) * SECOND
                arriving.setdefault((again, service), []).append(event)
        posts = []
        for (at, service), events in arriving.items():
            if "disorder" in self._kinds and chance.random() < 0.3:
                chance.shuffle(events)
            posts.append({"do": "post", "at": at, "service": service, "events": events})
        return posts

    def _deaf(self, told: list[tuple[str, str, dict[str, Any]]]) -> dict[tuple[str, str], list[tuple[int, int, bool]]]:
        """When an instance can't be heard: from, to, and whether what it had to tell is lost."""
        chance, found = self._chance, {}
        if "silence" in self._kinds:
            for key in sorted({(service, name) for service, name, _ in told}):
                if chance.random() < 0.5:
                    start = chance.randrange(self._length)
                    lasts = chance.choice((10, 30, 120, 400)) * SECOND
                    lost = "disorder" not in self._kinds or chance.random() < 0.5
                    found[key] = [(start, start + lasts, lost)]
        return found

    def _others(self, services: list[str]) -> Story:
        chance = self._chance
        actions: Story = []
        for _ in range(chance.randrange(1, 4)):
            actions.append({"do": "look", "at": chance.randrange(self._length)})
        if "restarts" in self._kinds:
            for _ in range(chance.randrange(3)):
                actions.append({"do": "restart", "at": chance.randrange(self._length)})
        if "rules" in self._kinds:
            for _ in range(chance.randrange(3)):
                rule = {"service": chance.choice(services), "breaker": "pay", "rule": chance.choice(RULES)}
                actions.append({"do": "rule", "at": chance.randrange(SECOND, self._length), **rule})
        return actions

    def _id(self) -> str:
        self._number += 1
        return f"e{self._number}"
