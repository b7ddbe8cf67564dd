"""Calls under way: which guarded call is the innermost here, and when it began.

Kept in a context variable, so that threads and tasks each see their own. A nested breaker
finds its own call in the chain, not the one around it.
"""

from __future__ import annotations

import sys
import time
from contextvars import ContextVar

DEEPEST = 200  # a block entered in one context and left in another stays behind: the chain ends here


class Call:
    __slots__ = ("block", "depth", "handled", "hollow", "outer", "owner", "started")

    def __init__(self, owner: object, outer: Call | None) -> None:
        self.owner = owner
        self.outer = outer if outer is None or outer.depth < DEEPEST else None
        self.depth: int = 0 if self.outer is None else self.outer.depth + 1
        self.started: float | None = None  # None: not let through, yet or at all
        self.handled = sys.exc_info()[1]  # the error that the host is dealing with while it calls
        self.block = self.hollow = False  # a `with` block, whose outcome comes later; a coroutine made, not run

    def elapsed_ms(self) -> float | None:
        return None if self.started is None else (time.perf_counter() - self.started) * 1000


innermost: ContextVar[Call | None] = ContextVar("breakerboard_call", default=None)


def enter(owner: object, outer: Call | None) -> Call:
    call = Call(owner, outer)
    innermost.set(call)
    return call


def leave(call: Call) -> None:
    if innermost.get() is call:
        innermost.set(call.outer)


def current(owner: object) -> Call | None:
    """The innermost call of this owner."""
    call = innermost.get()
    while call is not None and call.owner is not owner:
        call = call.outer
    return call
