"""Jumps: whether the clock ran on as time did.

Set forward, or after the machine was asleep, it makes everybody look silent for as long. That is nobody's silence: the intake's next
pulse counts it anew, and until then nobody is judged.
"""

from datetime import datetime

import structlog

# Beyond what a busy machine or a time service makes of it.
LITTLE = 10.0  # s

log = structlog.get_logger(__name__)


class Jumps:
    """What the clock said at the last look, and what the time was that only runs."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None

    def seen(self, at: datetime, running_s: float) -> bool:
        """Whether the clock has jumped forward since the last look. `running_s`: seconds of a clock that nobody sets."""
        last, self._last = self._last, (at, running_s)
        if last is None:
            return False
        ahead = (at - last[0]).total_seconds() - (running_s - last[1])
        if ahead > LITTLE:
            log.warning("the clock jumped forward: nobody's silence is judged by it", seconds=round(ahead))
        return ahead > LITTLE
