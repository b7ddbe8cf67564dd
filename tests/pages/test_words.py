"""Words and faces: right by themselves, and the same in the browser as on the server."""

import json
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from breakers.domain.rates import rate
from breakers.domain.states import State
from breakers.queries.shapes import Card, Details, EventView, PathCount, Span, Wanted
from dashboard.pages import words
from dashboard.pages.diagram import diagram
from dashboard.pages.faces import face
from dashboard.pages.said import event_detail, evidence_words
from tests.nodejs import node_and_npm

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
# Says what the browser's modules make of each case.
ASK = """
import { readFileSync } from "node:fs"
const { face } = await import(process.argv[1] + "/face.js")
const { diagram } = await import(process.argv[1] + "/diagram.js")
const { eventDetail, evidenceWords } = await import(process.argv[1] + "/said.js")
const words = await import(process.argv[1] + "/words.js")
const { now, cards, pages, numbers, counts, events, evidence } = JSON.parse(readFileSync(0))
console.log(JSON.stringify({
  cards: cards.map((card) => face(card, now)),
  pages: pages.map((page) => diagram(page, now)),
  numbers: numbers.map((n) => [
    words.age(n), words.whole(n), words.tenths(n), words.short(n), words.perSecond(n), words.percent(n), words.lasted(n), words.minutes(n),
    words.length(n),
  ]),
  counts: counts.map((each) => [words.wallSentence(each, false), words.wallSentence(each, true)]),
  events: events.map(eventDetail),
  evidence: evidence.map(evidenceWords),
}))
"""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 m"), (252, "4 m 12 s"), (3_600, "1 h"), (3_660, "1 h 1 m"),
        (86_400, "1 d"), (100_000, "1 d 3 h"),
    ],
)  # fmt: skip
def test_ages_say_their_two_largest_units(seconds: float, said: str) -> None:
    assert words.age(seconds) == said


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "No breakers yet."),
        ({"closed": 1}, "The one breaker is closed."),
        ({"closed": 1_214}, "All 1,214 closed."),
        (
            {"open": 2, "half_open": 1, "forced_closed": 1, "stale": 3, "closed": 207},
            "2 open, 1 testing, 1 forced, 3 stale, of 214.",
        ),
    ],
)
def test_the_wall_in_one_sentence(counts: dict[str, int], said: str) -> None:
    assert words.sentence(counts) == said


def test_a_search_that_finds_nothing_is_no_empty_board() -> None:
    assert words.wall_sentence({}, filtered=True) == "No breaker matches."
    assert words.wall_sentence({}, filtered=False) == "No breakers yet."
    assert words.wall_sentence({"closed": 2}, filtered=True) == "All 2 closed."


def test_every_state_has_a_word_and_a_glyph() -> None:
    glyphs = (ROOT / "templates" / "_glyphs.html").read_text()
    for state in State:
        assert words.word(state) != state
        assert f'id="g-{state}"' in glyphs
        assert f'id="s-{state}"' in glyphs


def test_a_short_opening_is_still_seen_on_the_strip() -> None:
    at = iso(NOW - timedelta(minutes=5))
    card = a_card(
        random.Random(1),
        strip=[Span("closed", iso(NOW - timedelta(hours=1)), at), Span("open", at, at), Span("closed", at)],
    )
    last = face(card, NOW).strip[-1]
    assert (last.state, last.width, last.height) == ("open", 6, 10)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "not open"),
        ([("open", 600)], "1 opening"),
        # A failed probe is no trip.
        ([("open", 600), ("half_open", 590), ("open", 588), ("half_open", 500), ("open", 499)], "1 opening"),
        ([("open", 600), ("closed", 590), ("open", 588), ("closed", 500)], "2 openings"),
        ([("open", 1_000)], "an outage from before"),
        ([("open", 1_000), ("closed", 950)], "not open"),
        ([("open", 1_000), ("half_open", 800), ("open", 790), ("closed", 700), ("open", 600)], "an outage from before, 1 opening"),
        ([("open", 600), ("stale", 500), ("open", 400)], "1 opening"),
    ],
)  # fmt: skip
def test_the_strip_says_how_often_it_tripped(steps: list[tuple[str, int]], said: str) -> None:
    told = [("closed", 2_000), *steps]
    at = [iso(NOW - timedelta(seconds=ago)) for _, ago in told]
    strip = [Span(state, one, other) for (state, _), one, other in zip(told, at, [*at[1:], None], strict=True)]
    assert face(a_card(random.Random(1), strip=strip), NOW).strip_label == f"Last 15 minutes: {said}"


@pytest.mark.parametrize(
    ("part", "of", "told", "said"),
    [
        (0, 0, None, "–"), (0, 9, 0.0, "0.0 %"), (9, 9, 100.0, "100.0 %"), (1, 3, 33.3, "33.3 %"), (1, 5_000, 0.02, "<0.1 %"),
        (4_999, 5_000, 99.98, ">99.9 %"), (1, 3_000_000, 0.000033, "<0.1 %"), (1, 1_000, 0.1, "0.1 %"),
    ],
)  # fmt: skip
def test_a_rate_is_nothing_of_none_and_all_of_all_alone(part: int, of: int, told: float | None, said: str) -> None:
    assert rate(part, of) == told
    assert words.percent(rate(part, of)) == said


