"""Hystrix: the frames that opossum-hystrix really sent, and the published shape of Hystrix 1.5 itself."""

import json
from typing import Any

import pytest

from breakers.domain.foreign import Body
from breakers.domain.states import State
from tests.breakers.formats.reading import attributes, lines, read, refused, streamed, told

SAMPLE = {
    "type": "HystrixCommand", "name": "GetStock", "group": "Stock", "currentTime": 1795420800123,
    "isCircuitBreakerOpen": True, "requestCount": 50, "errorCount": 46, "errorPercentage": 92,
    "rollingCountSuccess": 4, "rollingCountFailure": 6, "rollingCountTimeout": 12, "rollingCountShortCircuited": 28,
    "latencyExecute": {"50": 12, "99": 804}, "reportingHosts": 1,
    "propertyValue_circuitBreakerRequestVolumeThreshold": 20,
    "propertyValue_circuitBreakerSleepWindowInMilliseconds": 5000,
    "propertyValue_circuitBreakerErrorThresholdPercentage": 50,
    "propertyValue_circuitBreakerForceOpen": False, "propertyValue_circuitBreakerForceClosed": False,
    "propertyValue_circuitBreakerEnabled": True,
    "propertyValue_metricsRollingStatisticalWindowInMilliseconds": 10000,
}  # fmt: skip
POOL = {"type": "HystrixThreadPool", "name": "Stock", "currentTime": 1795420800123, "reportingHosts": 1}
SWITCH = "propertyValue_circuitBreaker"


def test_the_frames_of_opossum_hystrix(opossum: dict[str, Any]) -> None:
    batch = read("hystrix", "".join(opossum["frames"]), Body.SSE, instance="web-1")
    assert batch.refusals == []
    assert {(each.instance, each.breaker, each.dependency) for each in batch.reports} == {
        ("web-1", "stock", "warehouse")
    }
    states = [report.state for report in batch.reports]
    assert [state for state, before in zip(states, [None, *states], strict=False) if state != before] == [
        State.CLOSED,
        State.OPEN,
        State.CLOSED,
    ]
    assert batch.reports[0].config == {
        "failure_rate_threshold": 50,
        "minimum_calls": 5,
        "reset_timeout_ms": 60,
        "window_ms": 10000,
        "timeout_ms": 200,
    }


def test_a_sample_of_hystrix_is_a_heartbeat_at_its_own_time() -> None:
    batch = read("hystrix", lines(SAMPLE), Body.NDJSON)
    assert told(batch) == ["08:00:00.123000 default/GetStock heartbeat open"]
    [report] = batch.reports
    assert (report.dependency, report.count, attributes(report)["rollingCountTimeout"]) == ("Stock", 1, 12)
    assert not any(name.startswith("propertyValue") for name in attributes(report))


@pytest.mark.parametrize(
    ("properties", "state"),
    [
        ({}, "open"),
        ({"Enabled": False, "ForceOpen": True}, "disabled"),
        ({"ForceOpen": True, "ForceClosed": True}, "forced_open"),
        ({"ForceClosed": True}, "forced_closed"),
    ],
)
def test_properties_are_stronger_than_the_state(properties: dict[str, bool], state: str) -> None:
    sample = {**SAMPLE, **{f"{SWITCH}{name}": value for name, value in properties.items()}}
    assert [report.state for report in read("hystrix", sample).reports] == [state]


def test_pools_and_pings_are_taken_and_dropped() -> None:
    body = f"ping: \n\n: a comment\n\n{streamed(POOL, SAMPLE)}event: x\ndata: {json.dumps(POOL)}"
    batch = read("hystrix", body.replace("\n", "\r\n"), Body.SSE)
    assert (batch.sent, batch.dropped, len(batch.reports)) == (3, 2, 1)


def test_the_same_sample_is_the_same_event_the_next_one_is_another() -> None:
    later = {**SAMPLE, "currentTime": SAMPLE["currentTime"] + 500}  # type: ignore[operator]
    keys = [report.key for report in read("hystrix", [SAMPLE, SAMPLE, later]).reports]
    assert (keys[0] == keys[1], keys[0] == keys[2]) == (True, False)
    assert keys[0] == read("hystrix", streamed(SAMPLE), Body.SSE).reports[0].key
    assert keys[0] != read("hystrix", SAMPLE, instance="web-1").reports[0].key


@pytest.mark.parametrize(
    ("sample", "code", "detail"),
    [
        ({**SAMPLE, "type": "HystrixThing"}, "unknown_type", "unknown type 'HystrixThing'; expected one of HystrixCommand, "
         "HystrixThreadPool, HystrixCollapser"),
        ({"circuitBreakerRecentEvent": {}, "metrics": {}, "currentState": "OPEN"}, "missing_field", "'type' is missing; "
         "expected one of HystrixCommand, HystrixThreadPool, HystrixCollapser"),
        ({**SAMPLE, "reportingHosts": 3}, "bad_value", "'reportingHosts' is 3: a sum over hosts is no instance"),
        ({**SAMPLE, "isCircuitBreakerOpen": "true"}, "bad_value", "'isCircuitBreakerOpen' is 'true'; expected true or false"),
        ({**SAMPLE, "currentTime": 1e30}, "bad_value", "'currentTime' is 1e+30; expected milliseconds since 1970"),
        ({**SAMPLE, "currentTime": None}, "missing_field", "'currentTime' is missing"),
        ({**SAMPLE, "name": 7}, "bad_value", "'name' is 7; expected text"),
    ],
)  # fmt: skip
def test_what_hystrix_does_not_say_is_refused(sample: object, code: str, detail: str) -> None:
    batch = read("hystrix", [SAMPLE, sample])
    assert (len(batch.reports), refused(batch)) == (1, [(1, code, detail)])


def test_a_frame_that_was_cut_off_is_refused_by_its_index() -> None:
    batch = read("hystrix", streamed(SAMPLE) + 'data: {"type": "Hyst', Body.SSE)
    assert [(index, code) for index, code, _ in refused(batch)] == [(1, "bad_json")]
