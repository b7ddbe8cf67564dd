"""The timeline of a breaker: spans of state and buckets of outcomes over one range.

Wide buckets hold all that was folded; what is newer is added from the 10 s rows. Raw events are never read.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from breakers import bulk
from breakers.domain.retention import DAY_S
from breakers.domain.rollups import FINEST_S, Width, percentiles, suiting
from breakers.domain.silence import SECOND
from breakers.errors import Invalid
from breakers.ids import known_id
from breakers.models.fields import to_us
from breakers.models.rollup import COUNTERS, OUTCOMES
from breakers.queries import edges
from breakers.queries.cards import card
from breakers.queries.shapes import Card, Timeline
from breakers.queries.steps import Steps, steps
from breakers.retaining import retention
from breakers.times import rfc3339

MOST_POINTS = 1_000
_DAY_0 = date(1970, 1, 1).toordinal()
_NOT_FOLDED = " AND at >= (SELECT coalesce(folded_until, 0) / 1000000 FROM breakers_board)"
_MAX = COUNTERS.index("duration_max_ms")
_SHARES = (0.5, 0.95, 0.99)
_DURATIONS = ("duration_p50_ms", "duration_p95_ms", "duration_p99_ms", "duration_max_ms")
_NOTHING: dict[str, object] = {**dict.fromkeys(OUTCOMES, 0), **dict.fromkeys(_DURATIONS)}


def timeline(
    breaker_id: str,
    start: datetime,
    end: datetime,
    now: datetime,
    *,
    points: int = 300,
    lanes: bool = False,
    exact: bool = False,
) -> Timeline:
    """Spans and buckets of [start, end), at most `points` buckets. Each bucket is a dict of the contract's fields:
    at, success, failure, timeout, rejected, slow, fallback, retry, ignored, duration_p50_ms, _p95_, _p99_, duration_max_ms.

    Buckets begin on multiples of their width, the first one perhaps before `start`. exact: the first and the last are cut to
    the range, and hold only what happened in it, as long as raw events are kept.

    Errors: NotFound; Invalid where end <= start, or points out of 1 to 1,000.
    """
    if end <= start:
        raise Invalid(("to", f"'to' {rfc3339(end)} is not after 'from' {rfc3339(start)}"))
    if not 1 <= points <= MOST_POINTS:
        raise Invalid(("points", f"'points' is {points}; expected 1 to {MOST_POINTS}"))
    shown = card(breaker_id, now)
    number = known_id(breaker_id)
    known = steps(number, now, start, min(end, now), lanes=lanes, told=False)
    return drawn(shown, known, start, end, now, points=points, exact=exact)


def drawn(
    shown: Card, known: Steps, start: datetime, end: datetime, now: datetime, *, points: int, exact: bool = False
) -> Timeline:
    """The timeline of a breaker whose card and steps are at hand."""
    number = int(shown.id)
    start_s, end_s = to_us(start) // SECOND, -(-to_us(end) // SECOND)
    width = suiting(start_s, end_s, points, to_us(now) // SECOND, retention().widths)
    return Timeline(
        from_=rfc3339(start),
        to=rfc3339(end),
        width_s=width.chart_s,
        spans=known.spans(shown.strip_15m[-1:]),
        buckets=_buckets(number, start_s, end_s, width, _cuts(number, start, end, now, width) if exact else {}),
        lanes=known.drawn_lanes() if known.has_lanes else None,
    )


def _cuts(
    breaker_id: int, start: datetime, end: datetime, now: datetime, width: Width
) -> dict[int, tuple[int, list[Any]]]:
    """{second at which a bucket begins: (microsecond at which it is cut to begin, its counters)} of the range's edges."""
    step = width.chart_s * SECOND
    start_us, end_us, now_us = to_us(start), to_us(end), to_us(now)
    kept_us = retention().days["events"] * DAY_S * SECOND
    found: dict[int, tuple[int, list[Any]]] = {}
    for edge in (start_us, end_us):
        first = edge // step * step
        begins, ends = max(first, start_us), min(first + step, end_us)
        # What is yet to come needs no cut, and what is no longer kept can't be cut.
        if edge != first and first not in found and ends < now_us and begins > now_us - kept_us:
            found[first // SECOND] = (begins, edges.counted(breaker_id, begins, ends))
    if start_us % step and start_us // step * step // SECOND not in found:
        first = start_us // step * step // SECOND
        found[first] = (start_us, [])
    return found


def _buckets(
    breaker_id: int, start_s: int, end_s: int, width: Width, cuts: dict[int, tuple[int, list[Any]]]
) -> list[dict[str, object]]:
    first = start_s // width.chart_s * width.chart_s
    # Buckets begin on multiples of their width; the first and the last are cut at the range by what is stored.
    found: dict[int, list[Any]] = {}
    sql, params = _stored_sql("breakers_rollup_10s", width, ""), [breaker_id, first, end_s]
    if width.stored_s > FINEST_S:
        folded = _stored_sql("breakers_rollup", width, " AND width = %s")
        fresh = _stored_sql("breakers_rollup_10s", width, _NOT_FOLDED)
        sql, params = f"{folded} UNION ALL {fresh}", [*params, width.stored_s, *params]
    _add(found, sql, params)
    buckets = []
    for at, text in zip(range(first, end_s, width.chart_s), _times(first, end_s, width.chart_s), strict=True):
        cut = cuts.get(at)
        if cut is not None:
            buckets.append(_bucket(rfc3339(cut[0]), cut[1] or found.get(at)))
        else:
            buckets.append(_bucket(text, found.get(at)))
    return buckets


def _times(first: int, end: int, step: int) -> Iterator[str]:
    """Whole seconds as `rfc3339()` tells them, without a datetime for each."""
    known, day = -1, ""
    for at in range(first, end, step):
        days, seconds = divmod(at, DAY_S)
        if days != known:
            known, day = days, date.fromordinal(_DAY_0 + days).isoformat()
        yield f"{day}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"


def _stored_sql(table: str, width: Width, more: str) -> str:
    where = f"FROM {table} WHERE breaker_id = %s AND at >= %s AND at < %s{more}"
    stored_s = FINEST_S if table == "breakers_rollup_10s" else width.stored_s
    if width.chart_s == stored_s:
        return f"SELECT at, {', '.join(COUNTERS)} {where}"
    # PostgreSQL's sum of bigints is a numeric, which Python would have to turn into an int, one by one.
    whole = "::bigint" if bulk.is_postgresql() else ""
    sums = ", ".join(
        f"{'max' if name == 'duration_max_ms' else 'sum'}({name}){'' if name.startswith('duration') else whole}"
        for name in COUNTERS
    )
    return f"SELECT at / {width.chart_s} * {width.chart_s} AS bucket, {sums} {where} GROUP BY bucket"


def _add(found: dict[int, list[Any]], sql: str, params: list[int]) -> None:
    for at, *counters in bulk.select(sql, params):
        known = found.get(at)
        if known is None:
            found[at] = counters
            continue
        for index, value in enumerate(counters):
            known[index] = max(known[index], value) if index == _MAX else known[index] + value


def _bucket(at: str, counters: list[Any] | None) -> dict[str, object]:
    if counters is None:
        return {"at": at, **_NOTHING}
    success, failure, timeout, rejected, slow, retry, fallback, ignored, _, largest, *bins = counters
    p50, p95, p99 = percentiles(bins, _SHARES, largest)
    # Written out: there are hundreds of them in an answer.
    return {
        "at": at,
        "success": success,
        "failure": failure,
        "timeout": timeout,
        "rejected": rejected,
        "slow": slow,
        "retry": retry,
        "fallback": fallback,
        "ignored": ignored,
        "duration_p50_ms": p50,
        "duration_p95_ms": p95,
        "duration_p99_ms": p99,
        "duration_max_ms": float(largest) or None,
    }
