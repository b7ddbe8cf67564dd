"""The board: one row of what there is one of."""

import secrets

from django.db import models

from breakers.models.fields import MomentField


def new_epoch() -> str:
    """Marks this database: a cursor of another one says nothing here."""
    return secrets.token_hex(4)


class Board(models.Model):
    """One row. `version` is the one sequence of changes (breakers, alerts, commands), taken under the writers' lock."""

    epoch = models.CharField(max_length=16, default=new_epoch)
    version = models.BigIntegerField(default=0)
    # The last event id given out. Ids are the microsecond of receipt, pushed on where two would be equal.
    last_event_id = models.BigIntegerField(default=0)
    # When the intake last said that it is listening, and since when it has been without a pause: silence counts from here at the earliest.
    intake_pulse_at = MomentField(null=True)
    listening_since = MomentField(null=True)
    # Coarse rollups are complete up to here; beyond it, only the 10 s rows are.
    folded_until = MomentField(null=True)


class Pulse(models.Model):
    """When a part of ours last proved that it works: `beat`, `worker:evaluate`, `worker:deliver` …"""

    part = models.CharField(max_length=40, primary_key=True)
    at = MomentField()


class Tombstone(models.Model):
    """A thing that is gone, for readers that resume: kind `breaker` or `alert`. Kept for a day."""

    kind = models.CharField(max_length=20)
    object_id = models.CharField(max_length=40)
    version = models.BigIntegerField(db_index=True)
    at = MomentField()
