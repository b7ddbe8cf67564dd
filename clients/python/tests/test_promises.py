"""What a host may rely on: its calls are as they would be without us."""

import gc
import statistics
import time
import tracemalloc

import pybreaker
import pytest
from calls import Refused, fails, works

from breakerboard.buffer import Buffer


def test_a_hook_that_goes_wrong_is_the_hosts_concern_in_no_way(board, reporter, breaker, monkeypatch):
    assert reporter.flush()

    def broken(*args, **kwargs):
        raise MemoryError("the buffer is broken")

    monkeypatch.setattr(Buffer, "outcome", broken)
    monkeypatch.setattr(Buffer, "single", broken)
    assert breaker.call(works) == "parcel"
    for _ in range(2):
        with pytest.raises(Refused):
            breaker.call(fails)
    with pytest.raises(pybreaker.CircuitBreakerError, match="opened"):
        breaker.call(fails)
    with pytest.raises(pybreaker.CircuitBreakerError, match="still open"):
        breaker.call(works)
    reporter.retry("tracking")
    assert breaker.current_state == "open"
    assert reporter.stats()["hook_errors"] == 7
    monkeypatch.undo()
    board.until(lambda: board.state("tracking") == "open")  # the next heartbeat makes good


def test_a_board_that_hangs_makes_no_call_wait(board, reporter, breaker):
    board.hang()
    took = []
    for _ in range(2000):
        began = time.perf_counter()
        breaker.call(works)
        took.append(time.perf_counter() - began)
    assert statistics.quantiles(took, n=100)[98] < 0.001
    assert not reporter.flush(0.01)


def test_attached_and_detached_ten_thousand_times(board, make_reporter):
    board.close()  # away: what it is not sent is kept here
    reporter = make_reporter(heartbeat_s=60, capacity=100)
    shared = pybreaker.CircuitBreaker()

    def churn(times):
        for n in range(times):
            breaker = shared if n % 2 else pybreaker.CircuitBreaker()
            reporter.attach(breaker, name=f"b{n}")
            breaker.call(works)
            reporter.detach(f"b{n}")
        gc.collect()

    churn(500)
    tracemalloc.start()
    churn(500)
    before, _ = tracemalloc.get_traced_memory()
    churn(10_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 200_000
    assert shared.listeners == ()
    assert len(reporter._buffer) <= 101
    assert len(reporter._buffer._beat_of) <= 101


def test_no_stable_name_is_said_at_the_start(reporter):
    with pytest.raises(ValueError, match=r"It must stay the same over restarts"):
        reporter.attach(pybreaker.CircuitBreaker())
    with pytest.raises(ValueError, match="at most 200 characters"):
        reporter.attach(pybreaker.CircuitBreaker(), name="x" * 201)
    with pytest.raises(ValueError, match="A dependency's name"):
        reporter.attach(pybreaker.CircuitBreaker(), name="x", dependency="a\0b")
    with pytest.raises(ValueError, match="A label"):
        reporter.attach(pybreaker.CircuitBreaker(), name="x", labels={"runbook": "x" * 201})
    with pytest.raises(ValueError, match="33"):
        reporter.attach(pybreaker.CircuitBreaker(), name="x", labels={str(n): "" for n in range(33)})


def test_one_name_is_one_breaker(reporter, breaker):
    with pytest.raises(ValueError, match=r"attached already; detach\('tracking'\)"):
        reporter.attach(pybreaker.CircuitBreaker(), name="tracking")
    with pytest.raises(ValueError, match="attached are: tracking"):
        reporter.detach("stock")


def test_an_unknown_library_is_named(reporter):
    with pytest.raises(TypeError, match=r"no adapter for a builtins\.dict; known libraries: pybreaker"):
        reporter.attach({}, name="x")


def test_a_remark_about_an_unknown_breaker_is_passed_over(board, reporter, breaker):
    reporter.retry("stock")
    reporter.retry("tracking", 0)
    assert reporter.flush()
    assert board.of("retry") == []


def test_two_reporters_on_one_breaker(board, make_reporter, breaker):
    second = make_reporter(instance="orders-2")
    second.attach(breaker, name="again")
    breaker.call(works)
    second.detach("again")
    breaker.call(works)
    board.until(lambda: board.count("success", breaker="tracking") == 2)
    board.until(lambda: board.count("success", breaker="again") == 1)
    assert len(breaker.listeners) == 1


def test_a_generator_collected_inside_the_buffer_does_not_deadlock(board, reporter, breaker):
    """Its end is a failure to pybreaker, told from wherever the collector happens to run."""

    @breaker
    def parcels():
        yield 1
        yield 2

    class Inside(dict):
        def get(self, *args):
            if waiting:
                next(iter(waiting))
                waiting.pop().close()
            return super().get(*args)

    waiting = [parcels()]
    reporter._buffer._open = Inside(reporter._buffer._open)
    with reporter._buffer._lock:
        breaker.call(works)
    assert reporter.flush()
    assert board.count("success") == 1
