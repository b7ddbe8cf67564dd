"""Rules: what raises an alert, how long it must hold, how bad it is; and the watches that time alone decides."""

from django.db import models

from breakers.models.fields import MomentField

OPENED = "opened"
NAME_LENGTH = 80


class Rule(models.Model):
    """One rule. Its alerts bear its name."""

    name = models.CharField(max_length=NAME_LENGTH)
    # A word of `domain.rules.KINDS`.
    kind = models.CharField(max_length=40, default=OPENED)
    # Made at the first start; stands for every subject that no rule of someone's own of this kind matches.
    builtin = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    severity = models.CharField(max_length=10)
    # Seconds for which the condition must have been true before the alert fires, and false before it resolves.
    for_s = models.IntegerField(default=0)
    keep_s = models.IntegerField(default=60)
    # {"service", "dependency", "breaker", "labels": {…}}, `*` within a value; empty: everything.
    matchers = models.JSONField(default=dict)
    # The numbers of its kind that differ from the defaults.
    parameters = models.JSONField(default=dict)
    # The change number of the last change to this row: workers read the rules again when the newest one has grown.
    version = models.BigIntegerField(default=0)
    # Taken away; its alerts keep their name. Null: it is there.
    removed_at = MomentField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], condition=models.Q(removed_at=None), name="one_rule_a_name")
        ]

    def __str__(self) -> str:
        return self.name


class Watch(models.Model):
    """A subject that a kind of rule must look at again, at a moment that no event tells."""

    kind = models.CharField(max_length=40)
    subject_kind = models.CharField(max_length=12)
    subject_id = models.CharField(max_length=40)
    next_check_at = MomentField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject_kind", "subject_id"], name="one_watch_a_subject"),
        ]
        indexes = [models.Index(fields=["kind", "next_check_at"], name="watches_due")]
