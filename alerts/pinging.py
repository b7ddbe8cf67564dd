"""Pinging: a word to a watcher outside each minute, as long as alerts are evaluated and messages leave in time.

A dead man's switch: what stops us, whatever it is, also stops this, and the watcher raises the alarm that we can't.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings

from alerts import outbox
from alerts.destinations import guard
from alerts.errors import DeliveryError
from alerts.models import Notification
from breakers.models import Transition

EVALUATED_WITHIN = timedelta(seconds=30)
TRIED_WITHIN = timedelta(seconds=60)

log = structlog.get_logger(__name__)


def ping(now: datetime) -> None:
    """Say it, unless we are late. How that fails is written into the log, not raised."""
    if not settings.WATCHER_URL:
        return
    if why := lateness(now):
        log.warning("the watcher outside is not told that all is well", why=why)
        return
    try:
        answer = guard.post(settings.WATCHER_URL, {"User-Agent": "Breakerboard"}, b"", trusted=True)
    except DeliveryError as error:
        log.warning("the watcher outside was not reached", error=str(error))
        return
    if not 200 <= answer.status_code < 300:
        log.warning("the watcher outside refused", status_code=answer.status_code)


def lateness(now: datetime) -> str | None:
    """What is late on the alert road, as a sentence; None where nothing is."""
    waiting = Transition.objects.filter(
        evaluated_at=None, instance_name=None, recorded_at__lt=now - EVALUATED_WITHIN
    ).order_by("pk")
    if (transition := waiting.first()) is not None:
        return f"a transition of {transition.recorded_at:%H:%M:%S} UTC is not evaluated yet"
    # What a failing destination, or its rest, holds back is not our lateness.
    late = Notification.objects.filter(pk__in=outbox.due(now), due_at__lt=now - TRIED_WITHIN).order_by("due_at").first()
    return None if late is None else f"a message due at {late.due_at:%H:%M:%S} UTC was not tried yet"
