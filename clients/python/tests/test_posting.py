"""Between the buffer and the board: nothing lost that can be kept, nothing sent twice for nothing."""

import logging
import time

import pybreaker
import pytest
from calls import fails, let_it_probe, try_call, works

from breakerboard import Reporter


def statuses(board):
    return [status for status, _ in board.posts]


def ids(board):
    return [event["id"] for event in board.events]


def test_the_board_is_away_for_ten_minutes(board, make_reporter):
    """Ten minutes by the clock of the events: every state change comes through, in order, once."""
    now = [time.time()]
    reporter = make_reporter(now=lambda: now[0], capacity=200, batch=50, backoff_first_s=0.05, backoff_most_s=0.1)
    breakers = [pybreaker.CircuitBreaker(fail_max=1, name=f"b{n}") for n in range(4)]
    for breaker in breakers:
        reporter.attach(breaker)
    assert reporter.flush()
    board.failing = 503
    calls = 0
    for second in range(600):
        now[0] += 1
        for breaker in breakers:
            try_call(breaker, works, 3)
            calls += 3
        if second % 100 == 0:
            try_call(breakers[0], fails)
            let_it_probe(breakers[0])
            try_call(breakers[0], works)
            calls += 2
        assert reporter.stats()["buffered"] <= 200 + 4 * 2  # and what is being added up
    board.until(lambda: 503 in statuses(board))
    board.failing = None
    assert reporter.flush(10)
    assert board.changes("b0") == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")] * 6
    assert len(ids(board)) == len(set(ids(board)))
    dropped = reporter.stats()["dropped"]
    assert dropped > 0
    assert board.count("success", "failure") + dropped == calls
    beat = board.until(lambda: [b for b in board.of("heartbeat") if "dropped" in b["attributes"]])[-1]
    assert beat["attributes"]["dropped"] == dropped


def test_nobody_listens_there(board, make_reporter, caplog):
    board.close()
    reporter = make_reporter()
    breaker = pybreaker.CircuitBreaker()
    reporter.attach(breaker, name="tracking")
    with caplog.at_level(logging.WARNING, "breakerboard"):
        board.until(lambda: reporter.stats()["failed_posts"] > 2)
    assert breaker.call(works) == "parcel"
    assert not reporter.flush(0.05)
    assert "refused" in reporter.stats()["trouble"]
    assert len(caplog.messages) <= 1  # said once


def test_one_bad_event_in_five_hundred(board, make_reporter):
    reporter = make_reporter(gather_s=60, heartbeat_s=60)
    breakers = [pybreaker.CircuitBreaker(name=f"b{n}") for n in range(500)]
    for breaker in breakers:
        reporter.attach(breaker)
    board.refuse = lambda event: event["breaker"] == "b77"
    assert reporter.flush()
    assert statuses(board) == [202]
    assert len(board.events) == 499
    assert reporter.stats()["refused"] == 1
    board.posts.clear()
    assert reporter.flush()
    assert board.posts == []


def test_422_drops_what_it_names(board, reporter, breaker):
    board.refuse = lambda event: event["type"] == "retry"
    reporter.flush()
    reporter.retry("tracking")
    assert reporter.flush()
    assert 422 in statuses(board)
    reporter.fallback("tracking")
    assert reporter.flush()
    assert (board.count("retry"), board.count("fallback")) == (0, 1)


@pytest.mark.parametrize("status", [413, 400])
def test_a_batch_that_is_too_much_is_halved(board, make_reporter, status):
    reporter = make_reporter(gather_s=60, heartbeat_s=60)
    for n in range(64):
        reporter.attach(pybreaker.CircuitBreaker(name=f"b{n}"))
    board.script.extend([(status, {}, {})] * 2)
    assert reporter.flush()
    assert [(code, len(events)) for code, events in board.posts][:3] == [(status, 64), (status, 32), (202, 16)]
    assert len(set(ids(board))) == 64
    assert reporter.stats()["refused"] == 0


def test_a_single_event_that_is_too_much_is_dropped(board, make_reporter):
    reporter = make_reporter(heartbeat_s=60)
    board.script.append((413, {}, {}))
    reporter.attach(pybreaker.CircuitBreaker(name="b"))
    assert reporter.flush()
    assert reporter.stats()["refused"] == 1
    assert board.events == []


def test_the_answer_is_lost(board, reporter, breaker):
    board.until(lambda: board.state("tracking"))
    board.lose_answers = 1
    try_call(breaker, fails, 3)
    board.until(board.changes)
    assert reporter.flush()
    board.until(lambda: reporter.stats()["duplicates"] == 2)
    assert board.count("failure") == 3
    assert board.changes() == [("closed", "open")]


