"""Sharing: instances that keep one state in a store of theirs tell the same change each, sooner or later.

Part of the recording, called inside its transaction. Which of them only repeats another is `domain/history.py`'s to say.
"""

from collections.abc import Iterable

from breakers.rows import InstanceRow


def newest_of(copies: Iterable[InstanceRow]) -> InstanceRow | None:
    """Whose state was told last; None where nobody told one."""
    told = [copy for copy in copies if copy.state_at is not None]
    return max(told, key=lambda copy: copy.state_at or 0, default=None)
