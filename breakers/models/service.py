"""Services and the keys they post with."""

from django.db import models

from breakers.models.fields import MomentField

NAME_LENGTH = 200


class Service(models.Model):
    """A program that guards its calls with breakers, and posts their events."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    paused = models.BooleanField(default=False)
    created_at = MomentField()
    # Whether posts must be signed: off, optional, required.
    signatures = models.CharField(max_length=8, default="off")
    # Sealed (`breakers/sealing.py`); null: none was made yet. The earlier one is taken until its time ends.
    signing_secret = models.TextField(null=True)
    earlier_secret = models.TextField(null=True)
    earlier_until = MomentField(null=True)
    # Only what differs from the defaults (`breakers/domain/limits.py`).
    limits = models.JSONField(default=dict)
    # Only what differs from the defaults (`breakers/domain/keeping.py`).
    redaction = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.name


class IngestKey(models.Model):
    """A key that a service posts with. The key itself is shown once; here is its SHA-256."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="keys")
    key_id = models.CharField(max_length=8, unique=True)
    digest = models.CharField(max_length=64)
    label = models.CharField(max_length=NAME_LENGTH, default="")
    created_at = MomentField()
    last_used_at = MomentField(null=True)
    revoked_at = MomentField(null=True)


class Request(models.Model):
    """An `Idempotency-Key` that was answered 202: the same key with another body is refused."""

    service = models.ForeignKey(Service, models.CASCADE)
    key = models.BinaryField(max_length=16)
    body_digest = models.BinaryField(max_length=16)
    received_at = MomentField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "key"], name="one_request_a_key")]
