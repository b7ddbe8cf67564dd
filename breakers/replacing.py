"""Replacing: which newcomer took the place of an instance that left in silence. One newcomer replaces one, no more.

Part of the recording, called by the sweep inside its transaction.
"""

import msgspec

from breakers import bulk


class _Source(msgspec.Struct):
    name: str
    first_heard_at: int
    heard_at: int
    stopped: bool
    silent_since: int | None
    replaced_by: str | None


class Replacing:
    """The sources of the services that one sweep asks for, each read once."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._known: dict[int, dict[str, _Source]] = {}

    def by_whom(self, service_id: int, name: str) -> int | None:
        """When the one that replaced this instance was first heard; None: nobody replaced it. It is written down with it."""
        sources = self._sources(service_id)
        lost = sources.get(name)
        if lost is None:
            return None
        if lost.replaced_by is None:
            taken = {each.replaced_by for each in sources.values() if each.replaced_by is not None}
            free = sorted(
                (each.first_heard_at, each.name)
                for each in sources.values()
                if each.first_heard_at > lost.heard_at
                and each.name not in taken
                and each.silent_since is None
                and not each.stopped
            )
            # Who stopped on purpose since was replaced by somebody too.
            spent = sum(each.stopped and each.heard_at >= lost.heard_at for each in sources.values())
            if len(free) <= spent:
                return None
            lost.replaced_by = free[spent][1]
            bulk.run(
                "UPDATE breakers_source SET replaced_by = %s WHERE service_id = %s AND name = %s",
                [lost.replaced_by, service_id, name],
            )
        newcomer = sources.get(lost.replaced_by)
        return newcomer.first_heard_at if newcomer else lost.heard_at

    def _sources(self, service_id: int) -> dict[str, _Source]:
        known = self._known.get(service_id)
        if known is None:
            rows = bulk.select(
                "SELECT name, first_heard_at, heard_at, stopped, silent_since, replaced_by FROM breakers_source"
                " WHERE service_id = %s",
                [service_id],
            )
            known = self._known[service_id] = {row[0]: _Source(*row) for row in rows}
        return known
