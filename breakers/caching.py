"""Caching: the rows that this process's last commit left behind, so that its next batch need not read them again.

They are true for as long as nobody else has written: every writer of breakers and instances takes the board's next
change number in its transaction, under the writers' lock. A batch compares the board, read under that lock, with the
stamp of the rows: another number, and they are dropped. A batch takes them out and puts them back after its commit
alone: one that comes to nothing leaves nothing.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from breakers.rows import BreakerRow, InstanceRow

# Rows, some 2 KB each; beyond, they are read again.
MOST_KEPT = 60_000


class Stamp(NamedTuple):
    """A state of the board: no two commits leave the same."""

    epoch: str
    version: int
    last_event_id: int


@dataclass(slots=True)
class Rows:
    """Breakers and instances by id, as stored."""

    breakers: dict[int, "BreakerRow"] = field(default_factory=dict)
    instances: dict[int, "InstanceRow"] = field(default_factory=dict)
    # Every instance of these breakers is here, by breaker.
    whole: dict[int, list["InstanceRow"]] = field(default_factory=dict)


_kept: list[tuple[Stamp, Rows]] = []


def take(stamp: Stamp) -> Rows:
    """The rows as of `stamp`: those that were kept, or none. Whoever takes them has them alone."""
    try:
        kept_at, rows = _kept.pop()
    except IndexError:
        return Rows()
    return rows if kept_at == stamp else Rows()


def keep(stamp: Stamp, rows: Rows) -> None:
    """These rows are what the store holds at `stamp`. Only after the commit that made them so."""
    _kept.clear()
    if len(rows.breakers) + len(rows.instances) <= MOST_KEPT:
        _kept.append((stamp, rows))
