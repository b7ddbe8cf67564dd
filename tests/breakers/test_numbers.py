"""What the numbers of a source say: told against stories of which it is known what was lost and what began anew."""

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from breakers.domain.numbers import MOST_HOLES
from breakers.domain.sources import SourceRow, hear

SECOND = 1_000_000
BEGIN = 1_800_000_000 * SECOND


@dataclass
class Story:
    """The runs of one instance, as posts in the order of their arrival; and what is true of them."""

    posts: list[list[tuple[int, int, str]]] = field(default_factory=list)  # (time, number, type)
    restarts: int = 0
    missing: int = 0


def ordered(chance: random.Random, at: int, count: int) -> list[tuple[int, int]]:
    """As the contract says: numbered from one in the order of time."""
    times = sorted(at + chance.randrange(60 * SECOND) for _ in range(count))
    return [(time, number) for number, time in enumerate(times, 1)]


def sealed(chance: random.Random, at: int, count: int) -> list[tuple[int, int]]:
    """As older clients do: numbered from the clock when an event ends, and dated when it began."""
    ends = sorted(at + chance.randrange(60 * SECOND) for _ in range(count))
    return [(max(at, end - chance.randrange(SECOND)), at // 1_000 + place) for place, end in enumerate(ends)]


def story(seed: int, numbered: str, *, loses: bool, overtakes: bool) -> Story:
    chance, told, at, before = random.Random(seed), Story(), BEGIN, 0
    for run in range(chance.randint(1, 4)):
        events = (ordered if numbered == "ordered" else sealed)(chance, at, chance.randint(6, 80))
        if loses:
            begin, rest = events[:5], events[5:]
            events = begin + [event for event in rest if chance.random() > 0.15]
        posts, place = [events[:5]], 5
        while place < len(events):
            size = chance.randint(1, 9)
            posts.append(events[place : place + size])
            place += size
        if overtakes:
            # The first post of a run comes first; each of the others may overtake two.
            keys = [0.0, *(number + chance.random() * 3 for number in range(1, len(posts)))]
            posts = [post for _, post in sorted(zip(keys, posts, strict=True), key=lambda pair: pair[0])]
        numbers = [number for _, number in events]
        told.missing += max(numbers) - min(numbers) + 1 - len(numbers)
        told.restarts += run > 0
        typed = [[(time, number, "success") for time, number in post] for post in posts]
        if overtakes and before > 1 and chance.random() < 0.5:
            # What the run before it posted last comes after this one's first post.
            told.posts[-1:-1] = [typed.pop(0)]
        told.posts += typed
        before = len(posts)
        at += 90 * SECOND
    return told


def heard(told: Story) -> SourceRow:
    row, now = SourceRow(1, "a", BEGIN, BEGIN, 0), BEGIN + 1_000 * SECOND
    for post in told.posts:
        for at, number, kind in sorted(post):
            hear(row, kind, at, at, number, now)
    return row


@settings(max_examples=400)
@given(st.integers(0, 10**9), st.sampled_from(["ordered", "sealed"]), st.booleans(), st.booleans())
def test_missing_and_restarts_are_what_was_lost_and_what_began_anew(
    seed: int, numbered: str, loses: bool, overtakes: bool
) -> None:
    told = story(seed, numbered, loses=loses, overtakes=overtakes)
    row = heard(told)
    assert (row.missing, row.restarts) == (told.missing, told.restarts)


def test_the_stories_hold_what_they_are_about() -> None:
    told = [story(seed, "ordered", loses=True, overtakes=True) for seed in range(50)]
    assert {each.restarts for each in told} == {0, 1, 2, 3}
    assert min(each.missing for each in told) == 0 < 10 < max(each.missing for each in told)
    assert any(post[0] < before[-1] for each in told for before, post in zip(each.posts, each.posts[1:], strict=False))


def test_without_times_of_their_own_numbers_that_overtake_are_no_restart() -> None:
    row = SourceRow(1, "a", 0, 0, 0)
    for second, number in enumerate([1, 2, 6, 7, 4, 3, 5, 8, 1, 2]):
        hear(row, "success", second * SECOND, None, number, second * SECOND)
    assert (row.missing, row.restarts, row.last_sequence) == (0, 1, 2)


def test_what_is_kept_of_the_holes_is_bounded() -> None:
    row = SourceRow(1, "a", 0, 0, 0)
    for number in range(1, 4_000, 2):
        hear(row, "success", number * SECOND, number * SECOND, number, number * SECOND)
    assert row.missing == 1_999
    assert row.numbers.count("[") == MOST_HOLES + 3
    for number in range(3_998, 1, -2):
        hear(row, "success", number * SECOND, number * SECOND, number, 4_000 * SECOND)
    assert (row.missing, row.restarts) == (1_999 - MOST_HOLES, 0)


def test_a_start_after_a_stop_leaves_no_gap_whatever_it_counts_from() -> None:
    row = SourceRow(1, "a", 0, 0, 0)
    for number, kind in (
        (7, "heartbeat"),
        (8, "stopped"),
        (5_000, "heartbeat"),
        (5_001, "stopped"),
        (5_002, "success"),
    ):
        hear(row, kind, number * SECOND, number * SECOND, number, number * SECOND)
    assert (row.missing, row.restarts, row.stopped) == (0, 1, False)
