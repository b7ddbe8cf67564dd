"""Sources: the arithmetic of one poster: its sequence, its clock, its rate. Times in microseconds since 1970."""

import msgspec

from breakers.domain.numbers import Numbers, Run, follow
from breakers.domain.silence import DEFAULT_INTERVAL_S, SECOND

MINUTE = 60 * SECOND
# The clock is judged by the smallest difference of this window and the one before it.
WINDOW = 300 * SECOND
# Told of the future by more than this, a report counts as early.
TOLERATED = SECOND
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Numbers).decode


class SourceRow(msgspec.Struct):
    """A source as stored, and what a batch did to it; the fields are those of the model."""

    service_id: int
    name: str
    first_heard_at: int
    heard_at: int
    newest_at: int
    last_sequence: int = -1
    interval_s: int | None = None
    events: int = 0
    duplicates: int = 0
    missing: int = 0
    restarts: int = 0
    late: int = 0
    early: int = 0
    minute: int = 0
    in_minute: int = 0
    in_minute_before: int = 0
    skew_us: int | None = None
    skew_window_us: int | None = None
    skew_window_from: int | None = None
    library: str | None = None
    library_version: str | None = None
    stopped: bool = False
    silent_since: int | None = None
    numbers: str = ""


def hear(
    source: SourceRow, kind: str, at: int, told: int | None, sequence: int, now: int, *, all_stopped: bool = True
) -> None:
    """One accepted report: of `kind`, ordered at `at`, told to be of `told`, received `now`.

    `all_stopped`: for a `stopped`, whether none of the source's breakers is left.
    """
    source.events += 1
    source.heard_at = now
    source.silent_since = None
    minute = now // MINUTE
    if minute != source.minute:
        source.in_minute_before = source.in_minute if minute == source.minute + 1 else 0
        source.minute, source.in_minute = minute, 0
    source.in_minute += 1
    if told is not None:
        _compare_clocks(source, now - told, now)
        if told > now + TOLERATED:
            source.early += 1
    older = at < source.newest_at
    if older:
        source.late += 1
    if sequence >= 0:
        if sequence == source.last_sequence + 1 and not older:
            source.last_sequence = sequence
        else:
            _follow(source, sequence, at, told)
    elif source.stopped and source.last_sequence < 0 and not older and kind != "stopped":
        source.restarts += 1
    if not older:
        source.newest_at = at
        source.stopped = False
    if kind == "stopped" and all_stopped:
        source.stopped = True
    if kind == "heartbeat" and source.interval_s is None:
        source.interval_s = DEFAULT_INTERVAL_S


def a_minute(source: SourceRow, now: int) -> int:
    """Events over the last minute: this one's, and of the one before the part that is not over a minute ago."""
    minute, passed = divmod(now, MINUTE)
    if minute == source.minute:
        return source.in_minute + source.in_minute_before * (MINUTE - passed) // MINUTE
    return source.in_minute * (MINUTE - passed) // MINUTE if minute == source.minute + 1 else 0


def _follow(source: SourceRow, sequence: int, at: int, told: int | None) -> None:
    """A number that is not the next one."""
    last = source.last_sequence
    if last < 0:
        numbers = Numbers(Run(at, sequence, sequence))
    else:
        # The numbers that followed each other since are not written down one by one.
        numbers = _decode(source.numbers) if source.numbers else Numbers(Run(0, last, last))
        numbers.run.last = last
        missing, began = follow(numbers, sequence, at, told, source.newest_at, stopped=source.stopped)
        source.missing = max(0, source.missing + missing)
        source.restarts += began
    source.last_sequence = numbers.run.last
    source.numbers = _encode(numbers).decode()


def _compare_clocks(source: SourceRow, difference: int, now: int) -> None:
    """The smallest difference is the one that waited least: what is left of it is the clock's."""
    if source.skew_window_from is None or now - source.skew_window_from >= WINDOW:
        source.skew_us, source.skew_window_us, source.skew_window_from = source.skew_window_us, difference, now
    else:
        source.skew_window_us = min(
            difference, source.skew_window_us if source.skew_window_us is not None else difference
        )
    source.skew_us = min(source.skew_window_us, source.skew_us if source.skew_us is not None else difference)
