"""Rolls: who stands behind a filter, so that only those who stood there are told to have left."""

from collections.abc import Iterable

MOST_LEFT = 10_000


class Roll:
    """The ids behind one filter, as far as the board was looked at, and who left since when."""

    def __init__(self) -> None:
        self.known = False
        self._inside: set[str] = set()
        # By the version at which they left: whoever comes back from before it still shows them.
        self._left: dict[str, int] = {}
        self.first = 0
        self._meanwhile: dict[str, bool] = {}

    def begin(self, inside: Iterable[str], version: int) -> None:
        """Those read from the board; what changed while they were read is known already."""
        self._inside = set(inside)
        for id, matches in self._meanwhile.items():
            (self._inside.add if matches else self._inside.discard)(id)
        self.known, self.first, self._meanwhile = True, version, {}

    def saw(self, ids: Iterable[str]) -> None:
        """They were told of, by a look at the board that may be newer than ours."""
        self._inside.update(ids)

    def follow(self, id: str, matches: bool, version: int) -> bool:
        """Where a changed one stands now; whether it stood, or stands, behind the filter."""
        if not self.known:
            # Whoever waits for the roll reads its picture after this.
            self._meanwhile[id] = matches
            return matches
        if matches:
            self._inside.add(id)
            self._left.pop(id, None)
            return True
        if id not in self._inside:
            return False
        self._inside.discard(id)
        self._left[id] = version
        if len(self._left) > MOST_LEFT:
            oldest = next(iter(self._left))
            self.first = max(self.first, self._left.pop(oldest))
        return True

    def reaches(self, version: int, newest: int) -> bool:
        """Whether everyone who left since a version is known, having looked up to `newest`."""
        return self.known and self.first <= version <= newest

    def had(self, id: str, version: int) -> bool:
        """Whether one stood there at a version that the roll reaches, or after it."""
        return id in self._inside or self._left.get(id, -1) > version
