"""What a pybreaker does is what the board is told: each thing once, in order."""

import logging
import threading
import traceback

import pybreaker
import pytest
from calls import Refused, fails, let_it_probe, times_out, try_call, works


def test_opens_once(board, reporter, breaker):
    try_call(breaker, fails, 3)
    board.until(board.changes)
    assert board.count("failure") == 3
    assert board.changes() == [("closed", "open")]
    (failures,), (opening,) = board.of("failure"), board.of("state_change")
    assert failures["sequence"] < opening["sequence"]
    assert failures["occurred_at"] <= opening["occurred_at"]
    assert failures["error"] == {"type": "Refused", "message": "connection refused by 10.0.0.7"}
    assert sum(failures["durations"]) == 3
    assert 0 < failures["duration_ms"] <= failures["duration_max_ms"]
    assert opening["reason"] == {
        "metric": "consecutive_failures",
        "value": 3,
        "threshold": 3,
        "text": "3 consecutive failures; 3 open the circuit",
    }
    assert opening["dependency"] == "tracking-api"
    assert opening["instance"] == "orders-1"
    assert reporter.flush()
    assert board.of("rejected") == []


def test_an_opening_says_when_it_means_to_probe(board, reporter, breaker, make_reporter):
    from breakerboard.events import moment_of

    try_call(breaker, fails, 3)
    (opening,) = board.until(lambda: board.of("state_change"))
    assert moment_of(opening["next_probe_at"]) - moment_of(opening["occurred_at"]) == pytest.approx(60, abs=0.1)


def test_rejections_are_counted(board, reporter, breaker):
    ran = []
    try_call(breaker, fails, 3)
    for _ in range(7):
        with pytest.raises(pybreaker.CircuitBreakerError, match="still open"):
            breaker.call(ran.append, 1)
    assert reporter.flush()
    assert board.count("rejected") == 7
    assert ran == []


def test_full_cycle(board, reporter, breaker):
    try_call(breaker, fails, 3)
    let_it_probe(breaker)
    try_call(breaker, fails)
    let_it_probe(breaker)
    try_call(breaker, works)
    assert reporter.flush()
    assert board.changes() == [
        ("closed", "open"),
        ("open", "half_open"),
        ("half_open", "open"),
        ("open", "half_open"),
        ("half_open", "closed"),
    ]
    reasons = [event["reason"]["metric"] for event in board.of("state_change")]
    assert reasons == ["consecutive_failures", "probe", "probe", "probe", "probe"]
    assert (board.count("failure"), board.count("success"), board.count("rejected")) == (4, 1, 0)
    sequences = [event["sequence"] for event in board.events if event["type"] != "heartbeat"]
    assert sequences == sorted(sequences)


def test_no_repeats(board, reporter, breaker):
    breaker.close()
    breaker.open()
    breaker.open()
    breaker.close()
    breaker.close()
    assert reporter.flush()
    assert board.changes() == [("closed", "open"), ("open", "closed")]
    assert board.of("state_change")[0]["reason"] == {"metric": "manual", "text": "open by the program itself"}


def test_attached_while_open(board, reporter):
    breaker = pybreaker.CircuitBreaker(name="stock")
    breaker.open()
    reporter.attach(breaker)
    (first, *_) = board.until(lambda: board.of("heartbeat"))
    assert (first["state"], first["breaker"], first["dependency"]) == ("open", "stock", "stock")
    breaker.close()
    assert reporter.flush()
    assert board.changes() == [("open", "closed")]


def test_the_first_heartbeat_tells_all_and_the_next_only_what_changed(board, reporter, breaker):
    first, second, *_ = board.until(lambda: board.of("heartbeat")[1:] and board.of("heartbeat"))
    assert first["config"] == {"failure_threshold": 3, "reset_timeout_ms": 60_000, "success_threshold": 1}
    assert first["labels"] == {"team": "delivery"}
    assert (first["library"], first["library_version"]) == ("pybreaker", "1.4.1")
    assert first["commands"] == ["probe", "reset", "force_open", "force_closed", "disable", "release"]
    assert first["attributes"] == {"failure_count": 0, "storage": "memory"}
    assert first["interval_s"] == 1
    assert "config" not in second
    breaker.fail_max = 4
    changed = board.until(lambda: [beat for beat in board.of("heartbeat")[2:] if "config" in beat])
    assert changed[0]["config"]["failure_threshold"] == 4


def test_one_outcome_for_a_timeout_and_one_for_an_ignored_error(board, reporter, breaker):
    breaker.add_excluded_exception(KeyError)
    try_call(breaker, times_out)
    with pytest.raises(KeyError):
        breaker.call({}.__getitem__, "x")
    try:
        raise RuntimeError("the host deals with something else")
    except RuntimeError:
        assert breaker.call(works) == "parcel"
    reporter.fallback("tracking")
    reporter.retry("tracking", 2)
    assert reporter.flush()
    kinds = {event["type"]: event["count"] for event in board.events if event["type"] != "heartbeat"}
    assert kinds == {"timeout": 1, "ignored": 1, "success": 1, "fallback": 1, "retry": 2}
    assert board.of("timeout")[0]["error"]["type"] == "ReadTimeout"
    assert board.of("ignored")[0]["error"]["type"] == "KeyError"


