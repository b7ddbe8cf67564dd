"""Metrics: `GET /metrics` in Prometheus' text, counted from the tables at each look; never the name of a breaker.

Wants a credential of the operators' API, unless METRICS_PUBLIC says otherwise.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

import alerts.queries
from alerts.models import Notification
from alerts.models.notification import State as Outbox
from breakers import queries
from breakers.domain.states import SEVERITY
from breakers.models import Board, Event, Transition
from breakers.models.fields import to_us
from dashboard.api.credentials import actor_by_credential
from dashboard.api.problems import answer_to
from dashboard.health import pulse_ages

MINUTE = timedelta(minutes=1)


class Counted:
    """The board in numbers, as of now."""

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked of the database before the first look."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Everything that is counted."""
        now = datetime.now(UTC)
        yield _by("breakerboard_breakers", "Breakers by the state of their headline.", "state", _breakers(now))
        yield GaugeMetricFamily(
            "breakerboard_events_last_minute",
            "Events received in the last minute.",
            Event.objects.filter(pk__gt=to_us(now - MINUTE)).count(),
        )
        yield _by("breakerboard_alerts_open", "Alerts that are not resolved.", "status", alerts.queries.open_count())
        yield _by("breakerboard_notifications", "Notifications not sent: due, or dead.", "state", _notifications())
        yield GaugeMetricFamily(
            "breakerboard_oldest_unevaluated_transition_seconds",
            "How long the oldest change of a headline has waited for alerting; 0 where none waits.",
            _oldest_unevaluated(now),
        )
        yield _by(
            "breakerboard_pulse_age_seconds",
            "Since each part last proved that it works; a part that never did is left out.",
            "part",
            _pulses(now),
        )


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers."""
    try:
        if not settings.METRICS_PUBLIC:
            actor_by_credential(request)
        text = generate_latest(registry)
    except Exception as error:
        return answer_to(request, error)
    response = HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)
    response["Cache-Control"] = "no-store"
    return response


def _by(name: str, about: str, label: str, values: dict[str, int] | dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family


def _breakers(now: datetime) -> dict[str, int]:
    counts = queries.counts(queries.CardFilter(), now)
    return {str(state): counts.get(state, 0) for state in SEVERITY}


def _notifications() -> dict[str, int]:
    return {str(state): Notification.objects.filter(state=state).count() for state in (Outbox.DUE, Outbox.DEAD)}


def _oldest_unevaluated(now: datetime) -> float:
    waiting = Transition.objects.filter(evaluated_at=None, instance_name=None).order_by("id")
    recorded = waiting.values_list("recorded_at", flat=True).first()
    return max((now - recorded).total_seconds(), 0.0) if recorded else 0.0


def _pulses(now: datetime) -> dict[str, float]:
    ages = pulse_ages(now)
    heard = Board.objects.values_list("intake_pulse_at", flat=True).get()
    ages["intake"] = (now - heard).total_seconds() if heard else None
    return {part: max(age, 0.0) for part, age in ages.items() if age is not None}


registry = CollectorRegistry(auto_describe=False)
registry.register(Counted())
