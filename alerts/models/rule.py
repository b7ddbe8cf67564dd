"""Rules: what raises an alert, how long it must hold, how bad it is."""

from django.db import models

# What a rule watches; `opened` is built in and made by the migration.
OPENED = "opened"


class Rule(models.Model):
    """One rule. Its alerts bear its name."""

    name = models.CharField(max_length=40, unique=True)
    enabled = models.BooleanField(default=True)
    severity = models.CharField(max_length=10)
    # Seconds for which the condition must have been true before the alert fires, and false before it resolves.
    for_s = models.IntegerField(default=0)
    keep_s = models.IntegerField(default=60)

    def __str__(self) -> str:
        return self.name
