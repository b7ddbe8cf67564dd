"""An operator's orders: applied once, held, read back, put back, answered always."""

import threading

import pybreaker
import pytest
from calls import fails, let_it_probe, try_call, works

LATER = "2099-01-01T00:00:00Z"


def test_every_command_ends_in_the_state_read_back(board, reporter, breaker):
    seen = []
    for action in ("force_open", "release", "probe", "force_closed", "disable", "reset"):
        board.result(board.order(action))
        seen.append(board.state("tracking"))  # buffered before the result, so posted before it
    assert seen == ["forced_open", "half_open", "half_open", "forced_closed", "disabled", "closed"]


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
