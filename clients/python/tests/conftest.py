"""A board, a reporter with short times, and a breaker to trip."""

import gc
from dataclasses import replace

import pybreaker
import pytest
from board import Board

from breakerboard import Reporter, Settings

QUICK = Settings(
    gather_s=0.01,
    second_s=0.05,
    heartbeat_s=0.5,
    poll_s=1.0,
    poll_least_s=0.02,
    backoff_first_s=0.005,
    backoff_most_s=0.02,
    refused_s=0.05,
    lease_grace_s=0.1,
    connect_s=1.0,
    read_s=2.0,
)


@pytest.fixture
def board():
    board = Board()
    yield board
    board.close()


@pytest.fixture
def make_reporter(board):
    made = []

    def make(url=None, key="a-key", instance="orders-1", redact=None, **settings):
        reporter = Reporter(
            url or board.url, key, instance=instance, redact=redact, settings=replace(QUICK, **settings)
        )
        made.append(reporter)
        return reporter

    yield make
    board.let_go.set()
    for reporter in made:
        reporter.close(1)
    gc.collect()  # a socket left open says so now, in the test that left it


@pytest.fixture
def reporter(make_reporter):
    return make_reporter()


@pytest.fixture
def breaker(reporter):
    """Opens after 3 failures, for longer than a test lasts."""
    breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=60)
    reporter.attach(breaker, name="tracking", dependency="tracking-api", labels={"team": "delivery"})
    return breaker
