"""What is kept of one event is bounded, however large, deep or full of names it came; how much was cut is said with it."""

from typing import Any

import msgspec
import pytest

from breakers.domain.bounding import ATTRIBUTES, LONGEST_NAME, MOST_NAMES, bound
from breakers.domain.checking import check
from breakers.domain.fields import more
from breakers.domain.reports import Report

KEY = "bbk_12345678_" + "k" * 40
LARGE: dict[str, dict[str, Any]] = {
    "one text": {"a": "x y " * 50_000},
    "control characters": {"a": "\x01" * 100_000},
    "wide letters": {"a": "𝄞 " * 50_000},
    "a list": {"a": list(range(100_000))},
    "names": {f"n{number}": number for number in range(5_000)},
    "nested names": {"a": [{f"n{number}": 1} for number in range(5_000)]},
    "long names": {"é" * 300 + str(number): 1 for number in range(50)},
    "many long texts": {str(number): "word " * 2_000 for number in range(90)},
}


@pytest.mark.parametrize("value", LARGE.values(), ids=LARGE)
def test_a_large_value_is_cut_within_its_bounds(value: dict[str, Any]) -> None:
    kept, cut = bound(value, ATTRIBUTES, ATTRIBUTES // 2)
    size = len(msgspec.json.encode(kept))
    assert size <= ATTRIBUTES
    assert cut == max(1, len(msgspec.json.encode(value)) - size)
    assert "…cut, " in msgspec.json.encode(kept).decode()
    names = _names(kept)
    assert len(names) <= MOST_NAMES
    assert all(len(name) <= LONGEST_NAME for name in names)


def test_what_is_small_stays_as_it_is() -> None:
    value = {"region": "eu", "deep": [{"a": [1, 2.5, None, True]}], "text": "x" * 3_000}
    assert bound(value, ATTRIBUTES, ATTRIBUTES // 2) == (value, 0)


def test_every_part_of_an_event_is_bounded_and_says_so() -> None:
    report = _report(
        type="state_change",
        to_state="open",
        reason={"text": "long " * 300, "metric": "probe", "more": "word " * 2_000},
        config={**{f"n{number}": "x" * 60 for number in range(300)}, "failure_threshold": "5"},
        labels={f"label{number}": "v" * 200 for number in range(32)},
        attributes={"a": ["word " * 1_000] * 100},
        own="x " * 100_000,
    )
    extra = report.extra or {}
    kept = {
        "reason": report.reason,
        "config": report.config,
        "attributes": extra["attributes"],
    }
    sizes = {part: len(msgspec.json.encode(value)) for part, value in kept.items()}
    assert all(size <= most for size, most in zip(sizes.values(), (4 << 10, 8 << 10, 16 << 10), strict=True)), sizes
    assert set(extra["cut"]) == set(kept)
    # Routes match them: they are whole.
    assert report.labels == {f"label{number}": "v" * 200 for number in range(32)}
    assert (report.reason or {})["metric"] == "probe"
    assert (report.config or {})["failure_threshold"] == 5


def test_nothing_is_said_to_be_cut_where_nothing_was() -> None:
    report = _report(type="heartbeat", state="closed", config={"failure_threshold": 5}, attributes={"pod": "a"})
    assert report.extra == {"attributes": {"pod": "a"}}


def test_what_is_added_to_one_event_is_not_in_the_next() -> None:
    first = _report(type="failure", attributes={"pod": "a"})
    more(first, "attributes", "firing_alerts", 2)
    assert first.extra == {"attributes": {"pod": "a", "firing_alerts": 2}}
    assert _report(type="failure", attributes={"pod": "a"}).extra == {"attributes": {"pod": "a"}}


def test_secrets_are_taken_out_wherever_they_stand() -> None:
    report = _report(
        type="heartbeat",
        state="closed",
        dependency=f"postgres://orders:{'p' * 12}@db/orders",
        config={"url": "redis://:hunter22@cache/0", "api_key": "abcdef", KEY: 1},
        labels={"owner": "ada@example.com", "token": "abc", "key": KEY},
        attributes={KEY: 1, "secret": ["abc"], "inner": {"Bearer abcdefghijkl": "x"}},
    )
    told = msgspec.json.encode(report).decode()
    for secret in ("p" * 12, "hunter22", "abcdef", "ada@", '"abc"', "k" * 20, "abcdefghijkl"):
        assert secret not in told
    assert report.dependency == "postgres://orders:[redacted]@db/orders"


@pytest.mark.parametrize("before", range(3_300, 3_420, 3))
def test_no_half_of_a_secret_is_left_where_a_text_is_cut(before: int) -> None:
    """The key stands everywhere around the place where the text is cut."""
    report = _report(type="failure", reason={"text": "x", "more": "a " * (before // 4) + KEY + " b" * 3_000})
    assert "kkk" not in msgspec.json.encode(report.reason).decode()


def _report(**event: Any) -> Report:
    batch = check([{"breaker": "b", **event}], 1_800_000_000_000_000)
    assert batch.refusals == []
    return batch.reports[0]


def _names(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(name for inner in value.values() for name in _names(inner))]
    return [name for inner in value for name in _names(inner)] if isinstance(value, list) else []
