"""Alerts, and the log of everything that changed them."""

from django.db import models

from alerts.domain.lifecycle import Status
from alerts.models.incident import Incident
from alerts.models.rule import Rule
from breakers.models import Breaker
from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Alert(models.Model):
    """One thing that is wrong, from its first sign to its resolution. A later trip is a new alert."""

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="alerts")
    severity = models.CharField(max_length=10)
    status = models.CharField(max_length=12, choices=[(each.value, each.value) for each in Status])
    # The change number of the last change to this row, of the whole board's one sequence.
    version = models.BigIntegerField(default=0, db_index=True)

    # What it is about: `breaker`, `service`, `destination` or `board`, and its id.
    subject_kind = models.CharField(max_length=12, default="breaker")
    subject_id = models.CharField(max_length=40, default="")
    # The subject as it was when the alert began. Null breaker: it was deleted since, or the subject is none.
    breaker = models.ForeignKey(Breaker, models.SET_NULL, null=True, related_name="alerts")
    service = models.CharField(max_length=NAME_LENGTH)
    breaker_name = models.CharField(max_length=NAME_LENGTH)
    dependency = models.CharField(max_length=NAME_LENGTH)
    labels = models.JSONField(default=dict)
    summary = models.CharField(max_length=500)

    # When it happened, by the event; and when we stored that.
    started_at = MomentField()
    detected_at = MomentField()
    # How often the condition came true: once, and again at each re-opening inside the hold.
    trips = models.IntegerField(default=1)
    # Who has it in hand; null: nobody.
    acknowledged_by = models.CharField(max_length=NAME_LENGTH, null=True)
    acknowledged_at = MomentField(null=True)
    acknowledged_comment = models.TextField(default="")
    # Whether only some of the instances were open then: when all are, it got worse.
    acknowledged_partly = models.BooleanField(default=False)
    # Since when the condition is false; null: it is true, or the alert is resolved.
    recovering_since = MomentField(null=True)
    # When the clock alone decides (the end of `for` or of the hold); null: an event does.
    check_at = MomentField(null=True)
    # When the condition ended, by the event, before the hold; null: it is true, or it ended before this was kept.
    ended_at = MomentField(null=True)
    # Null: live.
    resolved_at = MomentField(null=True)
    # Its opening was over when we heard of it: nobody is told of it as if it were now.
    untold = models.BooleanField(default=False, db_default=False)
    # What it claimed never was, or is told by another alert: history was told otherwise. Null: it stands.
    withdrawn_at = MomentField(null=True)
    # Until when its page says that it is silenced; null: it is not.
    silenced_until = MomentField(null=True)
    # Null: it is no opening, and its breaker was in no incident.
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, related_name="members")
    # A person put it there, or took it out of another: the machine leaves it where it is.
    placed_by_hand = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "subject_kind", "subject_id"],
                condition=models.Q(resolved_at=None),
                name="one_live_alert_a_subject",
            )
        ]
        indexes = [
            models.Index(fields=["check_at"], name="alerts_to_check", condition=models.Q(check_at__isnull=False)),
            models.Index(fields=["status", "id"], name="alerts_by_status"),
            models.Index(fields=["breaker", "id"], name="alerts_of_a_breaker"),
            models.Index(fields=["rule", "subject_id"], name="alerts_live", condition=models.Q(resolved_at=None)),
            # What opened beside an incident.
            models.Index(fields=["started_at"], name="alerts_by_start"),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk}: {self.summary}"


class AlertLog(models.Model):
    """One change of an alert: from what to what, who or which rule, and what it rests on."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="log")
    at = MomentField()
    # Null: the alert began here.
    from_status = models.CharField(max_length=12, null=True)
    to_status = models.CharField(max_length=12)
    who = models.CharField(max_length=NAME_LENGTH)
    # {"transition": id, "state": …, "instances": {…}} of a rule; {"comment": …} of a person.
    evidence = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["alert", "id"], name="log_of_an_alert")]
