"""Annotations: marks on the timelines. What people and their tools did, beside what the breakers did."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH

KINDS = ("deploy", "config", "chaos", "maintenance", "note")


class Annotation(models.Model):
    """One mark. Its scope is by name, so that it may come before the first event; an empty text is any."""

    kind = models.CharField(max_length=12)
    title = models.CharField(max_length=NAME_LENGTH)
    at = MomentField()
    # Null: a moment, not a stretch.
    until = MomentField(null=True)
    service = models.CharField(max_length=NAME_LENGTH, default="")
    breaker = models.CharField(max_length=NAME_LENGTH, default="")
    dependency = models.CharField(max_length=NAME_LENGTH, default="")
    url = models.CharField(max_length=2_000, default="")
    created_by = models.CharField(max_length=NAME_LENGTH)
    created_at = MomentField()

    class Meta:
        indexes = [
            models.Index(fields=["at", "id"], name="annotations_by_time"),
            # Stretches may have begun long before the range that they reach into.
            models.Index(fields=["until"], name="annotations_of_stretches", condition=models.Q(until__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.title
