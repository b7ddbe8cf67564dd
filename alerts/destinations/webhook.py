"""The alert webhook of the contract, section 6: JSON, signed where the destination has a secret."""

import msgspec
from django.conf import settings
from django.utils import timezone

from alerts.destinations import guard
from alerts.destinations.base import Message, Notice, Receipt, Target
from alerts.destinations.signing import signature
from alerts.domain.backoff import retry_after_s
from alerts.errors import DeliveryError
from alerts.shapes import moment

# The alert as in the API, without what is only of use inside.
FIELDS = (
    "id",
    "rule",
    "severity",
    "status",
    "service",
    "breaker",
    "dependency",
    "labels",
    "started_at",
    "detected_at",
    "acknowledged_by",
    "resolved_at",
    "incident",
)


def compose(notice: Notice) -> bytes:
    """The body."""
    status = "resolved" if notice.alert.resolved_at is not None else "firing"
    incident = {"id": notice.alert.incident, "members_count": notice.members} if notice.alert.incident else None
    return msgspec.json.encode(
        {
            "version": 1,
            "type": f"alert.{status}",
            "timestamp": moment(notice.at),
            "status": status,
            "kind": notice.kind,
            "alert": {name: getattr(notice.alert, name) for name in FIELDS},
            "incident": incident,
            "summary": notice.summary,
            "url": notice.url,
        }
    )


def send(target: Target, message: Message) -> Receipt:
    """POST it. Errors: DeliveryError for anything but a 2xx."""
    timestamp = int(message.sent_at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Breakerboard",
        "Idempotency-Key": message.id,
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
    }
    if target.secret:
        headers["webhook-signature"] = signature(target.secret, message.id, timestamp, message.body)
    answer = guard.post(
        target.url,
        headers,
        message.body,
        trusted=target.trusted,
        allow_private=settings.ALLOW_PRIVATE_TARGETS,
    )
    if 200 <= answer.status_code < 300:
        return Receipt(answer.status_code, answer.address, answer.text)
    raise DeliveryError(
        f"answered {answer.status_code}",
        status_code=answer.status_code,
        retry_after_s=retry_after_s(answer.headers.get("retry-after"), timezone.now()),
        address=answer.address,
        answer=answer.text,
    )
