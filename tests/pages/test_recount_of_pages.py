"""Every number of wall, breaker's page, map, dependency and week, after a random story, is a plain recount of what was posted."""

import html
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from breakers.listening import listen
from breakers.models import Breaker, Service
from tests.pages.seeding import _post

SignIn = Callable[[str], Client]
WORST_FIRST = ("open", "half_open", "closed")
WORDS = {"open": "Open", "half_open": "Half-open", "closed": "Closed"}
OUTCOMES = ("success", "failure", "timeout", "rejected", "retry", "fallback")


@dataclass
class Books:
    """What was posted of one breaker, counted by hand. A trip is [began, ended or None, failed probes]."""

    lanes: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    state: str = "closed"
    trips: list[list[Any]] = field(default_factory=list)

    def step(self, instance: str, state: str, at: datetime) -> None:
        """An instance says its state."""
        before = self.lanes.get(instance, "closed")
        self.lanes[instance] = state
        headline = next(each for each in WORST_FIRST if each in self.lanes.values())
        under_way = bool(self.trips) and self.trips[-1][1] is None
        if headline == "open" and not under_way:
            self.trips.append([at, None, 0])
        if headline == "open" and (before, state) == ("half_open", "open"):
            # From its beginning to before its end.
            self.trips[-1][2] += 1
        if headline == "closed" and under_way:
            self.trips[-1][1] = at
        self.state = headline

    @property
    def calls(self) -> int:
        """Calls that were made."""
        return self.counts["success"] + self.failures

    @property
    def failures(self) -> int:
        """Those that failed."""
        return self.counts["failure"] + self.counts["timeout"]


def story(seed: int, now: datetime) -> dict[tuple[str, str], Books]:
    """Post some seventy happenings of the last 40 seconds, one after the other."""
    dice = random.Random(seed)
    listen(now - timedelta(hours=1), pause_s=0)
    names = [(service, name) for service in ("orders", "pay") for name in ("db", "mail", "tax")[: dice.randrange(1, 4)]]
    services = {
        name: Service.objects.create(name=name, created_at=now).pk for name in sorted({each for each, _ in names})
    }
    books: dict[tuple[str, str], Books] = defaultdict(Books)
    pods = {pair: [f"pod-{n}" for n in range(dice.randrange(1, 4))] for pair in names}
    at = now - timedelta(seconds=45)
    for service, name in names:
        for pod in pods[service, name]:
            told = {"type": "heartbeat", "state": "closed", "interval_s": 300, "labels": {"team": service}}
            _say(services[service], name, pod, told, at)
            books[service, name].step(pod, "closed", at)
    for _ in range(70):
        at += timedelta(milliseconds=dice.randrange(100, 550))
        pair = dice.choice(names)
        pod, book = dice.choice(pods[pair]), books[pair]
        if dice.random() < 0.4:
            state = dice.choice([each for each in WORST_FIRST if each != book.lanes[pod]])
            told = {"type": "state_change", "from_state": book.lanes[pod], "to_state": state}
            _say(services[pair[0]], pair[1], pod, told, at)
            book.step(pod, state, at)
        else:
            kind, count = dice.choice(OUTCOMES), dice.choice([1, 1, 2, 7, 40, 2_000])
            _say(services[pair[0]], pair[1], pod, {"type": kind, "count": count}, at)
            book.counts[kind] += count
    return books


def _say(service: int, breaker: str, pod: str, told: dict[str, Any], at: datetime) -> None:
    _post(
        service,
        [{"breaker": breaker, "dependency": f"{breaker}-host", "instance": pod, "occurred_at": at.isoformat(), **told}],
        at,
    )


def rate(part: int, of: int) -> str:
    """A rate as an eye wants it: never nothing of something, never all of less."""
    if not of:
        return "–"
    if part and 100 * part / of < 0.05:
        return "<0.1 %"
    return ">99.9 %" if part < of and 100 * part / of >= 99.95 else f"{int(1000 * part / of + 0.5) / 10:.1f} %"


