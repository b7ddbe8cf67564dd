"""The working set: the breakers and instances that one batch speaks of, loaded once and written back once.

What was kept from the batch before is not loaded again (`caching.py`).
"""

from collections.abc import Iterable
from typing import Any

from breakers import bulk
from breakers.caching import Rows
from breakers.domain.limits import Limits, limits_of
from breakers.domain.rollups import WIDTHS_S, bin_of
from breakers.models.rollup import COUNTERS
from breakers.rows import (
    BREAKER_COLUMNS,
    INSTANCE_COLUMNS,
    BreakerRow,
    InstanceRow,
    add_to_rollups,
    add_to_wide_rollups,
    as_json,
    decode,
    json_texts,
    save_breakers,
    save_instances,
    touch_breakers,
    touch_instances,
)

# Names to ids never change while the row lives; a row that is gone is noticed when it is loaded.
_breaker_ids: dict[tuple[int, str], int] = {}
_instance_ids: dict[tuple[int, str], int] = {}
_MOST_REMEMBERED = 500_000


class WorkingSet:
    """What one transaction works on."""

    def __init__(self, now: int, kept: Rows | None = None) -> None:
        self.now = now
        self.breakers: dict[int, BreakerRow] = {}
        self.instances: dict[int, InstanceRow] = {}
        self._kept = kept or Rows()
        self._rollups: dict[tuple[int, int], list[float]] = {}
        self._limits: dict[int, Limits] = {}
        # How many a service has, a breaker has: counted once, however many are refused.
        self._breakers_of: dict[int, int] = {}
        self._instances_of: dict[int, int] = {}

    def load(self, names: Iterable[tuple[int, str, str]]) -> None:
        """Load what exists of these (service id, breaker, instance).

        A remembered id is proved by the row that it leads to: one that was given out in a transaction that came to
        nothing is given out again, to another name.
        """
        wanted = {one for one in set(names) if not self._take_kept(*one)}
        if not wanted:
            return
        breakers = {(service, breaker) for service, breaker, _ in wanted}
        for _ in range(2):
            self._remember(breakers)
            self.load_breakers({_breaker_ids[pair] for pair in breakers if pair in _breaker_ids})
            wrong = {pair for pair in breakers if pair in _breaker_ids and self.breaker(*pair) is None}
            for pair in wrong:
                del _breaker_ids[pair]
            if not wrong:
                break
        copies = {(_breaker_ids[s, b], i) for s, b, i in wanted if (s, b) in _breaker_ids}
        for _ in range(2):
            self._remember_instances(copies)
            self._load_instances([_instance_ids[pair] for pair in copies if pair in _instance_ids])
            wrong_copies = {pair for pair in copies if pair in _instance_ids and self.instance(*pair) is None}
            for copy in wrong_copies:
                del _instance_ids[copy]
            if not wrong_copies:
                break

    def _take_kept(self, service_id: int, breaker: str, instance: str) -> bool:
        """Load what was kept; whether that is all of it."""
        row = self._kept.breakers.get(_breaker_ids.get((service_id, breaker), -1))
        if row is None or row.name != breaker or row.service_id != service_id:
            return False
        self.breakers[row.id] = row
        copy = self._kept.instances.get(_instance_ids.get((row.id, instance), -1))
        if copy is None or copy.name != instance or copy.breaker_id != row.id:
            return False
        self.instances[copy.id] = copy
        return True

    def breaker(self, service_id: int, name: str) -> BreakerRow | None:
        """The loaded breaker of that name."""
        row = self.breakers.get(_breaker_ids.get((service_id, name), -1))
        return row if row is not None and row.name == name and row.service_id == service_id else None

    def instance(self, breaker_id: int, name: str) -> InstanceRow | None:
        """The loaded instance of that name."""
        row = self.instances.get(_instance_ids.get((breaker_id, name), -1))
        return row if row is not None and row.name == name and row.breaker_id == breaker_id else None

    def load_breakers(self, ids: Iterable[int]) -> None:
        """Load breakers by id."""
        kept = self._kept.breakers
        wanted = [id for id in ids if id not in self.breakers]
        missing = [id for id in wanted if id not in kept]
        if missing:
            sql = f"SELECT {json_texts(BREAKER_COLUMNS)} FROM breakers_breaker WHERE {bulk.is_one_of('id')}"  # noqa: S608
            for row in bulk.select(sql, [bulk.as_list(missing)]):
                kept[row[0]] = BreakerRow(*row)
        for id in wanted:
            if id in kept:
                self.breakers[id] = kept[id]
            else:
                _forget(id)

    def load_whole(self, breaker_ids: Iterable[int]) -> None:
        """Load every instance of these breakers."""
        breaker_ids = list(breaker_ids)
        wanted = [id for id in breaker_ids if id not in self._kept.whole]
        if wanted:
            found: dict[int, list[InstanceRow]] = {id: [] for id in wanted}
            for row in self._read_instances("breaker_id", wanted):
                found[row.breaker_id].append(row)
            self._kept.whole.update(found)
        for id in breaker_ids:
            self.instances.update({row.id: row for row in self._kept.whole[id]})

    def of_breaker(self, breaker_id: int) -> list[InstanceRow]:
        """Every instance of a breaker that was loaded whole."""
        return self._kept.whole[breaker_id]

    def limits(self, service_id: int) -> Limits:
        """What this service may create."""
        known = self._limits.get(service_id)
        if known is None:
            column = json_texts("{limits}")
            sql = f"SELECT {column} FROM breakers_service WHERE id = %s"  # noqa: S608
            [[stored]] = bulk.select(sql, [service_id])
            known = self._limits[service_id] = limits_of(decode(stored))
        return known

    def add_breaker(self, service_id: int, name: str, dependency: str, at: int) -> BreakerRow | None:
        """A breaker never heard of; None where the service has too many."""
        if service_id not in self._breakers_of:
            [[count]] = bulk.select("SELECT count(*) FROM breakers_breaker WHERE service_id = %s", [service_id])
            self._breakers_of[service_id] = count
        if self._breakers_of[service_id] >= self.limits(service_id).breakers:
            return None
        self._breakers_of[service_id] += 1
        strip = as_json([[at, "unknown"]])
        [[id]] = bulk.select(
            "INSERT INTO breakers_breaker (service_id, name, dependency, labels, headline, version, created_at, state, since,"
            " instances, strip, config, calls_1m, failures_1m, rejected_1m)"
            " VALUES (%s, %s, %s, '{}', 'any', 0, %s, 'unknown', %s, '{}', %s, '{}', 0, 0, 0) RETURNING id",
            [service_id, name, dependency, self.now, at, strip],
        )
        row = BreakerRow(
            id, service_id, name, dependency, "{}", "any", "unknown", at, None, "{}", strip,
            None, None, None, None, "{}", None, 0, 0, 0, changed=True,
        )  # fmt: skip
        self.breakers[id] = self._kept.breakers[id] = row
        self._kept.whole[id] = []
        _breaker_ids[service_id, name] = id
        return row

    def add_instance(self, breaker_id: int, name: str, at: int) -> InstanceRow | None:
        """An instance never heard of; None where the breaker has too many."""
        if breaker_id not in self._instances_of:
            sql = "SELECT count(*) FROM breakers_instance WHERE breaker_id = %s AND left_at IS NULL"
            self._instances_of[breaker_id] = bulk.select(sql, [breaker_id])[0][0]
        if self._instances_of[breaker_id] >= self.limits(self.breakers[breaker_id].service_id).instances:
            return None
        self._instances_of[breaker_id] += 1
        [[id]] = bulk.select(
            "INSERT INTO breakers_instance (breaker_id, name, state, since, newest_at, newest_sequence, state_sequence,"
            " first_heard_at, heard_at, stopped, config) VALUES (%s, %s, 'unknown', %s, %s, -1, -1, %s, %s, %s, '{}') RETURNING id",
            [breaker_id, name, at, at, self.now, self.now, False],
        )
        row = InstanceRow(
            id, breaker_id, name, "unknown", at, None, at, -1, None, -1, self.now, self.now, None, None,
            False, None, None, None, "{}", None, None, changed=True,
        )  # fmt: skip
        self.instances[id] = self._kept.instances[id] = row
        self._kept.whole[breaker_id].append(row)
        _instance_ids[breaker_id, name] = id
        return row

    def count(self, breaker_id: int, second: int, report: Any) -> None:
        """Add an outcome to its 10 s bucket."""
        key = (second - second % 10, breaker_id)
        counters = self._rollups.get(key)
        if counters is None:
            counters = self._rollups[key] = [0] * len(COUNTERS)
        count = report.count
        counters[_PLACE[report.type]] += count
        if report.duration_ms is not None and report.type in _TIMED:
            longest = report.duration_max_ms or report.duration_ms
            counters[_SUM] += report.duration_ms * count
            counters[_MAX] = max(counters[_MAX], longest)
            # The mean of many says nothing of their spread.
            if report.durations is None and count == 1:
                counters[_BINS + bin_of(report.duration_ms)] += count
        if report.durations is not None:
            for index, many in enumerate(report.durations):
                counters[_BINS + index] += many

    def save(self, version: int, folded_until_s: int) -> None:
        """Write back what changed. Buckets before `folded_until_s` are in the wide rollups already: late ones join there."""
        counted = [(*key, *row) for key, row in sorted(self._rollups.items())]
        add_to_rollups(counted)
        for row in counted:
            if row[0] < folded_until_s:
                add_to_wide_rollups([(row[1], width, row[0] - row[0] % width, *row[2:]) for width in WIDTHS_S[1:]])
        # In the order of ids: two writers on PostgreSQL that are not under the lock can't meet head-on.
        instances = sorted((row for row in self.instances.values() if row.touched or row.changed), key=_by_id)
        touch_instances(
            [(i.newest_at, i.newest_sequence, i.heard_at, i.last_error_type, i.id) for i in instances if not i.changed]
        )
        save_instances(
            [
                (
                    i.state, i.since, i.reported_state, i.newest_at, i.newest_sequence, i.state_at, i.state_sequence,
                    i.heard_at, i.interval_s, i.left_at, i.stopped, i.next_probe_at, i.library, i.library_version,
                    i.config, i.commands, i.last_error_type, i.quiet_until, i.id,
                )
                for i in instances
                if i.changed
            ]
        )  # fmt: skip
        breakers = sorted(self.breakers.values(), key=_by_id)
        touch_breakers(
            [
                (version, b.last_event_at, b.last_error_type, b.calls_1m, b.failures_1m, b.rejected_1m, b.id)
                for b in breakers
                if not b.changed
            ]
        )
        save_breakers(
            [
                (
                    version, b.dependency, b.labels, b.state, b.since, b.reported_state, b.instances, b.strip,
                    b.next_probe_at, b.last_event_at, b.last_error_type, b.opened_reason, b.config, b.silence_due_at,
                    b.calls_1m, b.failures_1m, b.rejected_1m, b.id,
                )
                for b in breakers
                if b.changed
            ]
        )  # fmt: skip

    def saved(self) -> Rows:
        """The rows as they are stored once this transaction is, to be kept for the next one."""
        for breaker in self.breakers.values():
            breaker.changed = False
        for copy in self.instances.values():
            copy.touched = copy.changed = False
        return self._kept

    def _remember(self, names: set[tuple[int, str]]) -> None:
        """Look up the ids of breakers not yet known by name."""
        if len(_breaker_ids) + len(_instance_ids) > _MOST_REMEMBERED:
            _breaker_ids.clear()
            _instance_ids.clear()
        missing: dict[int, list[str]] = {}
        for service_id, name in names:
            if (service_id, name) not in _breaker_ids:
                missing.setdefault(service_id, []).append(name)
        for service_id, wanted in missing.items():
            sql = f"SELECT name, id FROM breakers_breaker WHERE service_id = %s AND {bulk.is_one_of('name')}"  # noqa: S608
            for name, id in bulk.select(sql, [service_id, bulk.as_list(wanted)]):
                _breaker_ids[service_id, name] = id

    def _remember_instances(self, pairs: set[tuple[int, str]]) -> None:
        missing: dict[int, list[str]] = {}
        for breaker_id, name in pairs:
            if (breaker_id, name) not in _instance_ids:
                missing.setdefault(breaker_id, []).append(name)
        for breaker_id, wanted in missing.items():
            sql = f"SELECT name, id FROM breakers_instance WHERE breaker_id = %s AND {bulk.is_one_of('name')}"  # noqa: S608
            for name, id in bulk.select(sql, [breaker_id, bulk.as_list(wanted)]):
                _instance_ids[breaker_id, name] = id

    def _load_instances(self, ids: list[int]) -> None:
        kept = self._kept.instances
        missing = [id for id in ids if id not in kept]
        if missing:
            self._read_instances("id", missing)
        self.instances.update({id: kept[id] for id in ids if id in kept})

    def _read_instances(self, column: str, ids: list[int]) -> list[InstanceRow]:
        """Rows as stored; of those that are here already, the ones that the batch works on."""
        kept = self._kept.instances
        found = []
        sql = f"SELECT {json_texts(INSTANCE_COLUMNS)} FROM breakers_instance WHERE {bulk.is_one_of(column)}"  # noqa: S608
        for row in bulk.select(sql, [bulk.as_list(ids)]):
            if row[0] not in kept:
                loaded = kept[row[0]] = InstanceRow(*row)
                loaded.stopped = bool(loaded.stopped)
            found.append(kept[row[0]])
        return found


def _forget(breaker_id: int) -> None:
    for key in [key for key, id in _breaker_ids.items() if id == breaker_id]:
        del _breaker_ids[key]
    for pair in [pair for pair in _instance_ids if pair[0] == breaker_id]:
        del _instance_ids[pair]


def _by_id(row: BreakerRow | InstanceRow) -> int:
    return row.id


_PLACE = {name: index for index, name in enumerate(COUNTERS)}
_SUM, _MAX, _BINS = _PLACE["duration_sum_ms"], _PLACE["duration_max_ms"], _PLACE["d0"]
# Remarks (slow, retry …) tell of calls that are timed elsewhere.
_TIMED = frozenset({"success", "failure", "timeout"})