@pytest.mark.parametrize(
    ("words_of", "cases"),
    [
        (words.per_second, {0: "0/s", 1: "<0.1/s", 3: "0.1/s", 600: "10/s"}),
        (
            words.lasted,
            {None: "–", 0: "0.0 s", 0.0004: "1 ms", 0.04: "40 ms", 0.4: "0.4 s", 9.3: "9.3 s", 252: "4 m 12 s"},
        ),
        (words.minutes, {0: "0 min", 2: "<0.1 min", 24: "0.4 min", 700: "12 min"}),
    ],
)
def test_what_is_little_is_not_nothing(words_of: Any, cases: dict[Any, str]) -> None:
    assert {value: words_of(value) for value in cases} == cases


@pytest.mark.parametrize(
    ("part", "of", "said"), [(24, 1_200, "0.02"), (1, 3, "0.33"), (1, 2, "0.5"), (320, 100, "3.2"), (0, 9, "0")]
)
def test_so_many_for_each_say_more_than_none(part: int, of: int, said: str) -> None:
    assert words.ratio(part, of) == said


@pytest.mark.parametrize(
    ("instances", "said"),
    [
        ({"forced_closed": 3}, ""),
        ({"forced_closed": 17, "open": 2, "stale": 1}, "not seen at 3 of 20 instances"),
        ({"closed": 1}, "not seen at 1 of 1 instance"),
        ({}, ""),
    ],
)
def test_what_is_wanted_and_not_seen_is_said(instances: dict[str, int], said: str) -> None:
    wanted = Wanted("force_closed", iso(NOW), "ana")
    card = msgspec.structs.replace(a_card(random.Random(1)), instances=instances, wanted=wanted)
    assert face(card, NOW).unmet == said


def test_the_browser_says_the_same() -> None:
    dice = random.Random(11)
    cards = [a_card(dice) for _ in range(400)]
    pages = [a_page(dice) for _ in range(200)]
    numbers = [
        *(dice.uniform(0, 10 ** dice.randrange(1, 7)) for _ in range(300)),
        *(n / 4 for n in range(80)),
        *(n / 1_000 for n in range(1, 120)),
        *(99.9 + n / 1_000 for n in range(101)),
        *range(0, 700, 3),
    ]
    counts = [{state: dice.randrange(3) * dice.randrange(2_000) for state in State} for _ in range(50)] + [
        {},
        {"closed": 1},
    ]
    events = [an_event(dice) for _ in range(60)]
    evidence = [
        {"instances": 3, "calls": 895, "failures": 2, "watched_s": 60},
        {"instances": 1, "calls": 1, "failures": 1, "reopened_after_s": 9},
        {"calls": 5000, "failures": 1},
        {"calls": 5000, "failures": 4999},
        {"calls": 40, "failures": 0},
        {"calls": 0, "failures": 0},
        None,
    ]
    heard = ask(
        {
            "now": NOW.timestamp() * 1000,
            "cards": cards,
            "pages": pages,
            "numbers": numbers,
            "counts": counts,
            "events": events,
            "evidence": evidence,
        }
    )
    for card, told in zip(cards, heard["cards"], strict=True):
        assert told == as_told(face(card, NOW)), card
    for page, told in zip(pages, heard["pages"], strict=True):
        assert told == drawn(page), page
    said = [
        [
            words.age(n), words.whole(n), words.tenths(n), words.short(n), words.per_second(n), words.percent(n), words.lasted(n),
            words.minutes(n), words.length(n),
        ]
        for n in numbers
    ]  # fmt: skip
    assert heard["numbers"] == said
    assert heard["counts"] == [[words.wall_sentence(each, filtered=of) for of in (False, True)] for each in counts]
    assert heard["events"] == [event_detail(event) for event in events]
    assert heard["evidence"] == [evidence_words(each) for each in evidence]
    assert heard["evidence"] == [
        "895 calls over 3 instances, 2 failed (0.2 %), watched for 1 m",
        "re-opened after 9 s, 1 call, 1 failed",
        "5,000 calls, 1 failed (under 0.1 %)",
        "5,000 calls, 4,999 failed (over 99.9 %)",
        "40 calls, 0 failed",
        "0 calls",
        "",
    ]


