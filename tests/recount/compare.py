"""A story told to the board and to the books: what they say differently, and the smallest story that shows it."""

from typing import Any

from tests.recount import books as plain
from tests.recount.board import Told
from tests.recount.books import Books
from tests.recount.story import SECOND, Story

Difference = tuple[str, Any, Any]


def differences(actions: Story) -> list[Difference]:
    """(What, by the board, by the books), at the first look that shows any."""
    board, books = Told(), Books()
    for number, action in enumerate(actions):
        at = action["at"]
        match action["do"]:
            case "post":
                answer = board.post(action["service"], action["events"], at)
                counted = books.post(action["service"], action["events"], at)
                if (answer.accepted, answer.duplicates) != counted:
                    return [(f"answer to action {number}", (answer.accepted, answer.duplicates), counted)]
            case "rule" if (action["service"], action["breaker"]) in books.breakers:
                board.sweep(at)
                board.rule(action["service"], action["breaker"], action["rule"], at)
                books.rule(action["service"], action["breaker"], action["rule"], at)
            case "restart":
                board.restart()
            case "look":
                board.sweep(at)
                if found := looked(board, books, at):
                    return found
    return []


def looked(board: Told, books: Books, at: int) -> list[Difference]:
    """What differs at this moment."""
    found: list[Difference] = []
    told, counted = board.facts(at), {names: of_breaker(books, *names, at) for names in books.breakers}
    for names in sorted({*told, *counted}):
        one, other = told.get(names, {}), counted.get(names, {})
        found += [
            (f"{'/'.join(names)}: {fact} at {at / SECOND:g} s", one.get(fact), other.get(fact))
            for fact in {**other, **one}
            if one.get(fact) != other.get(fact)
        ]
    posters = {
        name: {"events": each.events, "duplicates": each.duplicates, "missing": each.missing(), "restarts": 0}
        for name, each in books.sources.items()
    }
    if (sources := board.sources(at)) != posters:
        found.append((f"sources at {at / SECOND:g} s", sources, posters))
    if (whole := board.whole(at)) != (all := of_all(books, at)):
        found.append((f"the whole at {at / SECOND:g} s", whole, all))
    return found


def of_breaker(books: Books, service: str, name: str, now: int) -> dict[str, Any]:
    """All that a reader may ask of a breaker, by the books."""
    breaker = books.breakers[service, name]
    headline, lanes, outages = breaker.headline(now), breaker.drawn(now), breaker.outages(now)
    there = {lane: steps[-1] for lane, steps in lanes.items() if steps and steps[-1][1] != plain.GONE}
    # The whole buckets of 10 s within the last minute.
    minute = breaker.totals((now // SECOND - 60) // 10 * 10 * SECOND + 10 * SECOND, now + 1)
    failures = minute["failure"] + minute["timeout"]
    calls = minute["success"] + failures
    return {
        "state": headline[-1][1],
        "since": headline[-1][0],
        "rule": breaker.rule(now),
        "instances": breaker.counts(now),
        "each instance": {lane: (state, at) for lane, (at, state) in there.items()},
        "told last": {lane: _told_last(breaker.lanes[lane]) for lane in there},
        "spans": plain.spans(headline, now),
        "lanes": {lane: plain.spans(steps, now) for lane, steps in lanes.items()},
        "totals": breaker.totals(-1, now),
        "last minute": (calls, failures, minute["rejected"]),
        "failure rate": round(100 * failures / calls, 1) if calls else None,
        "events": len(breaker.told()),
        "outages": [(each.start, each.end, each.failed_probes) for each in outages],
        "trips": (len(outages), sum(each.within(0, now) for each in outages)),
        "diagram": breaker.paths(now),
        "alerts": books.alerts(service, name, now),
    }


def of_all(books: Books, now: int) -> dict[str, Any]:
    """What is said of all together, by the books."""
    states = {"/".join(names): breaker.headline(now)[-1][1] for names, breaker in books.breakers.items()}
    return {
        "counts": plain.counted(states),
        "week trips": sum(len(breaker.outages(now)) for breaker in books.breakers.values()),
    }


def _told_last(lane: plain.Lane) -> str | None:
    states = [each.state for each in lane.log() if each.state is not None]
    return states[-1] if states else None


def kind_of(difference: Difference) -> str:
    """The fact that is told differently, whosever it is."""
    return difference[0].split(": ")[-1].split(" at ")[0]


def shrunk(actions: Story, kind: str, *, tries: int = 400) -> Story:
    """The same falsehood from as little as can be: actions and events are left out as long as it stays."""
    small = actions
    size = max(1, len(small) // 2)
    while size and tries > 0:
        start = 0
        while start < len(small) and tries > 0:
            less = [each for n, each in enumerate(small) if not start <= n < start + size or _first(small, n)]
            tries -= 1
            if len(less) < len(small) and shows(less, kind):
                small = less
            else:
                start += size
        size //= 2
    for number, action in enumerate(small):
        if action["do"] != "post" or _first(small, number):
            continue
        for event in list(action["events"]):
            less = [other for other in small[number]["events"] if other is not event]
            if not less or tries <= 0:
                break
            tries -= 1
            cut = [*small[:number], {**action, "events": less}, *small[number + 1 :]]
            if shows(cut, kind):
                small = cut
    return small


def shows(actions: Story, kind: str) -> bool:
    """Whether this story shows that falsehood."""
    try:
        return any(kind_of(difference) == kind for difference in differences(actions))
    except Exception:
        return kind == "error"


def _first(actions: Story, number: int) -> bool:
    """The first post of a service tells of all its instances."""
    action = actions[number]
    if action["do"] != "post":
        return False
    earlier = (each for each in actions[:number] if each["do"] == "post")
    return all(each["service"] != action["service"] for each in earlier)
