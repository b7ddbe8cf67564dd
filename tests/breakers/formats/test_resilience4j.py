"""resilience4j: what its endpoints and its stream answer, in their published shapes."""

import json
from typing import Any

import pytest

from breakers.domain.foreign import Body
from tests.breakers.formats.reading import attributes, lines, read, refused, told


def event(kind: str, at: str, breaker: str = "stock", **more: object) -> dict[str, Any]:
    return {
        "circuitBreakerName": breaker, "type": kind, "creationTime": f"2026-11-23T{at}+01:00[Europe/Berlin]",
        "errorMessage": None, "durationInMs": None, "stateTransition": None, **more,
    }  # fmt: skip


ERROR = event(
    "ERROR", "09:00:00.104233", errorMessage="java.io.IOException: connection reset: by peer", durationInMs=41
)
TIMEOUT = event(
    "ERROR", "09:00:00.104", errorMessage="java.util.concurrent.TimeoutException: no answer in 800 ms", durationInMs=803
)
EXCEEDED = event("FAILURE_RATE_EXCEEDED", "09:00:00.104999")
OPENED = event("STATE_TRANSITION", "09:00:00.105", stateTransition="CLOSED_TO_OPEN")
RING = {
    "circuitBreakerEvents": [
        event("SUCCESS", "09:00", durationInMs=12),
        ERROR,
        EXCEEDED,
        OPENED,
        event("NOT_PERMITTED", "09:00:01"),
        event("STATE_TRANSITION", "09:01:00.123456789", stateTransition="OPEN_TO_HALF_OPEN"),
        event("IGNORED_ERROR", "09:01:00.2", errorMessage="com.acme.NotFound", durationInMs=3),
        event("STATE_TRANSITION", "09:01:01", stateTransition="State transition from HALF_OPEN to CLOSED"),
        event("STATE_TRANSITION", "09:02:00", stateTransition="CLOSED_TO_METRICS_ONLY"),
        event("STATE_TRANSITION", "09:02:01", stateTransition="METRICS_ONLY_TO_FORCED_OPEN"),
        event("RESET", "09:02:02"),
    ]
}


def test_a_ring_of_events() -> None:
    batch = read("resilience4j", RING, instance="orders-1")
    assert told(batch) == [
        "08:00:00.000000 orders-1/stock success",
        "08:00:00.104233 orders-1/stock failure",
        "08:00:00.105000 orders-1/stock state_change closed → open",
        "08:00:01.000000 orders-1/stock rejected",
        "08:01:00.123456 orders-1/stock state_change open → half_open",
        "08:01:00.200000 orders-1/stock ignored",
        "08:01:01.000000 orders-1/stock state_change half_open → closed",
        "08:02:00.000000 orders-1/stock state_change closed → forced_closed",
        "08:02:01.000000 orders-1/stock state_change forced_closed → forced_open",
        "08:02:02.000000 orders-1/stock reset",
    ]
    assert (batch.sent, batch.dropped) == (11, 1)
    failure = batch.reports[1]
    assert (failure.error_type, failure.error_message) == ("java.io.IOException", "connection reset: by peer")
    assert failure.duration_ms == 41
    assert batch.reports[5].error_type == "com.acme.NotFound"
    assert attributes(batch.reports[7]) == {"native_state": "METRICS_ONLY"}


def test_a_rate_that_was_exceeded_is_the_reason_of_the_opening_of_that_breaker() -> None:
    other = event("STATE_TRANSITION", "09:00:00.105", breaker="price", stateTransition="CLOSED_TO_OPEN")
    slow = event("SLOW_CALL_RATE_EXCEEDED", "09:00:00.1", breaker="geo")
    opened = event("STATE_TRANSITION", "09:00:00.2", breaker="geo", stateTransition="HALF_OPEN_TO_OPEN")
    reports = read("resilience4j", [EXCEEDED, other, OPENED, slow, opened]).reports
    assert [(report.breaker, report.reason and report.reason["metric"]) for report in reports] == [
        ("price", None),
        ("stock", "failure_rate"),
        ("geo", "slow_call_rate"),
    ]