def ask(cases: dict[str, Any]) -> Any:
    helpers = (ROOT / "static" / "js" / "helpers").as_uri()
    command = [node_and_npm()[0], "--input-type=module", "-e", ASK, helpers]
    answer = subprocess.run(command, input=msgspec.json.encode(cases), capture_output=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr.decode()
    return json.loads(answer.stdout)


def as_told(shown: Any) -> dict[str, Any]:
    """A face in the browser's spelling."""
    return {
        **{
            name: getattr(shown, name)
            for name in (
                "id",
                "version",
                "state",
                "word",
                "name",
                "service",
                "dependency",
                "error",
                "silenced",
                "unmet",
                "rule",
            )
        },
        "second": second(shown.second),
        "numbers": [{"value": number.value, "caption": number.caption} for number in shown.numbers],
        "strip": [
            {"state": bar.state, "x": bar.x, "y": bar.y, "width": bar.width, "height": bar.height}
            for bar in shown.strip
        ],
        "stripLabel": shown.strip_label,
    }


def drawn(page: Details) -> dict[str, Any]:
    """A diagram in the browser's spelling."""
    shown = diagram(page, NOW)

    def node(each: Any) -> dict[str, Any]:
        return {"state": each.state, "word": each.word, "now": each.now, "second": second(each.second)}

    return {
        "nodes": [node(each) for each in shown.nodes],
        "extra": node(shown.extra) if shown.extra else None,
        "arrows": [
            {
                "from": arrow.from_state,
                "to": arrow.to_state,
                "count": arrow.count,
                "rule": arrow.rule,
                "lastAt": arrow.last_at,
                "newest": arrow.newest,
            }
            for arrow in shown.arrows
        ],
        "ring": {"percent": shown.ring.percent, "text": shown.ring.text} if shown.ring else None,
        "description": shown.description,
    }


def second(line: Any) -> dict[str, str]:
    return {"before": line.before, "at": line.at, "after": line.after}


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(dice: random.Random, most_s: float = 5_000) -> str:
    return iso(NOW - timedelta(milliseconds=dice.randrange(int(most_s * 1000))))


def a_card(dice: random.Random, strip: list[Span] | None = None) -> Card:
    state = dice.choice(list(State)).value
    calls = dice.choice([0, 15, 600, dice.randrange(90_000)])
    marks = sorted(ago(dice, 1_400) for _ in range(dice.randrange(6)))
    spans = [
        Span(dice.choice(list(State)).value, one, other)
        for one, other in zip(["2026-11-23T07:00:00.000Z", *marks], [*marks, None], strict=True)
    ]
    return Card(
        id=str(dice.randrange(999)),
        version=dice.randrange(999),
        service="orders",
        name=dice.choice(["delivery-tracking", "<b>", "ünïcode"]),
        dependency="tracking-api",
        state=state,
        reported_state=dice.choice([None, "closed", "open"]),
        since=ago(dice, 300_000),
        headline="any",
        instances={each.value: dice.randrange(3) for each in dice.sample(list(State), 3)},
        wanted=dice.choice([None, Wanted("force_open", dice.choice([None, ago(dice)]), dice.choice([None, "ana"]))]),
        calls_1m=calls,
        failures_1m=0,
        rejected_1m=dice.randrange(3_000),
        failure_rate_1m=dice.choice([None, 0.0, 12.25, dice.uniform(0, 100)]),
        failure_rate_threshold=dice.choice([None, 50, 33.333]),
        next_probe_at=dice.choice([None, ago(dice), iso(NOW + timedelta(seconds=dice.randrange(90)))]),
        last_error_type=dice.choice([None, "ConnectTimeout"]),
        last_event_at=dice.choice([None, ago(dice)]),
        strip_15m=spans if strip is None else strip,
        incident=None,
        labels={},
        silenced_until=dice.choice([None, ago(dice)]),
    )


def a_page(dice: random.Random) -> Details:
    steps = [
        ("closed", "open"),
        ("open", "half_open"),
        ("half_open", "closed"),
        ("half_open", "open"),
        ("open", "closed"),
    ]
    names = [
        "failure_rate_threshold",
        "minimum_calls",
        "failure_threshold",
        "window_ms",
        "reset_timeout_ms",
        "success_threshold",
    ]
    values: list[object] = [5, 30_000, 0.5, "x", None, -1, True]
    return Details(
        card=a_card(dice),
        instances=[],
        paths=[
            PathCount(*step, dice.randrange(1, 2_000), ago(dice, 80_000))
            for step in dice.sample(steps, dice.randrange(5))
        ],
        config={name: dice.choice(values) for name in dice.sample(names, dice.randrange(7))},
        opened_reason=None,
        last_probe_failed_at=None,
    )


def an_event(dice: random.Random) -> EventView:
    return EventView(
        id="1",
        type="failure",
        instance="a",
        occurred_at=iso(NOW),
        received_at=iso(NOW),
        count=1,
        duration_ms=dice.choice([None, 12, 1003.25]),
        to_state=dice.choice([None, "open"]),
        from_state=dice.choice([None, "closed"]),
        error=dice.choice([None, {"type": "E", "message": None}, {"type": "E", "message": "m"}]),
        reason=dice.choice([None, "why", {"text": "t"}, {"metric": "probe"}, {}]),
        sequence=None,
        attributes=None,
    )
