"""Limits that services ran into."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import Service

LIMITS = ("requests", "events", "breakers", "instances")


class ReachedLimit(models.Model):
    """A service at one of its limits: since when, when last, how often since then. Quiet for five minutes, it begins anew.

    `what`: requests or events (a second), breakers, instances. `times`: requests, or events, that were refused.
    """

    service = models.ForeignKey(Service, models.CASCADE, related_name="reached_limits")
    what = models.CharField(max_length=20)
    since = MomentField()
    last_at = MomentField(db_index=True)
    times = models.BigIntegerField()
    detail = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "what"], name="one_row_a_limit")]
