"""Events: what the services posted, each once."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Event(models.Model):
    """One posted event. No foreign keys in the database: rows are pruned by range of ids, which grow with receipt."""

    # Given by the writer: the microsecond of receipt, pushed on where two would be equal.
    id = models.BigIntegerField(primary_key=True)
    service_id = models.BigIntegerField()
    # The client's id: its UUID, or the BLAKE2b-128 of its text.
    key = models.BinaryField(max_length=16)
    breaker_id = models.BigIntegerField()
    instance_id = models.BigIntegerField()
    # Days since 1970 of `at`: keeps the index's fresh end small.
    day = models.IntegerField()
    # When it happened: the earlier of what the service said and the receipt.
    at = MomentField()
    type = models.CharField(max_length=16)
    count = models.IntegerField(default=1)
    # Mean and largest of the `count`, in ms; null: not told.
    duration_ms = models.FloatField(null=True)
    duration_max_ms = models.FloatField(null=True)
    # Of a state change or a heartbeat.
    to_state = models.CharField(max_length=16, null=True)
    error_type = models.CharField(max_length=NAME_LENGTH, null=True)
    error_message = models.TextField(null=True)
    # Everything else that was told, as JSON: sequence, from_state, reason, attributes …; null: nothing.
    extra = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service_id", "key"], name="one_event_a_key")]
        indexes = [models.Index(fields=["day", "breaker_id", "at"], name="events_of_a_breaker")]
