"""An operator's orders: applied once, held, read back, put back, answered always."""

import threading
import time

import pybreaker
import pytest
from calls import fails, let_it_probe, try_call, works

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

    assert board.result(board.order("release"))["detail"] == "released, and open"
    assert settings_of(breaker) == before
    assert breaker.call(works) == "parcel"  # the next call is the trial
    assert reporter.flush()
    assert board.changes()[1:] == [("forced_open", "open"), ("open", "half_open"), ("half_open", "closed")]


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
    assert told == [{"failure_threshold": 3, "reset_timeout_ms": 60_000, "success_threshold": 1}]
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


def test_every_command_ends_in_the_state_read_back(board, reporter, breaker):
    seen = []
    for action in ("force_open", "release", "probe", "force_closed", "disable", "reset"):
        board.result(board.order(action))
        seen.append(board.state("tracking"))  # buffered before the result, so posted before it
    assert seen == ["forced_open", "open", "half_open", "forced_closed", "disabled", "closed"]


def test_reset_is_real(board, reporter, breaker):
    try_call(breaker, fails, 3)
    assert board.result(board.order("reset"))["detail"] == "closed, and its counts cleared"
    try_call(breaker, fails, 2)
    assert reporter.flush()
    assert board.changes() == [("closed", "open"), ("open", "closed")]
    assert len(board.of("reset")) == 1


def test_reset_ends_a_force(board, reporter, breaker):
    board.result(board.order("force_open"))
    board.result(board.order("reset"))
    assert (breaker.current_state, breaker.reset_timeout) == ("closed", 60)
    assert board.changes() == [("closed", "forced_open"), ("forced_open", "closed")]


def test_probe_lets_the_next_call_try(board, reporter, breaker):
    try_call(breaker, fails, 3)
    assert board.result(board.order("probe"))["status"] == "applied"
    assert breaker.call(works) == "parcel"
    assert reporter.flush()
    assert board.changes() == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (None, "the circuit is closed: nothing to probe"),
        ("disable", "the circuit is disabled: nothing to probe"),
        ("force_closed", "the circuit is forced closed: nothing to probe"),
        ("force_open", "the circuit is forced open: release it first"),
    ],
)
def test_probe_says_why_it_cannot(board, reporter, breaker, first, says):
    if first:
        board.result(board.order(first))
    answer = board.result(board.order("probe"))
    assert (answer["status"], answer["detail"]) == ("failed", says)


def test_release_of_nothing_is_applied(board, reporter, breaker):
    assert board.result(board.order("release")) == {
        "instance": "orders-1",
        "status": "applied",
        "detail": "nothing was forced",
    }


def test_a_command_seen_twice_is_applied_once_and_answered_twice(board, reporter, breaker):
    opened = []
    breaker.add_listener(Watching(opened))
    command = board.order("force_open")
    first = board.result(command)
    board.until(lambda: not reporter._crew.poster._results)  # and knows that it was heard
    board.deliver_again(command, action="force_open")
    board.until(lambda: len(board.results) == 2)
    assert board.results[1] == (command, first)
    assert opened == ["open"]


def test_an_expired_command_is_refused(board, reporter, breaker):
    answer = board.result(board.order("force_open", expires_at="2020-01-01T00:00:00.5Z"))
    assert answer["status"] == "failed"
    assert answer["detail"] == "the command expired at 2020-01-01T00:00:00.500Z, before it came here"
    assert breaker.current_state == "closed"


def test_an_unknown_breaker_and_an_unknown_action_are_refused(board, reporter, breaker):
    unknown = board.result(board.order("reset", breaker="stock"))
    assert (unknown["status"], unknown["detail"]) == ("failed", "no breaker 'stock' is attached in this instance")
    odd = board.result(board.order("explode"))
    assert (odd["status"], odd["detail"]) == ("failed", "this client does not know the action 'explode'")


def test_commands_come_with_the_answer_to_a_post(board, make_reporter, breaker):
    command = board.order("force_open", by="post")
    try_call(breaker, works)
    assert board.result(command)["status"] == "applied"


def test_a_command_for_another_instance_is_left_alone(board, reporter, breaker):
    board.order("force_open", instance="orders-2")
    board.result(board.order("release"))
    assert breaker.current_state == "closed"
    assert len(board.results) == 1


def test_a_slow_call_delays_only_its_own_command(board, reporter, breaker):
    inside, go_on = threading.Event(), threading.Event()
    other = pybreaker.CircuitBreaker(name="stock")
    reporter.attach(other)

    def slow():
        inside.set()
        go_on.wait(10)

    thread = threading.Thread(target=breaker.call, args=(slow,))
    thread.start()
    inside.wait(10)
    waits = board.order("force_open")
    assert board.result(board.order("force_open", breaker="stock"))["status"] == "applied"
    other.close()
    board.until(lambda: ("forced_open", "closed") in board.changes("stock"))  # posts go on
    assert [command for command, _ in board.results if command == waits] == []
    go_on.set()
    thread.join()
    assert board.result(waits)["status"] == "applied"
    assert board.changes("tracking") == [("closed", "forced_open")]


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


def test_half_applied_is_put_back_and_says_so(board, reporter, breaker):
    def objects(*args):
        raise RuntimeError("the host's listener objects")

    breaker.add_listener(Watching([], objects))
    answer = board.result(board.order("force_open"))
    assert answer["status"] == "failed"
    assert answer["detail"] == "pybreaker 1.4.1: RuntimeError: the host's listener objects"
    assert (breaker.current_state, breaker.reset_timeout) == ("closed", 60)
    board.until(lambda: board.state("tracking") == "closed")
    assert board.changes()[-1][1] == "closed"


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
    assert board.changes()[1] == ("forced_open", "open")
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


def test_a_probe_of_half_open_changes_nothing(board, reporter, breaker):
    breaker.open()
    let_it_probe(breaker)
    for _ in range(2):
        assert board.result(board.order("probe"))["status"] == "applied"
    assert board.changes() == [("closed", "open"), ("open", "half_open")]


class Watching(pybreaker.CircuitBreakerListener):
    def __init__(self, seen, then=lambda *args: None):
        self.seen, self.then = seen, then

    def state_change(self, cb, old_state, new_state):
        self.seen.append(new_state.name)
        self.then()
