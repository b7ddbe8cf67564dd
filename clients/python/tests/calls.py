"""Calls to guard: one that works, one that fails, one that takes too long."""

import contextlib
from datetime import timedelta

import pybreaker


class Refused(ConnectionError):
    pass


class ReadTimeout(OSError):
    """As requests names its own."""


def works():
    return "parcel"


def fails():
    raise Refused("connection refused by 10.0.0.7")


def times_out():
    raise ReadTimeout("timed out after 1000 ms")


def try_call(breaker, func, times=1):
    for _ in range(times):
        with contextlib.suppress(pybreaker.CircuitBreakerError, Refused, ReadTimeout):
            breaker.call(func)


def let_it_probe(breaker):
    """As if the reset timeout were over: the next call is the trial."""
    breaker._state_storage.opened_at -= timedelta(days=1)
