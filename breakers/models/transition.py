"""Transitions: each change of state, of an instance or of the headline. They are also alerting's queue."""

from django.db import models

from breakers.models.breaker import Breaker, Instance
from breakers.models.fields import MomentField


class Transition(models.Model):
    """One change of state. `instance` null: the headline's, else that instance's own."""

    breaker = models.ForeignKey(Breaker, models.CASCADE, related_name="transitions")
    instance = models.ForeignKey(Instance, models.SET_NULL, null=True)
    # The name stays when the instance is deleted; null: the headline.
    instance_name = models.CharField(max_length=200, null=True)
    from_state = models.CharField(max_length=16)
    # `gone` for an instance that left the counts.
    to_state = models.CharField(max_length=16)
    at = MomentField()
    # Of the event that told it: orders equal times.
    sequence = models.BigIntegerField(default=-1)
    recorded_at = MomentField()
    # Null: made by silence, not by an event.
    event_id = models.BigIntegerField(null=True)
    # The step does not follow from what we knew.
    gap = models.BooleanField(default=False)
    # Told out of order: it changed history, not the present.
    late = models.BooleanField(default=False)
    reason = models.JSONField(null=True)
    # Null on a headline's row: alerting has not looked at it yet. Instances' rows are not evaluated.
    evaluated_at = MomentField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["breaker", "at"], name="transitions_of_a_breaker"),
            models.Index(
                fields=["id"],
                name="transitions_to_evaluate",
                condition=models.Q(evaluated_at=None, instance_name=None),
            ),
        ]


class Quiet(models.Model):
    """A time in which an instance was silent, as drawn: stale, unknown, out of the counts from these moments on; null: it did not come to that.

    Ended by the next report; what was told late of it ends it earlier.
    """

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="quiets")
    started_at = MomentField()
    unknown_at = MomentField(null=True)
    gone_at = MomentField(null=True)
    ended_at = MomentField(null=True)
    # When the next report was received.
    heard_at = MomentField(null=True)

    class Meta:
        indexes = [models.Index(fields=["instance", "started_at"], name="quiets_of_an_instance")]


class Outage(models.Model):
    """From the headline's opening until a service reports it closed; half-open and silence in between belong to it."""

    breaker = models.ForeignKey(Breaker, models.CASCADE, related_name="outages")
    started_at = MomentField()
    ended_at = MomentField(null=True)
    # When it was first heard of; null: not known. Where it had ended by then, it was reported late.
    heard_at = MomentField(null=True)
    # How many probes failed in it: steps half-open to open of its instances, a shared one once.
    failed_probes = models.IntegerField(default=0)
    first_instance = models.CharField(max_length=200, null=True)
    reason = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["breaker", "started_at"], name="outages_of_a_breaker")]
        constraints = [
            models.UniqueConstraint(fields=["breaker"], condition=models.Q(ended_at=None), name="one_open_outage")
        ]
