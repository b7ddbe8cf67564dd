"""Reading plain outcomes in one step gives what reading them step by step gives, or nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from breakers.domain.checking import check
from breakers.domain.keeping import Keeping
from breakers.domain.plain import plain
from breakers.domain.reports import BadBody, read_json
from breakers.models.fields import to_us

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
EVENT = {
    "id": "0192f0c1-7c1e-7000-8000-000000000001",
    "type": "failure",
    "breaker": "delivery-tracking",
    "dependency": "tracking-api",
    "instance": "orders-7f9c",
    "sequence": 42,
    "occurred_at": "2026-11-23T07:59:59.123456Z",
    "count": 17,
    "duration_ms": 1003,
    "duration_max_ms": 1500.5,
    "error": {"type": "ConnectTimeout", "message": "no answer for ada@example.org"},
}


@pytest.mark.parametrize("shape", ["one", "list", "events"])
def test_a_plain_outcome_is_read_at_once(shape: str) -> None:
    body: Any = {"one": EVENT, "list": [EVENT, EVENT], "events": {"events": [EVENT, EVENT]}}[shape]
    raw = msgspec.json.encode(body)
    found = plain(raw, to_us(NOW))
    assert found is not None
    assert (found, []) == (check(read_json(raw), to_us(NOW)).reports, check(read_json(raw), to_us(NOW)).refusals)
    assert found[0].error_message == "no answer for [e-mail]"


@pytest.mark.parametrize(
    "change",
    [
        {"type": "state_change", "to_state": "open"},
        {"breaker": " "},
        {"breaker": "a\x00b"},
        {"breaker": "x" * 201},
        {"instance": None},
        {"occurred_at": "2026-11-23T08:00:01Z"},
        {"occurred_at": "2026-10-01T08:00:00Z"},
        {"occurred_at": "yesterday"},
        {"sequence": -1},
        {"count": 0},
        {"duration_ms": 1e16},
        {"error": {"message": "x" * 3_000}},
        {"error": {"message": "a\x00b"}},
        {"error": "broken"},
        {"attributes": {"region": "eu"}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_anything_else_is_left_to_the_long_way(change: dict[str, Any]) -> None:
    assert plain(msgspec.json.encode({**EVENT, **change}), to_us(NOW)) is None


def test_what_a_service_does_not_want_kept_is_left_out() -> None:
    keeping = Keeping(messages=False)
    raw = msgspec.json.encode(EVENT)
    found = plain(raw, to_us(NOW), keeping=keeping, kept_for=timedelta(days=7))
    assert found == check(read_json(raw), to_us(NOW), keeping=keeping, kept_for=timedelta(days=7)).reports
    assert found[0].error_message is None
    old = msgspec.json.encode({**EVENT, "occurred_at": "2026-11-10T08:00:00Z"})
    assert plain(old, to_us(NOW)) is not None
    assert plain(old, to_us(NOW), kept_for=timedelta(days=7)) is None
    assert plain(raw, to_us(NOW), keeping=Keeping(depth=2)) is None


NAMES = st.sampled_from(["payments", " ", "", "a\x00", "x" * 200, "x" * 201, "ü" * 200, "\ud83d"]) | st.text(max_size=5)
TIMES = st.sampled_from(
    ["2026-11-23T07:59:60Z", "2026-11-23 07:00:00+00:00", "2026-11-23T07:00:00", ""]
) | st.timedeltas(timedelta(days=-31), timedelta(days=1)).map(lambda ago: (NOW + ago).isoformat())
ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([]) | st.just({})
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["failure", "success", "slow", "heartbeat", "stopped", "oops"]),
    "breaker": NAMES,
    "dependency": NAMES,
    "instance": NAMES,
    "id": NAMES | st.uuids().map(str),
    "sequence": st.integers(-2, 2**63) | st.just(5.0),
    "occurred_at": TIMES,
    "count": st.integers(-1, 1_000_001) | st.just(2.5),
    "duration_ms": st.floats(-1, 2e15) | st.integers(0, 10),
    "duration_max_ms": st.floats(0, 1e3),
    "error": st.fixed_dictionaries({}, optional={"type": NAMES | st.none(), "message": st.text(max_size=600), "code": ODD}),
    "more": ODD,
}  # fmt: skip


def _field(name: str) -> st.SearchStrategy[Any]:
    return st.one_of(FIELDS[name], FIELDS[name], FIELDS[name], ODD)


EVENTS = st.fixed_dictionaries(
    {"type": FIELDS["type"], "breaker": FIELDS["breaker"]},
    optional={name: _field(name) for name in FIELDS if name not in ("type", "breaker")},
)


@given(body=st.one_of(EVENTS, st.lists(EVENTS, max_size=3), st.lists(EVENTS, max_size=3).map(lambda e: {"events": e})))
def test_both_ways_read_the_same(body: Any) -> None:
    try:
        raw = msgspec.json.encode(body)
    except (UnicodeEncodeError, OverflowError):
        return
    found = plain(raw, to_us(NOW))
    if found is None:
        return
    try:
        batch = check(read_json(raw), to_us(NOW))
    except BadBody:
        batch = None
    assert batch is not None
    assert (found, []) == (batch.reports, batch.refusals)
