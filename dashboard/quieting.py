"""Quieting: what is said again and again is counted instead, so that a fault that lasts does not fill the disk with its log."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

WINDOW = 60.0  # s
MOST = 30  # of one kind in a window
MOST_KINDS = 1_000
# What differs between two of a kind: numbers, ids, addresses in memory.
_PARTICULARS = re.compile(r"[0-9a-fA-F-]*\d[0-9a-fA-F-]*")
Event = dict[str, Any]


class Quieting:
    """Lets the first lines of a kind through in each minute, and then says how many more there were."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # A kind: when its minute began, and how often it was said in it. The oldest minute first.
        self._kinds: OrderedDict[tuple[str, str, str], tuple[float, int]] = OrderedDict()

    def passed(self, event: Event) -> Iterator[Event]:
        """What to print now: counts of minutes that are over, then the event itself unless there were too many of its kind."""
        now = self._clock()
        yield from self._over(now)
        text = _PARTICULARS.sub("…", str(event.get("event", ""))[:200])
        kind = (str(event.get("part", "")), str(event.get("level", "")), text)
        began, said = self._kinds.get(kind, (now, 0))
        self._kinds[kind] = began, said + 1
        if said < MOST:
            yield event

    def _over(self, now: float) -> Iterator[Event]:
        while self._kinds:
            kind, (began, said) = next(iter(self._kinds.items()))
            if now - began < WINDOW and len(self._kinds) <= MOST_KINDS:
                return
            del self._kinds[kind]
            if said > MOST:
                part, level, text = kind
                yield {"part": part, "level": level, "event": text, "more_in_a_minute": said - MOST}