def test_too_many_requests_waits_as_long_as_it_is_told(board, make_reporter):
    reporter = make_reporter(heartbeat_s=60)
    reporter.attach(pybreaker.CircuitBreaker(name="b"))
    assert reporter.flush()
    board.script.append((429, {}, {"Retry-After": "0.3"}))
    began = time.monotonic()
    reporter.retry("b")
    board.until(lambda: board.count("retry") == 1)
    assert time.monotonic() - began >= 0.3
    assert statuses(board)[-2:] == [429, 202]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_tried_again_once_in_a_while(board, make_reporter, status):
    reporter = make_reporter(heartbeat_s=60, refused_s=0.2)
    board.failing = status
    reporter.attach(pybreaker.CircuitBreaker(name="b"))
    board.until(lambda: len(board.posts) == 1)
    began = time.monotonic()
    board.failing = None
    board.until(lambda: board.state("b"))
    assert time.monotonic() - began > 0.1
    assert statuses(board) == [status, 202]
    board.until(lambda: reporter.stats()["trouble"] is None)


@pytest.mark.parametrize("status", [302, 404, 502])
def test_what_a_proxy_answers_for_a_board_that_is_away_is_an_outage(board, make_reporter, status):
    reporter = make_reporter(heartbeat_s=60, refused_s=60)
    board.failing = status
    reporter.attach(pybreaker.CircuitBreaker(name="b"))
    board.until(lambda: len(board.posts) > 3)
    board.failing = None
    board.until(lambda: board.state("b"))


def test_a_board_that_restarts_is_found_again(board, make_reporter):
    """The kept connection is closed between two posts: the next one goes through all the same."""
    reporter = make_reporter(heartbeat_s=60)
    reporter.attach(pybreaker.CircuitBreaker(name="b"))
    assert reporter.flush()
    reporter._crew.poster._connection.abort()
    reporter.retry("b")
    assert reporter.flush()
    assert board.count("retry") == 1
    assert reporter.stats()["failed_posts"] == 0


def test_fifty_thousand_failures_in_a_second(board, make_reporter):
    reporter = make_reporter(
        gather_s=0.05, second_s=1.0, heartbeat_s=60, redact=lambda text: text.replace("10.0.0.7", "…")
    )
    breaker = pybreaker.CircuitBreaker(fail_max=10**9, name="tracking")
    reporter.attach(breaker)
    assert reporter.flush()
    board.posts.clear()
    at = [int(time.time()) + 0.5]
    reporter._buffer._settings = reporter._settings.__class__(gather_s=0.05, now=lambda: at[0])
    adapter, error = reporter._adapters["tracking"], ConnectionError("connection refused by 10.0.0.7")
    began = time.monotonic()
    for _ in range(50_000):
        adapter.call_failed(error)
    took = time.monotonic() - began
    assert reporter.flush()
    assert board.count("failure") == 50_000
    assert len(board.posts) <= 2 + took
    assert {event["error"]["message"] for event in board.of("failure")} == {"connection refused by …"}


def test_a_redact_function_that_raises_sends_no_message(board, make_reporter):
    def redact(text):
        raise KeyError(text)

    reporter = make_reporter(redact=redact)
    breaker = pybreaker.CircuitBreaker(name="b")
    reporter.attach(breaker)
    try_call(breaker, fails)
    assert reporter.flush()
    assert board.of("failure")[0]["error"] == {
        "type": "Refused",
        "message": "(left out: the redact function raised KeyError)",
    }


def test_close_says_stopped_and_leaves_the_breaker_as_it_was(board, reporter, breaker):
    board.result(board.order("force_open"))
    reporter.close()
    assert board.count("stopped") == 1
    assert max(board.events, key=lambda event: event["sequence"])["type"] == "stopped"
    board.until(lambda: breaker.listeners == ())
    assert "call" not in breaker.__dict__
    assert breaker.reset_timeout == 60
    reporter.close()
    assert reporter.flush()


def test_without_an_address_it_does_nothing(monkeypatch):
    monkeypatch.delenv("BREAKERBOARD_URL", raising=False)
    reporter = Reporter()
    breaker = pybreaker.CircuitBreaker(name="b")
    reporter.attach(breaker)
    reporter.retry("b")
    assert breaker.listeners == ()
    assert reporter.flush()
    assert reporter.stats()["buffered"] == 0
    reporter.close()


def test_the_address_and_the_key_come_from_the_environment(board, monkeypatch, make_reporter):
    monkeypatch.setenv("BREAKERBOARD_URL", board.url)
    monkeypatch.setenv("BREAKERBOARD_KEY", "a-key")
    reporter = Reporter()
    reporter.attach(pybreaker.CircuitBreaker(name="b"))
    assert reporter.flush()
    assert board.state("b") == "closed"
    reporter.close()


@pytest.mark.parametrize(("url", "key"), [("board.example.com", "k"), ("http://board.example.com", "")])
def test_a_wrong_address_or_no_key_is_said_at_the_start(url, key, monkeypatch):
    monkeypatch.delenv("BREAKERBOARD_KEY", raising=False)
    with pytest.raises(ValueError):
        Reporter(url, key)
