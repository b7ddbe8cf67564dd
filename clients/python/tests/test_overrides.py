"""Overrides: held against the traffic and the clock, put back as they were, ended by the host's own hand."""

import threading
import time

import pybreaker
import pytest
from calls import fails, try_call, works

from breakerboard.events import moment_of, stamp

LATER = "2099-01-01T00:00:00Z"


def settings_of(breaker):
    return breaker.fail_max, breaker.reset_timeout, breaker.success_threshold


def test_force_open_holds_and_release_restores(board, reporter, make_reporter):
    breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=0.02)
    before = settings_of(breaker)
    reporter.attach(breaker, name="tracking")
    answer = board.result(board.order("force_open", until=LATER))
    assert answer == {
        "instance": "orders-1",
        "status": "applied",
        "detail": "forced open until 2099-01-01T00:00:00.000Z",
    }
    held_until = time.monotonic() + 3 * 0.02
    while time.monotonic() < held_until:
        try_call(breaker, works)
    assert reporter.flush()
    assert board.changes() == [("closed", "forced_open")]
    assert board.of("state_change")[0]["reason"] == {"metric": "manual", "text": "force_open ordered by ada: a drill"}
    assert board.of("success") == [] and board.count("rejected") > 0

    assert board.result(board.order("release"))["detail"] == "released, and half-open"
    assert settings_of(breaker) == before
    assert breaker.call(works) == "parcel"  # the next call is the trial
    assert reporter.flush()
    assert board.changes()[1:] == [("forced_open", "half_open"), ("half_open", "closed")]


def test_force_closed_holds_and_one_failure_after_release_does_not_open(board, reporter, breaker):
    before = settings_of(breaker)
    breaker.open()
    assert board.result(board.order("force_closed"))["status"] == "applied"
    try_call(breaker, fails, 20)
    assert reporter.flush()
    assert board.changes() == [("closed", "open"), ("open", "forced_closed")]
    assert board.count("failure") == 20
    assert board.result(board.order("release"))["detail"] == "released, and closed"
    assert settings_of(breaker) == before
    try_call(breaker, fails)
    assert breaker.current_state == "closed"
    try_call(breaker, fails, 2)
    assert reporter.flush()
    assert board.changes()[2:] == [("forced_closed", "closed"), ("closed", "open")]


def test_settings_told_under_an_override_are_the_breakers_own(board, reporter, breaker):
    for action in ("force_open", "force_closed"):
        assert board.result(board.order(action))["status"] == "applied"
    assert reporter.flush()
    told = [beat["config"] for beat in board.of("heartbeat") if "config" in beat]
    own = {"failure_threshold": 3, "reset_timeout_ms": 60_000, "success_threshold": 1}
    assert told and all(config == own for config in told)
    assert breaker.reset_timeout == 60


def test_disable_passes_everything_and_counts_nothing(board, reporter, breaker):
    assert board.result(board.order("disable"))["status"] == "applied"
    for _ in range(9):
        with pytest.raises(ConnectionError):
            breaker.call(fails)
    with breaker.calling():
        assert breaker.call(works) == "parcel"
    assert reporter.flush()
    assert board.changes() == [("closed", "disabled")]
    assert board.of("failure", "success") == []
    assert board.result(board.order("release"))["detail"] == "released, and closed"
    try_call(breaker, fails, 3)
    assert reporter.flush()
    assert board.changes()[1:] == [("disabled", "closed"), ("closed", "open")]


def test_a_call_under_way_when_disabled_does_not_end_it(board, reporter, breaker):
    inside, go_on = threading.Event(), threading.Event()
    try_call(breaker, fails, 2)

    def hangs_then_fails():
        inside.set()
        go_on.wait(10)
        fails()

    thread = threading.Thread(target=try_call, args=(breaker, hangs_then_fails))
    thread.start()
    inside.wait(10)
    assert board.result(board.order("disable"))["status"] == "applied"  # without the lock that the call holds
    go_on.set()
    thread.join()
    assert reporter.flush()
    assert board.changes() == [("closed", "disabled")]
    assert board.result(board.order("release"))["detail"] == "released, and open"


def test_the_hosts_own_close_ends_a_force_and_is_told(board, reporter, breaker):
    board.result(board.order("force_open"))
    breaker.close()
    assert reporter.flush()
    assert board.changes() == [("closed", "forced_open"), ("forced_open", "closed")]
    assert settings_of(breaker) == (3, 60, 1)
    board.result(board.order("force_closed"))
    breaker.open()
    assert reporter.flush()
    assert board.changes()[2:] == [("closed", "forced_closed"), ("forced_closed", "open")]
    assert settings_of(breaker) == (3, 60, 1)


def test_a_setting_that_the_host_changed_meanwhile_is_kept(board, reporter, breaker):
    board.result(board.order("force_open"))
    breaker.reset_timeout = 5
    board.result(board.order("release"))
    assert breaker.reset_timeout == 5


def test_a_lease_that_nobody_ends_ends_itself(board, make_reporter):
    now = [time.time()]
    reporter = make_reporter(now=lambda: now[0], lease_grace_s=30, heartbeat_s=0.05)
    breaker = pybreaker.CircuitBreaker(reset_timeout=60)
    reporter.attach(breaker, name="tracking")
    until = stamp(now[0] + 1800)
    board.result(board.order("force_open", until=until))
    now[0] = moment_of(until) + 29
    beats = len(board.of("heartbeat"))
    board.until(lambda: len(board.of("heartbeat")) > beats + 2)
    assert board.changes() == [("closed", "forced_open")]
    now[0] += 2
    board.until(lambda: len(board.changes()) == 2)
    assert board.changes()[1] == ("forced_open", "half_open")  # no opening: nothing opened
    reason = board.of("state_change")[1]["reason"]["text"]
    assert reason == f"release ordered by lease: it ended at {until} and no release came"
    assert breaker.reset_timeout == 60


def test_an_override_without_an_end_gets_one(board, make_reporter):
    reporter = make_reporter(lease_s=0.1, lease_grace_s=0.05, heartbeat_s=0.05)
    breaker = pybreaker.CircuitBreaker()
    reporter.attach(breaker, name="tracking")
    board.result(board.order("disable"))
    board.until(lambda: board.changes() == [("closed", "disabled"), ("disabled", "closed")])


def test_a_new_override_takes_the_place_of_the_old(board, reporter, breaker):
    for action in ("force_open", "force_closed", "disable", "force_open"):
        board.result(board.order(action))
    assert settings_of(breaker)[::2] == (3, 1)
    board.result(board.order("reset"))
    assert settings_of(breaker) == (3, 60, 1)
    assert [after for _, after in board.changes()] == [
        "forced_open",
        "forced_closed",
        "disabled",
        "forced_open",
        "closed",
    ]
