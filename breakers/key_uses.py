"""Key uses: when each key and token was last used. Noted in memory by whoever checks one, written down by the intake's pulse.

So that a database that is locked holds up nobody who only reads.
"""

import threading
from datetime import datetime, timedelta

from breakers import bulk
from breakers.models import ApiToken, IngestKey

NOTED_EVERY = timedelta(minutes=1)

_lock = threading.Lock()
_noted: dict[tuple[type[IngestKey] | type[ApiToken], int], datetime] = {}


def note(row: IngestKey | ApiToken, now: datetime) -> None:
    """Remember that it was used, at most once a minute."""
    if row.last_used_at is None or now - row.last_used_at >= NOTED_EVERY:
        with _lock:
            _noted.setdefault((type(row), row.pk), now)


def write_down() -> int:
    """Write what was noted; how many. Where that fails it is forgotten: the next use is noted again."""
    with _lock:
        taken = dict(_noted)
        _noted.clear()
    if taken:
        with bulk.writing():
            for (model, pk), at in taken.items():
                model.objects.filter(pk=pk).update(last_used_at=at)
    return len(taken)
