"""Alerts of monitoring systems that were told of, with whether they fire."""

from django.db import models

from breakers.models.breaker import Instance
from breakers.models.fields import MomentField


class HeardAlert(models.Model):
    """One alert on an instance of a breaker. Written by the recording (`firing.py`)."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="+")
    # A hash of its labels: they are what an alert is.
    alert = models.BinaryField(max_length=16)
    fires = models.BooleanField()
    # When it began or ceased to fire, by our clock.
    heard_at = MomentField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instance", "alert"], name="one_heard_alert_an_instance")]
