"""Alertmanager, as a sender of its API v2: the labels are the alert, and what is not repeated is taken as over.

So what is stored says whether it fires, and the end is reckoned anew at each try; live alerts are told again every minute.
"""

from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.utils import timezone

from alerts.destinations import guard
from alerts.destinations.base import Message, Notice, Receipt, Target
from alerts.domain.backoff import retry_after_s
from alerts.domain.wording import plain
from alerts.errors import DeliveryError
from alerts.shapes import moment

PATH = "/api/v2/alerts"
# Longer than some of our own repetitions: one that is lost resolves nothing there.
HOLDS = timedelta(minutes=4)
MENDING_S = 15 * 60


class Told(msgspec.Struct, frozen=True):
    """One alert as it is stored. `ends_at` null: it fires."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str | None
    url: str


def compose(notice: Notice) -> bytes:
    """No counts and no severity that could change stand in the labels: with other labels it were another alert."""
    return msgspec.json.encode([told(notice)])


def told(notice: Notice) -> Told:
    """The alert in Alertmanager's words."""
    alert = notice.alert
    labels = {
        "alertname": f"breaker_{alert.rule}",
        "service": plain(alert.service),
        "breaker": plain(alert.breaker.name) if alert.breaker else "",
        "dependency": plain(alert.dependency),
        "breakerboard_alert": f"bb-{alert.id}",
        "env": settings.ENVIRONMENT,
    }
    return Told(
        {name: value for name, value in labels.items() if value},
        {"summary": notice.summary, "severity": alert.severity},
        alert.started_at,
        (alert.resolved_at or moment(notice.at)) if notice.kind == "resolved" else None,
        notice.url,
    )


def send(target: Target, message: Message) -> Receipt:
    """POST it. Errors: DeliveryError."""
    alerts = msgspec.json.decode(message.body, type=list[Told])
    body = msgspec.json.encode([_as_sent(alert, message.sent_at) for alert in alerts])
    headers = {"Content-Type": "application/json", "User-Agent": "Breakerboard"}
    if target.secret:
        headers["Authorization"] = f"Bearer {target.secret}"
    answer = guard.post(
        address_of(target.url),
        headers,
        body,
        trusted=target.trusted,
        allow_private=settings.ALLOW_PRIVATE_TARGETS,
    )
    if answer.status_code == 200:
        return Receipt(answer.status_code, answer.address, answer.text)
    code = answer.status_code
    raise DeliveryError(
        f"answered {code}",
        status_code=code,
        permanent=300 <= code < 500 and code not in {401, 403, 404, 408, 425, 429},
        patience_s=MENDING_S if code in {401, 403, 404} else None,
        retry_after_s=retry_after_s(answer.headers.get("retry-after"), timezone.now()),
        address=answer.address,
        answer=answer.text,
    )


def address_of(url: str) -> str:
    """Where it listens, below the address that was given."""
    base = url.rstrip("/")
    return base if base.endswith(PATH) else base + PATH


def _as_sent(alert: Told, at: datetime) -> dict[str, object]:
    return {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "endsAt": alert.ends_at or moment(at + HOLDS),
        "generatorURL": alert.url,
    }
