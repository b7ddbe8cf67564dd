"""Routes: who hears of which alerts, when, and who next when nobody takes it in hand. And what is due of that."""

import uuid

from django.db import models

from alerts.models.alert import Alert
from alerts.models.notification import Notification
from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Route(models.Model):
    """Alerts that match go to these destinations. Every route that matches counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    # {"service": "pay*", "breaker": …, "dependency": …, "severity": …, "labels": {"team": "payments"}}; empty: every alert.
    matchers = models.JSONField(default=dict)
    # {"days": ["mon", …], "from": "08:00", "to": "18:00", "timezone": "Europe/Berlin"}; null: always.
    hours = models.JSONField(null=True)
    # Outside its hours an alert of these severities goes out all the same.
    always = models.JSONField(default=list)
    # Ids of destinations, told at once.
    destinations = models.JSONField(default=list)
    # [{"after_s": 300, "destinations": [id, …]}, …]: who hears next while nobody has it in hand.
    steps = models.JSONField(default=list)
    # Seconds between reminders while nobody has it in hand, the last one for ever; empty: none.
    repeat_s = models.JSONField(default=list)
    created_at = MomentField()
    # When it was switched off; null: on.
    off_at = MomentField(null=True)

    def __str__(self) -> str:
        return self.name


class Reminder(models.Model):
    """What comes when nobody takes an alert in hand: one row an alert, a route and a kind, until the alert is over."""

    class Kind(models.TextChoices):
        """The next step of the escalation, or the same again."""

        ESCALATION = "escalation"
        REPEAT = "repeat"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="reminders")
    route = models.ForeignKey(Route, models.CASCADE, related_name="reminders")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    # How many went out, or would have.
    number = models.IntegerField(default=0)
    # When it is asked again; null: it is over.
    due_at = MomentField(null=True)
    # Why nothing went out when it was asked last; empty: something did.
    reason = models.CharField(max_length=200, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["alert", "route", "kind"], name="one_reminder_a_kind")]
        indexes = [
            models.Index(fields=["due_at"], name="reminders_due", condition=models.Q(due_at__isnull=False)),
        ]


class DeliveryFault(models.Model):
    """A destination does not take what it is sent: a fact that an alert can be raised from, through another one."""

    class Kind(models.TextChoices):
        """Its breaker is open; a notification was given up."""

        FAILING = "failing"
        DEAD_LETTER = "dead_letter"

    destination = models.ForeignKey("alerts.Destination", models.CASCADE, related_name="faults")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    # The one that was given up; null: of a failing destination.
    notification = models.ForeignKey(Notification, models.CASCADE, null=True, related_name="faults")
    began_at = MomentField()
    # Null: it still holds. A dead letter is over when it was sent again or the destination accepts again.
    ended_at = MomentField(null=True)
    detail = models.CharField(max_length=500)

    class Meta:
        indexes = [
            models.Index(fields=["destination"], name="faults_live", condition=models.Q(ended_at__isnull=True)),
        ]
