"""Hearing: what is known of each source (one instance of a service, over all its breakers).

Part of the recording: called inside its transaction, never alone. Rows are remembered from one batch to the next as long as
nobody else has written to the board, so that a batch costs one statement more and no read.
"""

from collections.abc import Iterable

from breakers import bulk
from breakers.domain.reports import Report
from breakers.domain.sources import SourceRow, hear
from breakers.rows import InstanceRow
from breakers.workingset import WorkingSet

Name = tuple[int, str]
COLUMNS = {
    "first_heard_at": "bigint",
    "heard_at": "bigint",
    "newest_at": "bigint",
    "last_sequence": "bigint",
    "interval_s": "int",
    "events": "bigint",
    "duplicates": "bigint",
    "missing": "bigint",
    "restarts": "bigint",
    "late": "bigint",
    "early": "bigint",
    "minute": "bigint",
    "in_minute": "int",
    "in_minute_before": "int",
    "skew_us": "bigint",
    "skew_window_us": "bigint",
    "skew_window_from": "bigint",
    "library": "text",
    "library_version": "text",
    "stopped": "bool",
    "silent_since": "bigint",
    "numbers": "text",
}
put_sources = bulk.put("breakers_source", {"service_id": "bigint", "name": "text"}, COLUMNS)
_FIELDS = ("service_id", "name", *COLUMNS)
_SELECT = f"SELECT {', '.join(_FIELDS)} FROM breakers_source WHERE service_id = %s AND "  # noqa: S608
_TALKING = """SELECT i.id FROM breakers_instance i JOIN breakers_breaker b ON b.id = i.breaker_id
WHERE b.service_id = %s AND i.name = %s AND i.left_at IS NULL"""
_MOST_REMEMBERED = 20_000


class _Memory:
    """The rows as this process wrote them last, at the board's change number of then; None: not to be trusted."""

    rows: dict[Name, SourceRow] = {}
    valid_at: tuple[str, int] | None = None


class Hearing:
    """The sources of one batch. `board`: the epoch and the change number that the batch began at."""

    def __init__(self, board: tuple[str, int], now: int) -> None:
        self._epoch = board[0]
        self._now = now
        self._touched: set[Name] = set()
        # Those that had fallen silent, and spoke.
        self.spoke: list[Name] = []
        # Of sources of which a breaker stopped in this batch: the copies that have not.
        self._talking: dict[Name, set[int]] = {}
        self._repeated: dict[Name, int] = {}
        if _Memory.valid_at != board or len(_Memory.rows) > _MOST_REMEMBERED:
            _Memory.rows.clear()
        # Until the commit nobody knows whether what is remembered is true.
        _Memory.valid_at = None

    def load(self, names: Iterable[Name]) -> None:
        """Know these, where they exist."""
        missing: dict[int, list[str]] = {}
        for service_id, name in set(names):
            if (service_id, name) not in _Memory.rows:
                missing.setdefault(service_id, []).append(name)
        for service_id, some in missing.items():
            for row in bulk.select(_SELECT + bulk.is_one_of("name"), [service_id, bulk.as_list(some)]):
                source = SourceRow(*row)
                source.stopped = bool(source.stopped)
                _Memory.rows[source.service_id, source.name] = source

    def hear(self, service_id: int, report: Report, copy: InstanceRow, working: WorkingSet) -> None:
        """An accepted report of `copy`, which has not been told of it yet."""
        name = (service_id, report.instance)
        source = _Memory.rows.get(name)
        if source is None:
            source = _Memory.rows[name] = SourceRow(service_id, report.instance, self._now, self._now, report.at_us)
        self._touched.add(name)
        if source.silent_since is not None:
            self.spoke.append(name)
        all_stopped = True
        if report.type == "stopped" or name in self._talking:
            all_stopped = self._is_the_last(name, report, copy, working)
        hear(source, report.type, report.at_us, report.told_us, report.sequence, self._now, all_stopped=all_stopped)
        if report.interval_s is not None:
            source.interval_s = report.interval_s
        if report.library is not None:
            source.library = report.library
        if report.library_version is not None:
            source.library_version = report.library_version

    def _is_the_last(self, name: Name, report: Report, copy: InstanceRow, working: WorkingSet) -> bool:
        """Whether none of the source's breakers talks after this: one that stops is no end of the process."""
        if name not in self._talking:
            stored = {id for (id,) in bulk.select(_TALKING, name)}
            ours = {breaker.id for breaker in working.breakers.values() if breaker.service_id == name[0]}
            here = [row for row in working.instances.values() if row.name == name[1] and row.breaker_id in ours]
            stored.update(row.id for row in here if row.left_at is None)
            self._talking[name] = stored.difference(row.id for row in here if row.left_at is not None)
        talking = self._talking[name]
        if report.type != "stopped":
            talking.add(copy.id)
        elif (report.at_us, report.sequence) >= (copy.newest_at, copy.newest_sequence):
            talking.discard(copy.id)
        return not talking

    def repeated(self, service_id: int, instance: str) -> None:
        """An event that was posted before: counted, and no sign of life."""
        name = (service_id, instance)
        self._repeated[name] = self._repeated.get(name, 0) + 1

    def save(self) -> None:
        """Write what was touched, in one order for all writers."""
        for name, times in self._repeated.items():
            if source := _Memory.rows.get(name):
                source.duplicates += times
                self._touched.add(name)
        for name in self.spoke:
            # Whoever took its place has its own again.
            bulk.run("UPDATE breakers_source SET replaced_by = NULL WHERE service_id = %s AND name = %s", list(name))
        put_sources(
            [
                tuple(getattr(_Memory.rows[name], field) for field in _FIELDS)
                for name in sorted(self._touched)
                if name in _Memory.rows
            ]
        )

    def committed(self, version: int) -> None:
        """What is remembered is what is stored, as of this change number."""
        _Memory.valid_at = (self._epoch, version)
