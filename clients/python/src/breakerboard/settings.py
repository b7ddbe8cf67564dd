"""Settings: every time and limit of the client, in one place.

The defaults are what the board expects; the tests make them short. `now` is the wall
clock, so that a test can hand in another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Settings:
    gather_s: float = 0.05  # what happens at once waits this long for company
    second_s: float = 1.0  # outcomes are added up this long
    quiet_s: float = 10.0  # an error after this long without one is told at once
    heartbeat_s: float = 10.0

    connect_s: float = 3.0
    read_s: float = 8.0  # an outage that swallows a request is over for us this long after it is over
    poll_s: float = 25.0  # how long the board may hold a poll for commands
    poll_read_s: float = 35.0
    poll_least_s: float = 1.0  # between two polls that brought nothing

    backoff_first_s: float = 1.0
    backoff_most_s: float = 8.0  # a board that is back hears from us within ten seconds, long before it calls us silent
    retry_after_most_s: float = 600.0
    refused_s: float = 60.0  # a key that is wrong, or may not post now, is tried again this often

    lease_s: float = 1800.0  # of an override that came without an end
    lease_grace_s: float = 30.0  # how long after its end the board may still order the release
    exit_s: float = 2.0

    capacity: int = 10_000  # events kept while the board is away
    batch: int = 500  # events in one post
    remembered: int = 1_000  # command ids

    now: Callable[[], float] = time.time
