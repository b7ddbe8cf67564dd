"""Envoy: lines of its outlier detection event log, in their published shape."""

import json

import pytest

from breakers.domain.foreign import Body
from tests.breakers.formats.reading import attributes, lines, read, refused, told

CLUSTER = "outbound|8080||stock.prod.svc.cluster.local"
EJECT = {
    "type": "CONSECUTIVE_5XX", "cluster_name": CLUSTER, "upstream_url": "10.8.3.21:8080", "action": "EJECT",
    "num_ejections": 3, "enforced": True, "eject_consecutive_event": {}, "timestamp": "2026-11-23T08:00:00.123Z",
    "secs_since_last_action": "64",
}  # fmt: skip
UNEJECT = {
    "type": "CONSECUTIVE_5XX", "cluster_name": CLUSTER, "upstream_url": "10.8.3.21:8080", "action": "UNEJECT",
    "num_ejections": 3, "enforced": False, "timestamp": "2026-11-23T08:01:30.500Z", "secs_since_last_action": "90",
}  # fmt: skip


def test_ejected_is_open_and_back_is_closed() -> None:
    batch = read("envoy", lines(EJECT, UNEJECT), Body.NDJSON, instance="gateway-1")
    assert told(batch) == [
        f"08:00:00.123000 gateway-1/10.8.3.21:8080/{CLUSTER} state_change closed → open",
        f"08:01:30.500000 gateway-1/10.8.3.21:8080/{CLUSTER} state_change open → closed",
    ]
    opening, closing = batch.reports
    assert opening.dependency == "stock.prod.svc.cluster.local"
    assert (opening.reason, closing.reason) == ({"text": "CONSECUTIVE_5XX", "metric": "consecutive_failures"}, None)
    assert attributes(opening) == {"num_ejections": 3, "eject_consecutive_event": {}, "secs_since_last_action": "64"}


def test_without_a_name_for_the_envoy_the_host_is_the_instance() -> None:
    [report] = read("envoy", {**EJECT, "cluster_name": "stock"}).reports
    assert (report.instance, report.breaker, report.dependency) == ("10.8.3.21:8080", "stock", None)


def test_what_was_not_enforced_is_a_failure() -> None:
    [report] = read("envoy", {**EJECT, "enforced": False}).reports
    assert (report.type, report.state) == ("failure", None)
    assert report.reason == {"text": "would have been ejected: CONSECUTIVE_5XX", "metric": "consecutive_failures"}


def test_rates_of_success_become_rates_of_failure() -> None:
    rates = {"host_success_rate": 40, "cluster_average_success_rate": 95, "cluster_success_rate_ejection_threshold": 80}
    [report] = read("envoy", {**EJECT, "type": "SUCCESS_RATE", "eject_success_rate_event": rates}).reports
    assert report.reason == {"text": "SUCCESS_RATE", "metric": "failure_rate", "value": 60.0, "threshold": 20.0}
    detail = {"type": "FAILURE_PERCENTAGE", "eject_failure_percentage_event": {"host_success_rate": 10}}
    [report] = read("envoy", {**EJECT, **detail}).reports
    assert report.reason == {"text": "FAILURE_PERCENTAGE", "metric": "failure_rate", "value": 90.0}


def test_the_same_line_is_the_same_event() -> None:
    first, second = read("envoy", [EJECT, UNEJECT]).reports
    again = read("envoy", lines(EJECT), Body.NDJSON).reports[0]
    reordered = read("envoy", json.dumps(dict(reversed(EJECT.items())))).reports[0]
    assert (first.key == again.key == reordered.key, first.key == second.key) == (True, False)
    assert first.key != read("envoy", EJECT, instance="gateway-1").reports[0].key


@pytest.mark.parametrize(
    ("entry", "code", "detail"),
    [
        ({**EJECT, "action": "DROP"}, "unknown_type", "unknown action 'DROP'; expected one of EJECT, UNEJECT"),
        ({**EJECT, "type": "TOO_WARM"}, "unknown_type", "unknown type 'TOO_WARM'; expected one of CONSECUTIVE_5XX"),
        ({**EJECT, "enforced": None}, "missing_field", "'enforced' is missing"),
        ({**EJECT, "cluster_name": None}, "missing_field", "'cluster_name' is missing"),
        ({**EJECT, "timestamp": "23/11/2026"}, "bad_value", "'occurred_at': '23/11/2026' is no RFC 3339 time"),
        (
            {**EJECT, "type": "SUCCESS_RATE", "eject_success_rate_event": {"host_success_rate": 101}},
            "bad_value",
            "'host_success_rate' is 101; expected 0 to 100",
        ),
        ("EJECT", "unknown_shape", "'EJECT' is no object; expected an outlier detection event"),
    ],
)
def test_what_envoy_does_not_log_is_refused(entry: object, code: str, detail: str) -> None:
    batch = read("envoy", lines(EJECT, entry), Body.NDJSON)
    [(index, told_code, sentence)] = refused(batch)
    assert (len(batch.reports), index, told_code, sentence.startswith(detail)) == (1, 1, code, True), sentence
