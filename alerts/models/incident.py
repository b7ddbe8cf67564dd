"""Incidents: outages close in time with one suspected cause. Every opening belongs to one, alone or with others."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Incident(models.Model):
    """Its members are the alerts that point to it."""

    version = models.BigIntegerField(default=0, db_index=True)
    started_at = MomentField()
    # Null: some member's condition is, or may be, still true.
    resolved_at = MomentField(null=True)
    # The dependency that is suspected; empty: a person said that it is not the one, and no other is left.
    cause = models.CharField(max_length=NAME_LENGTH)
    # Dependencies that a person said are not the cause.
    refuted = models.JSONField(default=list)
    # Set by a person's split or merge: the machine widens and merges it no more.
    by_hand = models.BooleanField(default=False)
    confidence = models.CharField(max_length=8, default="low")
    reasons = models.JSONField(default=list)
    # When the first and the latest member opened: who may still join.
    joined_at = MomentField()

    # {destination id: the alert by which it was told}: who hears of updates.
    told = models.JSONField(default=dict)
    # When the next update may go; null: nothing new to tell. And when the last one went; null: none yet.
    update_due_at = MomentField(null=True)
    updated_at = MomentField(null=True)

    acknowledged_by = models.CharField(max_length=NAME_LENGTH, null=True)
    acknowledged_at = MomentField(null=True)
    acknowledged_comment = models.TextField(default="")
    # How many members were live when it was acknowledged: twice as many undo it.
    acknowledged_members = models.IntegerField(default=0)
    # Into which one it was merged; null: it stands on its own.
    merged_into = models.ForeignKey("self", models.SET_NULL, null=True, related_name="merged")

    class Meta:
        indexes = [
            models.Index(fields=["cause"], name="incidents_open", condition=models.Q(resolved_at=None)),
            models.Index(
                fields=["update_due_at"], name="incidents_to_tell", condition=models.Q(update_due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"incident {self.pk}"


class IncidentLog(models.Model):
    """One thing that happened to an incident, or was done to it."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="log")
    at = MomentField()
    who = models.CharField(max_length=NAME_LENGTH)
    what = models.CharField(max_length=500)

    class Meta:
        indexes = [models.Index(fields=["incident", "id"], name="log_of_an_incident")]
