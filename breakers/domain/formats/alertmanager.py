"""Alertmanager: its webhook, version 4. A breaker is open while an alert fires whose labels name it, closed when the last resolves.

The label `breaker` is required; `dependency` and `instance` are taken where they are there. The news is of the moment that we
hear it: an alert's own times are those of its condition, kept with the event.
"""

from typing import Any

from breakers.domain.foreign import Body, Unknown, identity, read_each, text
from breakers.domain.reports import Alert, key_of, shown

BODIES = (Body.JSON,)
VERSION = "4"
LABELS = ("breaker", "dependency", "instance")
# Kept with the event. While an alert fires, `endsAt` is when it would be forgotten, and says nothing.
KEPT = ("status", "labels", "annotations", "startsAt")


def decode(documents: list[Any], instance: str | None) -> list[Any]:
    """Without ids: whether a notification says something new depends on what was heard before, and the recording knows that."""
    return read_each(lambda alert: _event(alert, instance), (alert for each in documents for alert in _alerts(each)))


def _alerts(document: Any) -> list[Any]:
    """The alerts of a notification; the document itself where it is none, to be refused."""
    if isinstance(document, dict) and document.get("version") == VERSION and isinstance(document.get("alerts"), list):
        alerts: list[Any] = document["alerts"]
        return alerts
    return [_Foreign(document)]


class _Foreign:
    """What is no notification of a version that we know."""

    def __init__(self, document: Any) -> None:
        self.document = document


def _event(alert: Any, instance: str | None) -> dict[str, Any]:
    if isinstance(alert, _Foreign):
        raise Unknown("unknown_shape", _what_is_wrong(alert.document))
    if not isinstance(alert, dict) or not isinstance(alert.get("labels"), dict):
        raise Unknown("unknown_shape", f"{shown(alert)} without an object 'labels'; expected an alert")
    labels = alert["labels"]
    if labels.get("breaker") is None:
        raise Unknown("missing_field", f"the alert {shown(labels.get('alertname'))} has no label 'breaker'")
    status = text(alert, "status")
    if status not in ("firing", "resolved"):
        raise Unknown("unknown_state", f"unknown status {shown(status)}; expected one of firing, resolved")
    firing = status == "firing"
    event = {
        **{name: labels[name] for name in LABELS if name in labels},
        "type": "state_change",
        "to_state": "open" if firing else "closed",
        "reason": _reason(alert),
        "attributes": {name: alert[name] for name in KEPT if alert.get(name) is not None},
    }
    if not firing and alert.get("endsAt") is not None:
        event["attributes"]["endsAt"] = alert["endsAt"]
    if instance is not None:
        event.setdefault("instance", instance)
    return Alert(event, key_of(identity("alertmanager", instance, labels)), fires=firing)


def _reason(alert: dict[str, Any]) -> str:
    name = str(alert["labels"].get("alertname", "an alert"))
    annotations = alert.get("annotations")
    summary = annotations.get("summary") if isinstance(annotations, dict) else None
    said = f": {summary}" if isinstance(summary, str) and summary else ""
    return f"{name} {alert['status']}{said}"


def _what_is_wrong(document: Any) -> str:
    if not isinstance(document, dict):
        return f"{shown(document)} is no object; expected a notification"
    if document.get("version") is None:
        return f"'version' is missing; expected '{VERSION}', the version of a notification"
    if document.get("version") != VERSION:
        return f"the notification's version is {shown(document.get('version'))}; expected '{VERSION}'"
    if document.get("alerts") is None:
        return "'alerts' is missing; expected an array"
    return f"'alerts' is {shown(document.get('alerts'))}; expected an array"
