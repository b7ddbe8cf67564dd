"""Alertmanager: notifications of its webhook, version 4, in their published shape."""

from typing import Any

import pytest

from tests.breakers.formats.reading import NOW, attributes, read, refused, told

FIRING = {
    "status": "firing",
    "labels": {
        "alertname": "CircuitOpen", "breaker": "stock", "dependency": "stock-api", "instance": "orders-7f9c",
        "severity": "critical",
    },
    "annotations": {"summary": "stock is open on orders-7f9c, 93 % failures"},
    "startsAt": "2026-11-23T08:00:00.123456789Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=x",
    "fingerprint": "1a30ba71cca2921f",
}  # fmt: skip
RESOLVED = {**FIRING, "status": "resolved", "endsAt": "2026-11-23T10:02:30+02:00"}


def notification(*alerts: object, **more: object) -> dict[str, Any]:
    return {
        "version": "4", "groupKey": '{}:{alertname="CircuitOpen"}', "truncatedAlerts": 0, "status": "firing",
        "receiver": "breakerboard", "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.org:9093", "alerts": list(alerts), **more,
    }  # fmt: skip


def test_firing_opens_and_resolved_closes() -> None:
    batch = read("alertmanager", notification(FIRING, RESOLVED))
    assert told(batch) == [
        "08:00:00.123456 orders-7f9c/stock state_change ? → open",
        "08:02:30.000000 orders-7f9c/stock state_change ? → closed",
    ]
    opening = batch.reports[0]
    assert opening.dependency == "stock-api"
    assert opening.reason == {"text": "CircuitOpen firing: stock is open on orders-7f9c, 93 % failures"}
    assert attributes(opening)["labels"]["severity"] == "critical"


def test_the_query_names_the_instance_where_no_label_does() -> None:
    labels = {"alertname": "CircuitOpen", "breaker": "stock"}
    body = notification(FIRING, {**FIRING, "labels": labels})
    assert [report.instance for report in read("alertmanager", body, instance="eu").reports] == ["orders-7f9c", "eu"]


def test_an_alert_that_is_notified_again_is_the_same_event() -> None:
    again = {**FIRING, "annotations": {"summary": "stock is open on orders-7f9c, 71 % failures"}}
    later = {**FIRING, "startsAt": "2026-11-23T08:03:00Z"}
    keys = [report.key for report in read("alertmanager", notification(FIRING, again, RESOLVED, later)).reports]
    assert (len(set(keys)), keys[0] == keys[1]) == (3, True)


def test_what_can_not_be_read_is_named_and_the_rest_taken() -> None:
    nameless = {**FIRING, "labels": {"alertname": "DiskFull"}}
    suppressed = {**FIRING, "status": "suppressed"}
    batch = read("alertmanager", notification(nameless, FIRING, suppressed, {"status": "firing"}, "text"))
    assert len(batch.reports) == 1
    assert refused(batch) == [
        (0, "missing_field", "the alert 'DiskFull' has no label 'breaker'"),
        (2, "unknown_state", "unknown status 'suppressed'; expected one of firing, resolved"),
        (3, "unknown_shape", "an object without an object 'labels'; expected an alert"),
        (4, "unknown_shape", "'text' without an object 'labels'; expected an alert"),
    ]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (notification(FIRING, version="5"), "the notification's version is '5'; expected '4'"),
        ({"alerts": [FIRING]}, "the notification's version is null; expected '4'"),
        ({"version": "4"}, "'alerts' is null; expected an array"),
        ([7], "7 is no object; expected a notification"),
    ],
)
def test_what_is_no_notification_is_refused(body: object, detail: str) -> None:
    assert refused(read("alertmanager", body, now=NOW)) == [(0, "unknown_shape", detail)]
