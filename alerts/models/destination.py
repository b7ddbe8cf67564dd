"""Destinations: where notifications go, and how well each of them takes them."""

import uuid

from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Source(models.TextChoices):
    """Who named it: the environment (`ALERT_URLS`, trusted, read-only here) or an administrator at the board."""

    ENVIRONMENT = "environment"
    BOARD = "board"


class Kind(models.TextChoices):
    """How it is spoken to."""

    WEBHOOK = "webhook"
    APPRISE = "apprise"
    EMAIL = "email"
    ALERTMANAGER = "alertmanager"
    PUSH = "push"


# Read by people: beyond some a minute they get a digest. The others are machines, and get each.
FOR_PEOPLE = frozenset({Kind.APPRISE, Kind.EMAIL, Kind.PUSH})


class Destination(models.Model):
    """One place that hears of alerts. Its own breaker stands in the row, so all workers share it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    name = models.CharField(max_length=NAME_LENGTH)
    source = models.CharField(max_length=12, choices=Source.choices)
    # SHA-256 of the environment's URL: the URL itself stays in the environment. Null: named at the board.
    fingerprint = models.CharField(max_length=64, null=True, unique=True)
    # The board's own: its whole configuration as JSON, sealed. Empty: the environment's.
    sealed = models.TextField(default="")
    # What of the configuration may be read back, as `{"url": "slack://…/•••"}`.
    shown = models.JSONField(default=dict)
    # What pages may show: `https://host/•••`.
    masked_url = models.CharField(max_length=300)
    created_at = MomentField()
    # When it was switched off or left the environment; null: on.
    off_at = MomentField(null=True)
    # When it was deleted: its notifications stay, its secrets went. Null: it is there.
    removed_at = MomentField(null=True)

    # Where its notifications go while it fails, and those that it was never brought to take; null: nowhere.
    fallback = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")

    # How many messages it is sent in a minute at most; null: as many as there are.
    per_minute = models.IntegerField(null=True)

    # Its breaker: failures in a row; until when nothing is tried (null: closed); how long the last opening was.
    failures = models.IntegerField(default=0)
    # The tries of the last minute: [[moment in µs, 1 or 0], …].
    recent = models.JSONField(default=list)
    open_until = MomentField(null=True)
    open_for_s = models.IntegerField(default=0)
    # Until when it asked to be left in peace (429, 503 with Retry-After); null: it did not.
    rests_until = MomentField(null=True)
    # When its live alerts were told again last, of kinds that forget what is not repeated; null: never.
    refreshed_at = MomentField(null=True)
    last_success_at = MomentField(null=True)
    last_failure_at = MomentField(null=True)
    last_error = models.CharField(max_length=500, default="")

    def __str__(self) -> str:
        return self.name
