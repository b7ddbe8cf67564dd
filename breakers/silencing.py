"""Silencing: what the clock alone does to state: stale, unknown, gone; and the cards' last minute, which passes.

Part of the recording, called by the sweep. A large board is gone through in several commits, so that posts pass between them.
"""

import time
from datetime import datetime

from breakers import bulk, headlining, listening, quieting
from breakers.domain.silence import SECOND, heard_from, quiet
from breakers.domain.states import SILENT
from breakers.models.fields import from_us, to_us
from breakers.recording import MINUTE_S
from breakers.replacing import Replacing
from breakers.rows import InstanceRow, Step
from breakers.signals import Changes, SilentSource, breakers_changed, sources_fell_silent
from breakers.workingset import WorkingSet

# Breakers in one transaction, and the pause after it.
AT_ONCE = 200
CARDS_AT_ONCE = 500
BETWEEN = 0.01  # s
MOST = 2**63 - 1


def is_due(at: datetime) -> bool:
    """Whether by then something was to fall silent that no sweep has marked."""
    due = min(to_us(at), listening.horizon(at))
    return bool(bulk.select("SELECT 1 FROM breakers_breaker WHERE silence_due_at <= %s LIMIT 1", [due]))


def sweep(at: datetime) -> int:
    """Mark what fell silent by now; how many instances changed."""
    now = to_us(at)
    # Beyond it nobody is judged: one of us may not have heard them.
    until = listening.horizon(at)
    changed, last = 0, 0
    while True:
        # By id, so that it ends even where a moment stays due.
        due = bulk.select(
            "SELECT id FROM breakers_breaker WHERE silence_due_at <= %s AND id > %s ORDER BY id LIMIT %s",
            [until, last, AT_ONCE],
        )
        if due:
            last = due[-1][0]
            with bulk.writing():
                changed += _silence([row[0] for row in due], now, until)
        if len(due) < AT_ONCE:
            return changed
        time.sleep(BETWEEN)


def _silence(due: list[int], now: int, until: int) -> int:
    """These breakers, in one transaction. What spoke meanwhile is judged as it is now."""
    since = bulk.select("SELECT listening_since FROM breakers_board")[0][0] or 0
    working = WorkingSet(now)
    working.load_breakers(due)
    working.load_whole(due)
    changed, headlines = 0, False
    silent: set[tuple[int, str]] = set()
    replacing = Replacing(now)
    for breaker in working.breakers.values():
        copies = working.of_breaker(breaker.id)
        steps = [
            step for copy in copies for step in _silenced(breaker.service_id, copy, since, min(now, until), replacing)
        ]
        changed += len({step.instance.id for step in steps})
        silent.update((breaker.service_id, step.instance.name) for step in steps if step.to_state in SILENT)
        if steps:
            headlines = headlining.apply(working, breaker, steps, since) or headlines
        else:
            headlining.refresh(breaker, copies, since, now)
    version = bulk.next_version()
    working.save(version, 0)
    if changed:
        _announce_after_commit(Changes(version, frozenset(working.breakers), headlines))
    if fallen := _fallen_sources(silent, now):
        bulk.after_commit(lambda: sources_fell_silent.send_robust(sender=None, sources=fallen))
    return changed


