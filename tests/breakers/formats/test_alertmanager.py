"""Alertmanager: notifications of its webhook, version 4, in their published shape."""

from typing import Any

import pytest

from breakers.models.fields import to_us
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


def test_firing_opens_and_resolved_closes_at_the_time_of_receipt() -> None:
    batch = read("alertmanager", notification(FIRING, RESOLVED))
    assert told(batch) == [
        "08:05:00.000000 orders-7f9c/stock state_change ? → open",
        "08:05:00.000000 orders-7f9c/stock state_change ? → closed",
    ]
    opening = batch.reports[0]
    assert opening.dependency == "stock-api"
    assert opening.reason == {"text": "CircuitOpen firing: stock is open on orders-7f9c, 93 % failures"}
    assert attributes(opening)["labels"]["severity"] == "critical"
    assert [(attributes(each)["startsAt"], attributes(each).get("endsAt")) for each in batch.reports] == [
        (FIRING["startsAt"], None),
        (FIRING["startsAt"], "2026-11-23T10:02:30+02:00"),
    ]
    assert [(each.fires, each.told_us) for each in batch.reports] == [(True, None), (False, None)]


@pytest.mark.parametrize("began", ["2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z", None, "yesterday", 7])
def test_an_alerts_own_times_are_attributes(began: object) -> None:
    [report] = read("alertmanager", notification({**FIRING, "startsAt": began})).reports
    assert (report.at_us, report.told_us) == (to_us(NOW), None)
    assert attributes(report).get("startsAt") == began


def test_the_query_names_the_instance_where_no_label_does() -> None:
    labels = {"alertname": "CircuitOpen", "breaker": "stock"}
    body = notification(FIRING, {**FIRING, "labels": labels})
    assert [report.instance for report in read("alertmanager", body, instance="eu").reports] == ["orders-7f9c", "eu"]


def test_an_alert_is_its_labels() -> None:
    again = {**FIRING, "annotations": {"summary": "stock is open on orders-7f9c, 71 % failures"}}
    later = {**RESOLVED, "startsAt": "2026-11-23T08:03:00Z", "fingerprint": "another"}
    other = {**FIRING, "labels": {**FIRING["labels"], "severity": "warning"}}  # type: ignore[dict-item]
    alerts = [report.alert for report in read("alertmanager", notification(FIRING, again, later, other)).reports]
    assert [alert == alerts[0] for alert in alerts] == [True, True, True, False]
    assert [report.key for report in read("alertmanager", notification(FIRING)).reports] == [None]


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
        ({"alerts": [FIRING]}, "'version' is missing; expected '4', the version of a notification"),
        ({"version": "4"}, "'alerts' is missing; expected an array"),
        (notification(alerts=7), "'alerts' is 7; expected an array"),
        ([7], "7 is no object; expected a notification"),
    ],
)
def test_what_is_no_notification_is_refused(body: object, detail: str) -> None:
    assert refused(read("alertmanager", body, now=NOW)) == [(0, "unknown_shape", detail)]
