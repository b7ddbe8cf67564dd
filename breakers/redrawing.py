"""Redrawing: lanes anew from what was told and what was silent, where something was told out of its order.

Part of the recording: called inside its transaction, never alone. Only the stretch that the late word changes is looked at: from its own
time to the next word of that instance.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from breakers import bulk, quieting
from breakers.domain import history
from breakers.domain.headlines import GONE
from breakers.domain.history import Base, Lane, Step, Told
from breakers.domain.silence import SECOND
from breakers.domain.states import SILENT, State
from breakers.models import Transition
from breakers.models.fields import from_us, to_us
from breakers.rows import BreakerRow, InstanceRow, decode

DAY = 86_400 * SECOND
# Late words closer together than this are drawn in one go.
APART = 60 * SECOND
# Before a shared change, for those that it may only repeat.
LOOKED_BACK = 60 * SECOND
PAGE = 500
# A shared state is drawn anew over so many words at most.
MOST = 20_000
END = 2**62
# An event as `filing` makes its row: where what is looked at stands.
_ID, _BREAKER, _INSTANCE, _AT, _TYPE, _STATE, _EXTRA = 0, 3, 4, 6, 7, 11, 14
Pending = Sequence[tuple[Any, ...]]


class Word(msgspec.Struct, frozen=True):
    """One thing told, by whom, and why as the service said it."""

    told: Told
    instance: int
    reason: dict[str, Any] | None


class _Stretch(msgspec.Struct):
    """What of the log is drawn again: [start, end]. `words`: all that was told in it, and of shared states before it."""

    start: int
    end: int
    words: list[Word]


def redraw(
    breaker: BreakerRow,
    copies: Mapping[int, InstanceRow],
    late: Mapping[int, Sequence[Told]],
    pending: Pending,
    now: int,
) -> int | None:
    """The earliest moment at which a lane changed; None where none did. Rows that stay right are kept.

    late: what was told out of order, by instance. pending: the batch's events as rows, not yet stored.
    """
    for number, words in late.items():
        quieting.cut(copies[number], [told.at for told in words])
    changed: list[int] = []
    if any(told.shared and told.says for words in late.values() for told in words):
        stretch = _shared_stretch(breaker.id, late, pending, now)
        changed += _draw(breaker, copies.values(), stretch, pending, now, shared=True)
    else:
        for number, words in late.items():
            for cluster in _clusters(words):
                stretch = _own_stretch(breaker.id, number, cluster, pending, now)
                changed += _draw(breaker, [copies[number]], stretch, pending, now, shared=False)
    return min(changed, default=None)


def changes_told(breaker_id: int, until: int, pending: Pending) -> list[tuple[Told, int]]:
    """What the instances of a breaker told of their shared state shortly before a moment, and at it."""
    words = _words(breaker_id, None, until - LOOKED_BACK, until, pending)
    return [(word.told, word.instance) for word in words if word.told.at <= until]


def _clusters(words: Sequence[Told]) -> Iterator[list[Told]]:
    ordered = sorted(words, key=lambda told: told.order)
    cluster = ordered[:1]
    for told in ordered[1:]:
        if told.at - cluster[-1].at > APART:
            yield cluster
            cluster = []
        cluster.append(told)
    yield cluster


def _own_stretch(breaker_id: int, number: int, late: Sequence[Told], pending: Pending, now: int) -> _Stretch:
    """Up to the next state that this instance told."""
    start, last, end = late[0].at, late[-1].at, END
    flagged = {told.place: told for told in late}
    words: list[Word] = []
    for word in _words(breaker_id, number, start - LOOKED_BACK, now, pending):
        if word.told.at > end:
            break
        # A stop is no end: who comes back after it is in the state that was told before it.
        if word.instance == number and word.told.at > last and end == END and word.told.says != GONE:
            end = word.told.at
        words.append(_flagged(word, flagged))
    known = {word.told.place for word in words}
    words += [Word(told, number, None) for told in late if told.place not in known]
    words += _returns(breaker_id, words, pending, now)
    return _Stretch(start, end, words)


def _shared_stretch(breaker_id: int, late: Mapping[int, Sequence[Told]], pending: Pending, now: int) -> _Stretch:
    """Up to now, for it counts for all."""
    flagged = {told.place: told for words in late.values() for told in words}
    start = min(told.at for told in flagged.values())
    words: list[Word] = []
    for word in _words(breaker_id, None, start - LOOKED_BACK, now, pending, of_all=True):
        if len(words) >= MOST:
            break
        words.append(_flagged(word, flagged))
    known = {word.told.place for word in words}
    words += [Word(told, number, None) for number, some in late.items() for told in some if told.place not in known]
    words += _returns(breaker_id, words, pending, now)
    return _Stretch(start, END, words)


def _flagged(word: Word, late: Mapping[int, Told]) -> Word:
    told = late.get(word.told.place)
    return Word(told, word.instance, word.reason) if told else word


def _words(
    breaker_id: int, instance: int | None, start: int, until: int, pending: Pending, *, of_all: bool = False
) -> Iterator[Word]:
    """What was told from `start` on, by time: by this instance, and of a shared state by any; `of_all`: by any of its own too."""
    fresh = [
        word
        for row in pending
        if row[_BREAKER] == breaker_id and row[_AT] >= start and (row[_STATE] or row[_TYPE] == "stopped")
        for word in [_word(row[_ID], row[_INSTANCE], row[_AT], row[_TYPE], row[_STATE], row[_EXTRA])]
        if of_all or word.instance == instance or word.told.shared
    ]
    fresh.sort(key=lambda word: (word.told.at, word.told.place))
    stored = _stored(breaker_id, instance, start, until, of_all)
    return heapq.merge(stored, fresh, key=lambda word: (word.told.at, word.told.place))


def _stored(breaker_id: int, instance: int | None, start: int, until: int, of_all: bool) -> Iterator[Word]:
    text = "::text" if bulk.is_postgresql() else ""
    whose = "" if of_all else f" AND (instance_id = %s OR CAST(extra{text} AS text) LIKE %s)"
    for day in range(start // DAY, until // DAY + 1):
        at, last = start, -1
        while True:
            rows = bulk.select(
                f"SELECT id, instance_id, at, type, to_state, extra{text} FROM breakers_event"  # noqa: S608
                " WHERE day = %s AND breaker_id = %s AND at >= %s AND (at > %s OR id > %s)"
                f" AND (to_state IS NOT NULL OR type = 'stopped'){whose} ORDER BY at, id LIMIT %s",
                [day, breaker_id, at, at, last, *([] if of_all else [instance or 0, '%"scope"%shared%']), PAGE],
            )
            for row in rows:
                word = _word(*row)
                if of_all or word.instance == instance or word.told.shared:
                    yield word
            if len(rows) < PAGE:
                break
            at, last = rows[-1][2], rows[-1][0]


def _word(place: int, instance: int, at: int, kind: str, state: str | None, extra: str | None) -> Word:
    more = decode(extra) if extra else {}
    told = Told(
        at,
        more.get("sequence", -1),
        place,
        GONE if kind == "stopped" else state,
        more.get("from_state"),
        change=kind == "state_change",
        shared=more.get("scope") == "shared",
    )
    return Word(told, instance, more.get("reason"))


def _returns(breaker_id: int, words: Sequence[Word], pending: Pending, now: int) -> list[Word]:
    """After each `stopped` the next event of that instance, of whatever kind: with it the instance is back."""
    stops = [word for word in words if word.told.says == GONE]
    found = [
        _first_of_any_kind(breaker_id, word.instance, word.told.at, pending, now, after=word.told) for word in stops
    ]
    known = {word.told.place for word in words}
    return list({w.told.place: w for w in found if w and w.told.says is None and w.told.place not in known}.values())


def _first_of_any_kind(
    breaker_id: int, instance: int, start: int, pending: Pending, now: int, *, after: Told | None = None
) -> Word | None:
    """The first event of an instance from `start` on, of whatever kind."""
    text = "::text" if bulk.is_postgresql() else ""
    later = [
        _word(row[_ID], row[_INSTANCE], row[_AT], row[_TYPE], row[_STATE], row[_EXTRA])
        for row in pending
        if row[_BREAKER] == breaker_id and row[_INSTANCE] == instance and row[_AT] >= start
    ]
    later = [word for word in later if after is None or word.told.order > after.order]
    for day in range(start // DAY, now // DAY + 1):
        rows = bulk.select(
            f"SELECT id, instance_id, at, type, to_state, extra{text} FROM breakers_event"  # noqa: S608
            " WHERE day = %s AND breaker_id = %s AND instance_id = %s AND at >= %s ORDER BY at, id LIMIT 20",
            [day, breaker_id, instance, start],
        )
        stored = [word for word in (_word(*row) for row in rows) if after is None or word.told.order > after.order]
        if stored:
            later += stored
            break
    return min(later, key=lambda word: word.told.order, default=None)


def _draw(
    breaker: BreakerRow, copies: Iterable[InstanceRow], stretch: _Stretch, pending: Pending, now: int, *, shared: bool
) -> list[int]:
    """Write the lanes of these instances anew within the stretch; when each of them changed first."""
    copies = list(copies)
    # Of a shared breaker the words of those that are not drawn count too.
    logs: dict[int, list[Told]] = {copy.id: [] for copy in copies}
    for word in stretch.words:
        logs.setdefault(word.instance, []).append(word.told)
    before = _shared_before(breaker.id, stretch, now) if shared else None
    bases = {copy.id: _base(copy, stretch, logs[copy.id], before) for copy in copies}
    for copy in copies:
        if not bases[copy.id].known:
            # It came with its first event, whatever that told.
            first = _first_of_any_kind(breaker.id, copy.id, stretch.start, pending, now)
            if first is not None and all(told.place != first.told.place for told in logs[copy.id]):
                logs[copy.id].append(first.told)
    silences = {copy.id: quieting.of_instance(copy.id, stretch.start) for copy in copies}
    lanes = history.lanes(logs, silences, bases, stretch.start)
    reasons = {word.told.place: word.reason for word in stretch.words}
    changed = []
    for copy in copies:
        changed_at = _replace(breaker, copy, lanes[copy.id], stretch, reasons, now)
        if changed_at is not None:
            changed.append(changed_at)
            _stand_at_the_end(copy)
        elif (
            copy.left_at is not None
            and copy.stopped
            and not bases[copy.id].known
            and not lanes[copy.id].steps
            and not _rows(copy).exists()
        ):
            # It said no more than that it stops, several times.
            copy.changed = True
            copy.left_at = copy.since = min([copy.left_at, *(told.at for told in logs[copy.id])])
        if shared and stretch.end == END and lanes[copy.id].told is not None:
            copy.reported_state, copy.changed = lanes[copy.id].told, True
            newest = max((word.told.at for word in stretch.words if word.told.shared and word.told.says), default=0)
            if newest > (copy.state_at or 0):
                copy.state_at, copy.state_sequence = newest, -1
    return changed


def _rows(copy: InstanceRow) -> Any:
    return Transition.objects.filter(breaker_id=copy.breaker_id, instance_id=copy.id)


def _base(copy: InstanceRow, stretch: _Stretch, log: Sequence[Told], shared: str | None) -> Base:
    """How the lane stood before the stretch."""
    rows = list(_rows(copy).filter(at__lt=from_us(stretch.start)).order_by("-at", "-sequence", "-id")[:12])
    if not rows:
        return Base()
    drawn = rows[0].to_state
    made = next((row for row in rows if not _by_silence(row)), None)
    told = next((row.to_state for row in rows if row.to_state != GONE and row.to_state not in SILENT), None)
    told = shared or told
    return Base(drawn, told, made is not None and made.to_state == GONE, True)


def _by_silence(row: Transition) -> bool:
    return row.event_id is None and row.from_state != GONE and (row.to_state in SILENT or row.to_state == GONE)


def _shared_before(breaker_id: int, stretch: _Stretch, now: int) -> str | None:
    """The shared state that was told last before the stretch; None: within reach, none was."""
    told = [word.told for word in stretch.words if word.told.at < stretch.start and word.told.shared and word.told.says]
    if told:
        words = [(word.told, word.instance) for word in stretch.words if word.told.at < stretch.start]
        repeated = history.witnesses(words)
        counting = [each for each in told if each.place not in repeated and each.says != GONE]
        return max(counting, key=lambda each: (each.at, each.place)).says if counting else None
    return None


def _replace(
    breaker: BreakerRow,
    copy: InstanceRow,
    lane: Lane,
    stretch: _Stretch,
    reasons: Mapping[int, dict[str, Any] | None],
    now: int,
) -> int | None:
    """Make the lane's rows of the stretch what they should be; the first moment that differs."""
    rows = list(
        _rows(copy)
        .filter(at__gte=from_us(stretch.start), at__lte=from_us(stretch.end) if stretch.end != END else from_us(now))
        .order_by("at", "sequence", "id")
    )
    had: dict[int, list[Transition]] = {}
    for row in rows:
        had.setdefault(to_us(row.at), []).append(row)
    wanted: dict[int, list[Step]] = {}
    for step in lane.steps:
        if stretch.start <= step.at <= stretch.end:
            wanted.setdefault(step.at, []).append(step)
    moments = [at for at in sorted({*had, *wanted}) if not _is_same(had.get(at, []), wanted.get(at, []))]
    if not moments:
        return None
    recorded = {row.event_id: row.recorded_at for row in rows if row.event_id is not None}
    Transition.objects.filter(pk__in=[row.pk for at in moments for row in had.get(at, [])]).delete()
    Transition.objects.bulk_create(
        Transition(
            breaker_id=breaker.id,
            instance_id=copy.id,
            instance_name=copy.name,
            from_state=step.from_state,
            to_state=step.to_state,
            at=from_us(step.at),
            sequence=step.sequence,
            recorded_at=recorded.get(step.place) or from_us(min(step.place or now, now)),
            event_id=step.place,
            gap=step.gap,
            late=step.late,
            reason=reasons.get(step.place) if step.place is not None else None,
        )
        for at in moments
        for step in wanted.get(at, [])
    )
    return moments[0]


def _is_same(rows: Sequence[Transition], steps: Sequence[Step]) -> bool:
    return [(row.from_state, row.to_state) for row in rows] == [(step.from_state, step.to_state) for step in steps]


def _stand_at_the_end(copy: InstanceRow) -> None:
    """The instance is in what its lane ends with."""
    last = _rows(copy).order_by("-at", "-sequence", "-id").first()
    if last is None:
        return
    copy.since, copy.changed = to_us(last.at), True
    if last.to_state == GONE:
        copy.left_at = copy.since
        copy.stopped = copy.stopped or not _by_silence(last)
        copy.state = copy.reported_state or State.UNKNOWN
    else:
        copy.left_at, copy.stopped, copy.state = None, False, last.to_state
