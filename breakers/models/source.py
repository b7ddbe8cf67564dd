"""Sources: each instance of a service as one poster, over all its breakers; what was refused of whom; how large the store is."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH, Service

# The service of requests whose sender is not known: no key, or one that says nothing to us.
NOBODY = 0


class Source(models.Model):
    """One running copy of a service, as a poster. Written by the recording (`hearing.py`) and, for silence, by the sweep."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="sources")
    name = models.CharField(max_length=NAME_LENGTH)
    first_heard_at = MomentField()
    heard_at = MomentField()
    # The greatest time that one of its events has.
    newest_at = MomentField()
    # The last `sequence` of its present run; -1: it tells none.
    last_sequence = models.BigIntegerField(default=-1)
    interval_s = models.IntegerField(null=True)
    events = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    # Numbers that its sequences skipped and that have not come late since; how often it began anew.
    missing = models.BigIntegerField(default=0)
    restarts = models.BigIntegerField(default=0)
    # The numbers of its present run and of the one before it, as they were when they last did not follow each other.
    numbers = models.TextField(default="")
    # Told after something newer; told of the future.
    late = models.BigIntegerField(default=0)
    early = models.BigIntegerField(default=0)
    # Receipts by minute (since 1970): of `minute` so far, and of the one before it.
    minute = models.BigIntegerField(default=0)
    in_minute = models.IntegerField(default=0)
    in_minute_before = models.IntegerField(default=0)
    # The smallest difference between receipt and `occurred_at`, of this window and the one before; negative: its clock is ahead.
    skew_us = models.BigIntegerField(null=True)
    skew_window_us = models.BigIntegerField(null=True)
    skew_window_from = MomentField(null=True)
    library = models.CharField(max_length=NAME_LENGTH, null=True)
    library_version = models.CharField(max_length=NAME_LENGTH, null=True)
    # Each of its breakers has stopped.
    stopped = models.BooleanField(default=False)
    # When the sweep saw that all its breakers had fallen silent; null: it is heard.
    silent_since = MomentField(null=True, db_index=True)
    # Who took its place when it left in silence: one newcomer replaces one that left. Null: nobody, or it is heard again.
    replaced_by = models.CharField(max_length=NAME_LENGTH, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "name"], name="one_source_a_name")]

    def __str__(self) -> str:
        return self.name


class Refusal(models.Model):
    """One of the last refused requests or events of a service. A ring: the newest few of each are kept."""

    # Not a foreign key: 0 stands for a sender that is not known.
    service_id = models.BigIntegerField()
    at = MomentField()
    status = models.IntegerField()
    # The event's own code, or the status of a whole request.
    code = models.CharField(max_length=40)
    detail = models.CharField(max_length=500)
    # The start of what was sent, redacted; empty: nothing was read.
    sample = models.TextField(default="")
    path = models.CharField(max_length=200, default="")
    address = models.CharField(max_length=64, default="")

    class Meta:
        indexes = [models.Index(fields=["service_id", "id"], name="refusals_of_a_service")]


class RefusalCount(models.Model):
    """How much was refused of a service, by code: events, or whole requests."""

    service_id = models.BigIntegerField()
    code = models.CharField(max_length=40)
    count = models.BigIntegerField(default=0)
    last_at = MomentField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service_id", "code"], name="one_count_a_code")]


class StoreSize(models.Model):
    """How large one kind of row was when it was last measured. Bytes null: this database can't tell them by kind."""

    kind = models.CharField(max_length=40, primary_key=True)
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField(null=True)
    oldest_at = MomentField(null=True)
    measured_at = MomentField()
