"""Silences: what is not told for a while, by whom and why. They hide nothing, and keep nothing from being recorded."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Silence(models.Model):
    """One silence, or a maintenance window that comes again."""

    matchers = models.JSONField(default=dict)
    comment = models.TextField()
    created_by = models.CharField(max_length=NAME_LENGTH)
    created_at = MomentField()
    starts_at = MomentField()
    ends_at = MomentField()
    # It comes again after so many days, each time as long, until `repeats_until`; null: once.
    every_days = models.IntegerField(null=True)
    repeats_until = MomentField(null=True)
    # Whose clock tells the hours at which it comes again.
    timezone = models.CharField(max_length=64, default="UTC")
    # Whether it ends by itself as soon as nothing that it hides is wrong any more.
    until_recovery = models.BooleanField(default=False)
    # Whether something that it hides was wrong while it lasted: only then a recovery can end it.
    seen_wrong = models.BooleanField(default=False)
    # When someone, or a recovery, ended it before its time; null: nobody did.
    ended_at = MomentField(null=True)
    ended_by = models.CharField(max_length=NAME_LENGTH, null=True)
    # The end up to which what still holds was told; null: there was no end yet. And the end of which was reminded.
    settled_at = MomentField(null=True)
    reminded_at = MomentField(null=True)

    class Meta:
        indexes = [models.Index(fields=["ends_at"], name="silences_by_end")]

    def __str__(self) -> str:
        return f"silence {self.pk}"