def test_an_error_whose_class_is_a_timeout() -> None:
    [report] = read("resilience4j", TIMEOUT).reports
    assert (report.type, report.error_message, report.duration_ms) == ("timeout", "no answer in 800 ms", 803)
    plain = {**TIMEOUT, "errorMessage": "a sentence: that is no class"}
    [report] = read("resilience4j", plain).reports
    assert (report.type, report.error_type, report.error_message) == ("failure", None, "a sentence: that is no class")


@pytest.mark.parametrize(
    "time", ["2026-11-23T08:00Z", "2026-11-23T08:00:00Z[UTC]", "2026-11-23T09:00:00.000000000+01:00"]
)
def test_java_leaves_out_what_is_zero(time: str) -> None:
    assert told(read("resilience4j", {**ERROR, "creationTime": time})) == ["08:00:00.000000 default/stock failure"]


def test_a_poller_sends_the_same_ring_again() -> None:
    first, again = (read("resilience4j", RING, instance="orders-1").reports for _ in range(2))
    assert [report.key for report in first] == [report.key for report in again]
    assert len({report.key for report in first}) == len(first)
    other = read("resilience4j", RING, instance="orders-2").reports
    assert {report.key for report in first} & {report.key for report in other} == set()
    # The stream sends the same without its empty fields.
    sparse = {field: value for field, value in ERROR.items() if value is not None}
    assert read("resilience4j", sparse, instance="orders-1").reports[0].key == first[1].key


def test_the_stream_and_its_pings() -> None:
    body = f"event:ping\n\nid:stock\nevent:ERROR\ndata:{json.dumps(ERROR)}\n\nevent:ping\n\n"
    assert told(read("resilience4j", body, Body.SSE)) == ["08:00:00.104233 default/stock failure"]
    assert len(read("resilience4j", lines(ERROR, OPENED), Body.NDJSON).reports) == 2


SNAPSHOT = {
    "circuitBreakers": {
        "stock": {"failureRate": "-1.0%", "slowCallRate": "-1.0%", "failureRateThreshold": "50.0%",
                  "slowCallRateThreshold": "100.0%", "bufferedCalls": 0, "failedCalls": 0, "slowCalls": 0,
                  "slowFailedCalls": 0, "notPermittedCalls": 7, "state": "OPEN"},
        "price": {"failureRate": "12.5%", "failureRateThreshold": "50.0%", "state": "HALF_OPEN"},
        "odd": {"state": "AJAR"},
    }
}  # fmt: skip


def test_a_snapshot_is_a_heartbeat_each() -> None:
    batch = read("resilience4j", SNAPSHOT, instance="orders-1")
    assert [(report.type, report.breaker, report.state, report.key) for report in batch.reports] == [
        ("heartbeat", "stock", "open", None),
        ("heartbeat", "price", "half_open", None),
    ]
    assert batch.reports[0].config == {"failure_rate_threshold": 50.0, "slow_call_rate_threshold": 100.0}
    assert attributes(batch.reports[0])["notPermittedCalls"] == 7
    assert refused(batch) == [
        (2, "unknown_state", "the state of 'odd' is 'AJAR'; expected CLOSED, OPEN, HALF_OPEN, FORCED_OPEN, DISABLED, METRICS_ONLY")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "code", "detail"),
    [
        ({**ERROR, "type": "HICCUP"}, "unknown_type", "unknown type 'HICCUP'; expected one of ERROR, SUCCESS"),
        ({**OPENED, "stateTransition": "CLOSED_TO_AJAR"}, "unknown_state", "unknown state transition 'CLOSED_TO_AJAR'"),
        ({**OPENED, "stateTransition": None}, "missing_field", "'stateTransition' is missing"),
        ({**ERROR, "creationTime": 1795420800}, "bad_value", "'creationTime' is 1795420800; expected text"),
        ({**ERROR, "creationTime": "yesterday"}, "bad_value", "'creationTime' is 'yesterday'; expected one like"),
        ({"type": "failure", "breaker": "x"}, "unknown_shape", "an object without 'circuitBreakerName'; expected"),
        ("text", "unknown_shape", "'text' without 'circuitBreakerName'; expected a circuit breaker event"),
    ],
)
def test_what_resilience4j_does_not_say_is_refused(item: object, code: str, detail: str) -> None:
    batch = read("resilience4j", [ERROR, item])
    [(index, told_code, sentence)] = refused(batch)
    assert (len(batch.reports), index, told_code, sentence.startswith(detail)) == (1, 1, code, True), sentence
