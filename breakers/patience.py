"""Patience: how long a thread waits for an answer of the database.

A server that is frozen keeps its connections and never answers: its own time limits end what is slow, not what nobody works on.
"""

import threading

# Longer than the server's `statement_timeout`: what it works on is its own to end.
USUAL = 20.0  # s
_thread = threading.local()


def hurry(seconds: float) -> None:
    """From now on this thread waits no longer than this: others wait for it in turn."""
    _thread.seconds = seconds


def patience() -> float:
    """How long this thread waits, in seconds."""
    seconds: float = getattr(_thread, "seconds", USUAL)
    return seconds