def per_second(a_minute: int) -> str:
    """So many a minute, by the second."""
    if a_minute in (1, 2):
        return "<0.1/s"
    return (
        "0/s"
        if not a_minute
        else f"{int(a_minute / 60 + 0.5)}/s"
        if a_minute >= 600
        else f"{int(a_minute / 6 + 0.5) / 10:.1f}/s"
    )


def text_of(client: Client, path: str) -> str:
    """A page, without its entities."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    return html.unescape(answer.content.decode())


def said(markup: str) -> str:
    """The words of a piece of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", markup).split())


def one(pattern: str, page: str) -> str:
    """The words that stand there."""
    found = re.search(pattern, page, re.DOTALL)
    assert found, pattern
    return said(found[1])


@pytest.mark.parametrize("seed", range(12))
def test_every_number_is_a_recount_of_what_was_posted(seed: int, signed_in: SignIn) -> None:
    now = datetime.now(UTC)
    books = story(seed, now)
    client = signed_in("viewer")
    ids = {(row.service.name, row.name): str(row.pk) for row in Breaker.objects.select_related("service")}
    assert ids.keys() == books.keys()
    _wall(text_of(client, "/"), books, ids)
    for pair, book in books.items():
        _breaker(text_of(client, f"/breakers/{ids[pair]}/"), book)
    _map(text_of(client, "/map/"), books)
    for dependency in {name for _, name in books}:
        _dependency(text_of(client, f"/dependency/?name={dependency}-host"), dependency, books)
    _week(client, books, now)


def _wall(page: str, books: dict[tuple[str, str], Books], ids: dict[tuple[str, str], str]) -> None:
    by_state = Counter(book.state for book in books.values())
    parts = [
        f"{by_state[state]} {word}" for state, word in (("open", "open"), ("half_open", "testing")) if by_state[state]
    ]
    all_closed = "The one breaker is closed." if len(books) == 1 else f"All {len(books)} closed."
    assert one(r'<h1 id="sentence">(.*?)</h1>', page) == (
        f"{', '.join(parts)}, of {len(books)}." if parts else all_closed
    )
    tally = {
        state: said(count)
        for state, count in re.findall(r'<li data-state="(\w+)"[^>]*>.*?<b>(.*?)</b>', page, re.DOTALL)
    }
    assert {state: int(count) for state, count in tally.items() if count != "0"} == {
        s: n for s, n in by_state.items() if s != "closed"
    }
    for pair, book in books.items():
        card = re.search(rf'<breaker-card data-id="{ids[pair]}".*?</breaker-card>', page, re.DOTALL)
        assert card
        numbers = [said(each) for each in re.findall(r"<dd>(.*?)</dd>", card[0], re.DOTALL)]
        refusing = book.state == "open"
        counted = "open" if book.state == "closed" else book.state
        assert (one(r'data-state="(\w+)"', card[0]), numbers) == (
            book.state,
            [
                rate(book.failures, book.calls),
                per_second(book.counts["rejected"] if refusing else book.calls),
                f"{list(book.lanes.values()).count(counted)}/{len(book.lanes)}",
            ],
        )
        trips = len(book.trips)
        opened = f"{trips} opening{'s' * (trips != 1)}" if trips else "not open"
        assert one(r'aria-label="(Last 15 minutes[^"]*)"', card[0]) == f"Last 15 minutes: {opened}"


