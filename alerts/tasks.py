"""Tasks: shells around the gerunds. The tables are the queue; each of these may run twice, late, or not at all for a while."""

import uuid

from celery import shared_task
from django.utils import timezone

from alerts import deputising, escalating, evaluating, notifying, outbox, pinging, reading, refreshing, reviewing
from breakers import nudging


@shared_task(name="alerts.tasks.evaluate")
def evaluate() -> None:
    """Evaluate the transitions that wait."""
    evaluating.evaluate(timezone.now())


@shared_task(name="alerts.tasks.deliver")
def deliver(notification_id: int) -> None:
    """Send one notification."""
    notifying.deliver(notification_id, timezone.now)


@shared_task(name="alerts.tasks.sweep")
def sweep() -> None:
    """Whatever is due: transitions that no nudge brought, ends of holds, notifications, leases that lapsed."""
    evaluating.sweep(timezone.now())
    escalating.sweep(timezone.now())
    deputising.sweep(timezone.now())
    for notification_id in outbox.due(timezone.now()):
        nudging.nudge("alerts.tasks.deliver", notification_id)
    for destination_id in refreshing.due(timezone.now()):
        nudging.nudge("alerts.tasks.refresh", str(destination_id))
    for rota_id in reading.due(timezone.now()):
        nudging.nudge("alerts.tasks.read_calendar", str(rota_id))


@shared_task(name="alerts.tasks.refresh")
def refresh(destination_id: str) -> None:
    """Tell a destination again what is live there."""
    refreshing.refresh(uuid.UUID(destination_id), timezone.now())


@shared_task(name="alerts.tasks.read_calendar")
def read_calendar(rota_id: str) -> None:
    """Read a rota's calendar again."""
    reading.refresh(uuid.UUID(rota_id), timezone.now())


@shared_task(name="alerts.tasks.tell_the_week")
def tell_the_week() -> None:
    """Tell each team of its week, on Monday morning."""
    reviewing.tell(timezone.now())


@shared_task(name="alerts.tasks.ping")
def ping() -> None:
    """Tell the outside watcher that the alert road works."""
    pinging.ping(timezone.now())