def test_result_untouched(reporter, breaker):
    marker, error = object(), Refused("x")

    @breaker
    def decorated(value):
        if value is error:
            raise error
        return value

    @breaker
    def numbers():
        got = yield 1
        yield got

    assert decorated(marker) is marker
    with pytest.raises(Refused) as caught:
        decorated(error)
    assert caught.value is error
    assert traceback.extract_tb(error.__traceback__)[-1].name == "decorated"
    assert error.__context__ is None
    generator = numbers()
    assert (next(generator), generator.send("back"), list(generator)) == (1, "back", [])
    with breaker.calling():
        pass
    with pytest.raises(Refused) as caught, breaker.calling():
        raise error
    assert caught.value is error


def test_a_block_is_timed_and_counted_once(board, reporter, breaker):
    with breaker.calling(), breaker.calling():
        breaker.call(works)
    with pytest.raises(Refused), breaker.calling():
        raise Refused("x")
    assert reporter.flush()
    assert board.count("success") == 3
    assert board.count("failure") == 1
    assert sum(sum(event["durations"]) for event in board.of("success", "failure")) == 4


def test_a_generator_is_counted_at_its_end_without_a_duration(board, reporter, breaker):
    @breaker
    def parcels(error=None):
        yield 1
        if error:
            raise error

    abandoned = parcels()
    assert list(parcels()) == [1]
    with pytest.raises(Refused):
        list(parcels(Refused("x")))
    assert reporter.flush()
    del abandoned
    assert (board.count("success"), board.count("failure")) == (1, 1)
    assert all("durations" not in event for event in board.of("success", "failure"))


def test_nested_breakers_each_count_their_own(board, reporter, breaker):
    inner = pybreaker.CircuitBreaker(fail_max=2, name="inner")
    reporter.attach(inner)
    for _ in range(3):  # a retry around the breaker: each try is a call
        try_call(breaker, lambda: inner.call(fails))
    assert reporter.flush()
    assert board.count("failure", breaker="inner") == 2
    assert board.count("rejected", breaker="inner") == 1
    assert board.count("failure", breaker="tracking") == 3
    assert board.count("rejected", breaker="tracking") == 0
    errors = {event["error"]["type"]: event["count"] for event in board.of("failure", breaker="tracking")}
    assert errors == {"Refused": 1, "CircuitBreakerError": 2}


def test_a_breaker_inside_itself(board, reporter, breaker):
    assert breaker.call(lambda: breaker.call(works)) == "parcel"
    assert reporter.flush()
    assert board.count("success") == 2


def test_a_trial_that_calls_again_from_within(board, reporter, breaker):
    breaker.open()
    let_it_probe(breaker)
    assert breaker.call(lambda: breaker.call(works)) == "parcel"
    assert reporter.flush()
    assert board.count("success") == 2
    assert board.count("rejected") == 0


def test_threads_are_counted_exactly(board, reporter, breaker):
    def work():
        for _ in range(1000):
            breaker.call(works)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reporter.flush()
    assert board.count("success") == 16_000
    assert sum(sum(event["durations"]) for event in board.of("success")) == 16_000


def test_a_coroutine_function_is_warned_of_once_and_not_counted(board, reporter, breaker, caplog):
    @breaker
    async def fetch():
        raise Refused("never seen by pybreaker")

    with caplog.at_level(logging.WARNING, "breakerboard"):
        fetch().close()
        fetch().close()
    assert reporter.flush()
    assert len(caplog.messages) == 1
    assert "fetch" in caplog.messages[0] and "aiobreaker" in caplog.messages[0]
    assert board.of("success") == []


def test_a_store_that_moves_without_a_hook_is_told_by_the_heartbeat(board, reporter, breaker):
    board.until(lambda: board.state("tracking") == "closed")
    breaker._state_storage.state = "open"  # as another process does on a shared store
    board.until(lambda: board.state("tracking") == "open")
    try_call(breaker, works)  # the library notices, and tells what is known already
    assert reporter.flush()
    assert ("closed", "open") not in board.changes()


class SharedStorage(pybreaker.CircuitMemoryStorage):
    """As Redis is: one state for several breakers, each in a process of its own."""

    @property
    def name(self):
        return "store"


def test_a_shared_store_shows_one_state_everywhere(board, make_reporter):
    storage = SharedStorage("closed")
    reporters = [make_reporter(instance=f"orders-{n}") for n in (1, 2, 3)]
    first, second, late = [pybreaker.CircuitBreaker(fail_max=3, state_storage=storage) for _ in range(3)]
    reporters[0].attach(first, name="tracking")
    reporters[1].attach(second, name="tracking")
    try_call(first, fails, 3)
    try_call(second, works)  # notices
    reporters[2].attach(late, name="tracking")
    assert all(reporter.flush() for reporter in reporters)
    assert {event["instance"]: event["scope"] for event in board.of("state_change")} == {
        "orders-1": "shared",
        "orders-2": "shared",
    }
    board.until(lambda: [b for b in board.of("heartbeat") if (b["instance"], b["state"]) == ("orders-3", "open")])
    assert set(board.changes()) == {("closed", "open")}
