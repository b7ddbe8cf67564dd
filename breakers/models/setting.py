"""Settings told by the instances, each time that they changed."""

from django.db import models

from breakers.models.breaker import Breaker
from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class SettingsChange(models.Model):
    """An instance told other settings than before. Written by `recording.py` with the event that told them."""

    breaker = models.ForeignKey(Breaker, models.CASCADE, related_name="settings_changes")
    # By name: it stays when the instance is deleted.
    instance_name = models.CharField(max_length=NAME_LENGTH)
    at = MomentField()
    # What held at this instance before; for a new instance, what the breaker's others told last.
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["breaker", "at"], name="settings_of_a_breaker")]
