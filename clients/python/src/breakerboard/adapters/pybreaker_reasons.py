"""Why a pybreaker moved, in the board's words.

A move inside a guarded call is the library's own, outside of one the program's. A move that
the library never makes by itself was made by another process on a shared store.
"""

from __future__ import annotations

from typing import Any

import pybreaker

from breakerboard.events import CLOSED, HALF_OPEN, OPEN

Reason = dict[str, Any]


def why_moved(breaker: pybreaker.CircuitBreaker, before: str, now: str, reset_s: float, in_call: bool) -> Reason:
    if not in_call:
        return {"metric": "manual", "text": f"{now.replace('_', '-')} by the program itself"}
    if (before, now) == (CLOSED, OPEN):
        return _tripped(breaker.fail_counter, breaker.fail_max)
    if (before, now) == (OPEN, HALF_OPEN):
        return {"metric": "probe", "text": f"{reset_s:g} s after the opening this call is the trial"}
    if (before, now) == (HALF_OPEN, OPEN):
        return {"metric": "probe", "text": "the trial call failed"}
    if (before, now) == (HALF_OPEN, CLOSED):
        return _held(breaker.success_threshold)
    return {"metric": "store", "text": f"the shared store says {now.replace('_', '-')}"}


def _tripped(failures: int, threshold: int) -> Reason:
    text = f"{failures} consecutive failures; {threshold} open the circuit"
    return {"metric": "consecutive_failures", "value": failures, "threshold": threshold, "text": text}


def _held(needed: int) -> Reason:
    text = "the trial call succeeded" if needed == 1 else f"{needed} trial calls succeeded"
    return {"metric": "probe", "value": needed, "threshold": needed, "text": text}