def _breaker(page: str, book: Books) -> None:
    facts = {name: said(text) for name, text in re.findall(r'<dd data-fact="(\w+)">(.*?)</dd>', page, re.DOTALL)}
    assert facts["seen"].startswith(WORDS[book.state])
    assert (facts["failing"], facts["calls"], facts["refused"], facts["rule"]) == (
        rate(book.failures, book.calls),
        f"{book.calls:,}",
        f"{book.counts['rejected']:,}",
        f"any instance of {len(book.lanes)}",
    )
    patterns = {name: said(text) for name, text in re.findall(r'data-pattern="(\w+)".*?<b>(.*?)</b>', page, re.DOTALL)}
    assert patterns == {
        "timeouts": f"{book.counts['timeout']:,}",
        "retries": f"{book.counts['retry']:,}",
        "fallbacks": f"{book.counts['fallback']:,}",
        "refused": f"{book.counts['rejected']:,}",
    }
    trips = len(book.trips)
    day = re.search(r'id="trips".*?<tbody>.*?<td class="number">(.*?)</td>', page, re.DOTALL)
    assert day
    assert said(day[1]) == str(trips)
    arrows = {
        (before, after): int(re.sub(r"\D", "", count))
        for before, after, count in re.findall(
            r'class="arrow" data-from="(\w+)" data-to="(\w+)".*?<tspan class="count">(.*?)</tspan>', page, re.DOTALL
        )
    }
    assert (arrows["closed", "open"], arrows["half_open", "open"]) == (trips, sum(trip[2] for trip in book.trips))
    assert one(r'class="caption chart-summary">(.*?)</p>', page) == (
        f"{trips} opening{'s' * (trips != 1)}, {book.calls:,} calls, {book.failures:,} of them failed, {book.counts['rejected']:,} refused."
    )
    if trips:
        assert one(r'data-why="probes">(.*?)</dd>', page) == str(book.trips[-1][2])
        assert ("so far" in one(r'data-why="lasted">(.*?)</dd>', page)) == (book.trips[-1][1] is None)


def _map(page: str, books: dict[tuple[str, str], Books]) -> None:
    rows = re.findall(r"<tr>\s*<td><span class=\"state-cell\" data-state=\"(\w+)\">(.*?)</tr>", page, re.DOTALL)
    found = {}
    for state, rest in rows:
        cells = [said(each) for each in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", rest, re.DOTALL)]
        found[cells[0], cells[1]] = (state, cells[4], cells[5])
    assert found == {
        (service, f"{name}-host"): (book.state, rate(book.failures, book.calls), f"{book.counts['rejected']:,}")
        for (service, name), book in books.items()
    }
    cut = [book for book in books.values() if book.state == "open"]
    sentence = one(r'<h1 id="map-sentence">(.*?)</h1>', page)
    ways = "way" if len(books) == 1 else "ways"
    told = (
        f"{len(cut)} of {len(books)} {ways} {'is' if len(cut) == 1 else 'are'} cut, to "
        if cut
        else f"No way is cut, of {len(books)} {ways}."
    )
    assert sentence.startswith(told)


def _dependency(page: str, name: str, books: dict[tuple[str, str], Books]) -> None:
    callers = {service: book for (service, breaker), book in books.items() if breaker == name}
    cut = sorted(service for service, book in callers.items() if book.state == "open")
    services = "service" if len(callers) == 1 else "services"
    told = (
        f"{len(cut)} of {len(callers)} {services} {'is' if len(cut) == 1 else 'are'} cut off from it: {', '.join(cut)}."
    )
    assert one(r'<b class="cut-words">(.*?)</b>', page) == (told if cut else "Nobody is cut off from it.")


def _week(client: Client, books: dict[tuple[str, str], Books], now: datetime) -> None:
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    page = text_of(client, f"/alerts/week/?from={monday:%Y-%m-%d}")
    found = re.findall(r'<th scope="row">(\w+)</th>\s*<td class="number">(.*?)</td><td class="number">(.*?)</td>', page)
    trips: Counter[str] = Counter()
    tripped: dict[str, set[str]] = defaultdict(set)
    for (service, name), book in books.items():
        begun = [trip for trip in book.trips if trip[0] >= monday]
        trips[service] += len(begun)
        if begun:
            tripped[service].add(name)
    assert found == [(team, str(trips[team]), str(len(tripped[team]))) for team in sorted(trips) if trips[team]]