def _fallen_sources(names: set[tuple[int, str]], now: int) -> tuple[SilentSource, ...]:
    """Those of these sources whose last breaker fell silent now: one fact each, however many breakers they have."""
    by_service: dict[int, list[str]] = {}
    for service_id, name in sorted(names):
        by_service.setdefault(service_id, []).append(name)
    fallen = []
    for service_id, some in by_service.items():
        rows = bulk.select(
            "SELECT i.name, sum(CASE WHEN i.state IN ('stale', 'unknown') THEN 0 ELSE 1 END), count(*)"  # noqa: S608
            " FROM breakers_instance i JOIN breakers_breaker b ON b.id = i.breaker_id"
            f" WHERE b.service_id = %s AND i.left_at IS NULL AND i.interval_s IS NOT NULL AND {bulk.is_one_of('i.name')}"
            " GROUP BY i.name",
            [service_id, bulk.as_list(some)],
        )
        breakers = {name: count for name, heard, count in rows if not heard}
        marked = bulk.select(
            "UPDATE breakers_source SET silent_since = %s"  # noqa: S608
            f" WHERE service_id = %s AND silent_since IS NULL AND {bulk.is_one_of('name')} RETURNING name, heard_at",
            [now, service_id, bulk.as_list(list(breakers))],
        )
        fallen += [
            SilentSource(service_id, name, from_us(heard_at), from_us(now), breakers[name]) for name, heard_at in marked
        ]
    return tuple(sorted(fallen, key=lambda source: (source.service_id, source.name)))


def _silenced(service_id: int, copy: InstanceRow, since: int, until: int, replacing: Replacing) -> list[Step]:
    """The steps that silence makes of a live instance; they are written into the row."""
    if copy.left_at is not None or copy.interval_s is None:
        return []
    heard = heard_from(copy.heard_at, since)
    silence = quiet(heard, copy.interval_s, until)
    if silence is None:
        return []
    if silence.unknown is not None and silence.gone is None:
        replaced_at = replacing.by_whom(service_id, copy.name)
        silence = quiet(heard, copy.interval_s, until, replaced_at)
        assert silence is not None
    return quieting.fall(copy, silence)


def tally(at: datetime) -> int:
    """Count the last minute of every card anew, so that numbers fall when calls stop; how many cards changed."""
    now_s = to_us(at) // SECOND
    first = (now_s - MINUTE_S) // 10 * 10 + 10
    # Found without the lock, and counted once more under it.
    wrong = [row[-1] for row in _wrong_minutes(first)]
    changed = 0
    for start in range(0, len(wrong), CARDS_AT_ONCE):
        if start:
            time.sleep(BETWEEN)
        some = wrong[start : start + CARDS_AT_ONCE]
        with bulk.writing():
            moved = _wrong_minutes(first, some[0], some[-1])
            if moved:
                version = bulk.next_version()
                save_minutes([(calls, failures, rejected, version, id) for calls, failures, rejected, id in moved])
                _announce_after_commit(Changes(version, frozenset(row[-1] for row in moved)))
                changed += len(moved)
    return changed


def _wrong_minutes(first: int, from_id: int = 0, to_id: int = MOST) -> list[tuple[int, int, int, int]]:
    """(calls, failures, rejected, id) since the second `first` of those cards that show something else."""
    counted = {
        id: (int(calls), int(failures), int(rejected))
        for id, calls, failures, rejected in bulk.select(
            "SELECT breaker_id, sum(success + failure + timeout), sum(failure + timeout), sum(rejected)"
            " FROM breakers_rollup_10s WHERE at >= %s AND breaker_id BETWEEN %s AND %s GROUP BY breaker_id",
            [first, from_id, to_id],
        )
    }
    shown = {
        id: numbers
        for id, *numbers in bulk.select(
            "SELECT id, calls_1m, failures_1m, rejected_1m FROM breakers_breaker"
            " WHERE (calls_1m <> 0 OR failures_1m <> 0 OR rejected_1m <> 0) AND id BETWEEN %s AND %s",
            [from_id, to_id],
        )
    }
    nothing = (0, 0, 0)
    return [
        (*counted.get(id, nothing), id)
        for id in sorted({*counted, *shown})
        if counted.get(id, nothing) != tuple(shown.get(id, nothing))
    ]


save_minutes = bulk.update(
    "breakers_breaker",
    {"calls_1m": "bigint", "failures_1m": "bigint", "rejected_1m": "bigint", "version": "bigint", "id": "bigint"},
)


def _announce_after_commit(changes: Changes) -> None:
    bulk.after_commit(lambda: _announce(changes))


def _announce(changes: Changes) -> None:
    breakers_changed.send_robust(sender=None, changes=changes)
