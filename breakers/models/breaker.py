"""Breakers and their instances: what is known now, projected from the events by `recording.py` alone."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH, Service

HEADLINES = ("any", "majority", "all")


class Breaker(models.Model):
    """One circuit breaker of one service. Everything that a card shows stands in this row."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="breakers")
    name = models.CharField(max_length=NAME_LENGTH)
    dependency = models.CharField(max_length=NAME_LENGTH, db_index=True)
    labels = models.JSONField(default=dict)
    headline = models.CharField(max_length=10, default="any")
    # The change number of the last change to this row, of the whole board's one sequence.
    version = models.BigIntegerField(default=0, db_index=True)
    created_at = MomentField()

    # Seen: the headline state over the live instances, since when, and the last state a service said.
    state = models.CharField(max_length=16, default="unknown")
    since = MomentField()
    reported_state = models.CharField(max_length=16, null=True)
    # {state: how many live instances are in it}
    instances = models.JSONField(default=dict)
    # [[microseconds, state], …]: the headline's changes of the last 15 minutes; the first may be older and covers the rest.
    strip = models.JSONField(default=list)
    next_probe_at = MomentField(null=True)
    last_event_at = MomentField(null=True)
    last_error_type = models.CharField(max_length=NAME_LENGTH, null=True)
    # Why it last opened, as the service told it: the structured reason of the contract, or {"text": sentence}; null: not told.
    opened_reason = models.JSONField(null=True)
    # The last settings that any instance told.
    config = models.JSONField(default=dict)
    # The earliest moment at which a live instance goes stale, unknown or away. Null: none does.
    silence_due_at = MomentField(null=True, db_index=True)

    # Over the last minute; grow with the events, shrink by the tally each 5 s.
    calls_1m = models.BigIntegerField(default=0)
    failures_1m = models.BigIntegerField(default=0)
    rejected_1m = models.BigIntegerField(default=0)

    # Wanted: the administrative state that the last order asked for. Intent and observation are two things.
    wanted_action = models.CharField(max_length=16, null=True)
    wanted_until = MomentField(null=True)
    wanted_by = models.CharField(max_length=NAME_LENGTH, null=True)

    # Marks of those above, written by `marking.py` alone: the incident it is in, and until when its alerts are silenced.
    incident = models.CharField(max_length=40, null=True)
    silenced_until = MomentField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "name"], name="one_breaker_a_name")]

    def __str__(self) -> str:
        return self.name


class Instance(models.Model):
    """One running copy of the service, as one breaker of it sees it."""

    breaker = models.ForeignKey(Breaker, models.CASCADE, related_name="copies")
    name = models.CharField(max_length=NAME_LENGTH)
    # What it is in by all we know (silence included), since when, and what it last said itself (null: never said).
    state = models.CharField(max_length=16, default="unknown")
    since = MomentField()
    reported_state = models.CharField(max_length=16, null=True)
    # The place of the newest event, and of the newest that told a state: events are ordered by (at, sequence, receipt).
    newest_at = MomentField()
    newest_sequence = models.BigIntegerField(default=-1)
    state_at = MomentField(null=True)
    state_sequence = models.BigIntegerField(default=-1)
    first_heard_at = MomentField()
    heard_at = MomentField()
    # Seconds; null: it posts on change only, and its silence says nothing.
    interval_s = models.IntegerField(null=True)
    # When it left the counts; null: it is live. `stopped` says that it left on purpose.
    left_at = MomentField(null=True)
    stopped = models.BooleanField(default=False)
    # Until when it was last silent or gone; null: it never was. What is told late of a time before it may redraw it.
    quiet_until = MomentField(null=True)
    next_probe_at = MomentField(null=True)
    library = models.CharField(max_length=NAME_LENGTH, null=True)
    library_version = models.CharField(max_length=NAME_LENGTH, null=True)
    config = models.JSONField(default=dict)
    # The actions that it can apply; null: it did not say, all are offered.
    commands = models.JSONField(null=True)
    last_error_type = models.CharField(max_length=NAME_LENGTH, null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["breaker", "name"], name="one_instance_a_name")]
        indexes = [models.Index(fields=["name"], name="instance_by_name")]
