"""Commands: what an operator ordered, and how far it came at each instance."""

import uuid

from django.db import models

from breakers.models.breaker import Breaker, Instance
from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH

ACTIONS = ("probe", "reset", "force_open", "force_closed", "disable", "release")
OVERRIDES = frozenset({"force_open", "force_closed", "disable"})


class Command(models.Model):
    """One order to one breaker. Its status is the least advanced of its deliveries'."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    breaker = models.ForeignKey(Breaker, models.CASCADE, related_name="commands")
    action = models.CharField(max_length=16)
    reason = models.TextField()
    until = MomentField(null=True)
    requested_by = models.CharField(max_length=NAME_LENGTH)
    issued_at = MomentField()
    expires_at = MomentField()
    status = models.CharField(max_length=10, default="pending")
    verdict = models.CharField(max_length=16, null=True)
    # What the verdict rests on, all instances added up: {"instances", "calls", "failures", "failure_rate", "threshold", "watched_s",
    # "reopened_after_s"}.
    evidence = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["breaker", "issued_at"], name="commands_of_a_breaker")]


class Delivery(models.Model):
    """One command's way to one instance: pending, delivered, applied, confirmed; or failed, or expired."""

    command = models.ForeignKey(Command, models.CASCADE, related_name="deliveries")
    service_id = models.BigIntegerField()
    instance = models.ForeignKey(Instance, models.SET_NULL, null=True)
    instance_name = models.CharField(max_length=NAME_LENGTH)
    status = models.CharField(max_length=10, default="pending")
    # Under way or watched: the sweep and the intake look at these alone.
    active = models.BooleanField(default=True)
    # When it may be handed out (again).
    due_at = MomentField()
    delivered_at = MomentField(null=True)
    applied_at = MomentField(null=True)
    confirmed_at = MomentField(null=True)
    finished_at = MomentField(null=True)
    detail = models.TextField(default="")
    # A probe counts once half-open was seen since the delivery.
    seen_half_open = models.BooleanField(default=False)
    # What the instance counted in posts that we received since the confirmation, until the end of the watch.
    calls = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    verdict = models.CharField(max_length=16, null=True)
    evidence = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["command", "instance_name"], name="one_delivery_an_instance")]
        indexes = [
            models.Index(
                fields=["service_id", "instance_name"], name="deliveries_under_way", condition=models.Q(active=True)
            ),
        ]
