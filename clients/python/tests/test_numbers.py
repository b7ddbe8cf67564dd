"""Numbers and times: one order over all breakers of an instance, whatever happened on the way."""

import random
import time

import pybreaker
from board import Board
from calls import fails, let_it_probe, try_call, works

from breakerboard import Settings
from breakerboard.board import Answer, Backoff
from breakerboard.buffer import Buffer
from breakerboard.events import Subject


def attached(reporter, count, **options):
    breakers = [pybreaker.CircuitBreaker(name=f"b{number}", fail_max=2, **options) for number in range(count)]
    for breaker in breakers:
        reporter.attach(breaker)
    return breakers


def in_order(board):
    return sorted(board.events, key=lambda event: event["sequence"])


def numbers(board):
    return [event["sequence"] for event in in_order(board)]


def assert_one_order(board):
    """Numbered from one without a hole, in the order of their times, and posted in that order."""
    assert numbers(board) == list(range(1, len(board.events) + 1))
    assert [event["sequence"] for event in board.events] == numbers(board)
    times = [event["occurred_at"] for event in in_order(board)]
    assert times == sorted(times)


def traffic(breakers, seed, steps):
    chance = random.Random(seed)
    for _ in range(steps):
        breaker = chance.choice(breakers)
        if chance.random() < 0.1:
            if breaker.current_state == "open":
                let_it_probe(breaker)
            try_call(breaker, fails, 2)
        else:
            try_call(breaker, works)
        time.sleep(chance.random() * 0.01)


def test_several_breakers_count_in_one_order(board, make_reporter):
    """The counts of one are still open when the state of another changes."""
    reporter = make_reporter(second_s=0.2, heartbeat_s=0.1)
    traffic(attached(reporter, 3), 1, 150)
    assert reporter.flush()
    assert len(board.of("state_change")) > 3
    assert_one_order(board)


def test_an_outage_leaves_no_hole(board, make_reporter):
    """Heartbeats take each other's places while the board is away; none has a number before it is posted."""
    reporter = make_reporter(second_s=0.1, heartbeat_s=0.02)
    breakers = attached(reporter, 3)
    assert reporter.flush()
    board.failing = 503
    traffic(breakers, 2, 150)
    assert [status for status, _ in board.posts].count(503) > 3
    board.failing = None
    assert reporter.flush()
    assert_one_order(board)


def test_what_is_dropped_leaves_its_number_out(board, make_reporter):
    reporter = make_reporter(second_s=0.02, heartbeat_s=60, capacity=20, batch=5)
    breakers = attached(reporter, 2)
    assert reporter.flush()
    board.failing = 503
    now = [time.time()]
    reporter._buffer._settings = Settings(now=lambda: now[0], capacity=20)
    for _ in range(100):
        now[0] += 1
        for breaker in breakers:
            try_call(breaker, works)
    board.until(lambda: 503 in [status for status, _ in board.posts])
    board.failing = None
    assert reporter.flush()
    dropped = reporter.stats()["dropped"]
    assert dropped > 100
    assert max(numbers(board)) - len(board.events) == dropped
    times = [event["occurred_at"] for event in in_order(board)]
    assert times == sorted(times)


def test_counts_of_an_outage_keep_their_times(board, make_reporter):
    """One call, then nothing: its count is dated when it was made, not when the board came back."""
    now = [1_800_000_000.0]
    reporter = make_reporter(now=lambda: now[0], heartbeat_s=60)
    quiet, busy = attached(reporter, 2)
    assert reporter.flush()
    board.failing = 503
    now[0] += 1
    try_call(quiet, works)
    for _ in range(30):
        now[0] += 1
        try_call(busy, works)
    board.until(lambda: 503 in [status for status, _ in board.posts])
    board.failing = None
    assert reporter.flush()
    [once] = board.of("success", breaker="b0")
    assert once["occurred_at"][:19] == "2027-01-15T08:00:01"
    assert [event["occurred_at"][17:19] for event in board.of("success", breaker="b1")] == [
        f"{second:02d}" for second in range(2, 32)
    ]
    assert_one_order(board)


def test_a_clock_set_back_goes_on_until_it_is_right():
    now = [1_000_000.0]
    buffer = Buffer(Settings(now=lambda: now[0]), "i", lambda: None)
    subject = Subject("b", "d")
    at = []
    for step in (0, 1, -30, 0, 0, 40):
        now[0] += step
        buffer.single(subject, "retry", {})
        time.sleep(0.02)
    taken = buffer.take(10, buffer.mark())
    at = [event["occurred_at"] for _, event in taken]
    assert at == sorted(set(at))  # later each time, though the clock was not
    assert at[-1] == "1970-01-12T13:46:51.000Z"  # and right as soon as the clock is


def test_one_that_was_taken_comes_again_as_it_was(board):
    buffer = Buffer(Settings(), "i", lambda: None)
    subject = Subject("b", "d")
    buffer.beat(subject, {"state": "closed"})
    first = buffer.take(10, buffer.mark())
    buffer.beat(subject, {"state": "open"})
    assert buffer.take(10, buffer.mark()) == first
    buffer.done(first)
    [(sequence, event)] = buffer.take(10, buffer.mark())
    assert (sequence, event["state"]) == (2, "open")


def test_after_an_outage_the_board_hears_of_it_within_ten_seconds():
    """Whatever it was: refused at once, swallowed until the limit, told to come later."""
    settings = Settings()
    for answer in (None, Answer(503, {}, None), Answer(502, {}, None), Answer(404, {}, None), Answer(503, {}, 2.0)):
        backoff = Backoff(settings)
        pauses = [backoff.pause_s(answer) for _ in range(400)]
        assert max(pauses) <= 10
        late = sorted(pauses[10:])
        # Full jitter: a thousand that were cut off together come back one by one.
        assert late[-1] - late[0] > 0.8 * settings.backoff_most_s
    backoff = Backoff(settings)
    assert max(settings.read_s + backoff.pause_s(None, settings.read_s) for _ in range(400)) <= 10


def test_a_wait_that_was_asked_for_is_kept():
    backoff = Backoff(Settings())
    pauses = [backoff.pause_s(Answer(429, {}, 30.0)) for _ in range(100)]
    assert min(pauses) >= 30 and max(pauses) > 31


def test_the_next_run_of_an_instance_counts_from_one(make_reporter):
    board = Board()
    for _ in range(2):
        reporter = make_reporter(url=board.url, instance="the-same")
        attached(reporter, 1)
        reporter.close()
    board.close()
    starts = [event["sequence"] for event in board.events if event["type"] in ("heartbeat", "stopped")]
    assert starts == [1, 2, 1, 2]
