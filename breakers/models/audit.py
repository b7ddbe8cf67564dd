"""The audit trail: who did what, when, from where and why. Insert-only: the database itself refuses the rest."""

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class AuditKey(models.Model):
    """A key that binds lines of the trail, sealed. One, unless the board's own key was lost."""

    key_id = models.CharField(max_length=16, default="")
    sealed = models.TextField(default="")
    created_at = MomentField()


class Audit(models.Model):
    """One thing that someone did. Each row holds the hash of the one before it, so that a missing one shows."""

    at = MomentField()
    actor = models.CharField(max_length=NAME_LENGTH)
    role = models.CharField(max_length=10)
    address = models.CharField(max_length=64, default="")
    verb = models.CharField(max_length=40)
    target_kind = models.CharField(max_length=20)
    target_id = models.CharField(max_length=40)
    target_name = models.CharField(max_length=500)
    reason = models.TextField(default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    # `<key id>:<HMAC-SHA256>`; rows from before it was keyed: a SHA-256 alone.
    hash = models.CharField(max_length=90)
