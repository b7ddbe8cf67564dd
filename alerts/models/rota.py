"""Rotas: who is on call when; overrides of it; and how people are reached."""

import uuid

from django.conf import settings
from django.db import models

from breakers.models.fields import MomentField
from breakers.models.service import NAME_LENGTH


class Person(models.Model):
    """How someone who signs in here is reached when on call, and by which names calendars call them."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="on_call")
    # Ids of destinations, all of them told at once.
    destinations = models.JSONField(default=list)
    # Beside the name of the sign-in, the full name and the e-mail address.
    names = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.user.get_username()


class Rota(models.Model):
    """People who take turns. Overrides go before its calendar, that before its layers; where nobody is left, its fallback is told."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    # Of its handovers and hours, and of a calendar's times that have none of their own: Europe/Berlin.
    timezone = models.CharField(max_length=60)
    # [{"people": [user id, …], "since": "2026-11-23", "at": "09:00", "every_days": 7, "hours": {"days", "from", "to"} or null}, …]
    layers = models.JSONField(default=list)
    # Ids of destinations that are told where nobody is on call, or nobody of those can be reached.
    fallback = models.JSONField(default=list)
    created_at = MomentField()

    # The calendar as it was read last without a fault; empty: none.
    calendar = models.TextField(default="")
    # Where it is fetched from, sealed: whoever has such an address reads the calendar. Empty: it was given as a text.
    calendar_url = models.TextField(default="")
    # What pages may show of that: `https://host/•••`.
    calendar_shown = models.CharField(max_length=300, default="")
    # What it says of the next weeks: [{"from": µs, "to": µs, "title": …, "texts": [whom it may mean, …]}, …].
    shifts = models.JSONField(default=list)
    # When it was read last without a fault, and up to when it was read ahead. Null: never.
    read_at = MomentField(null=True)
    read_until = MomentField(null=True)
    # When it is read again; null: there is no calendar.
    read_due_at = MomentField(null=True)
    # Failures in a row, and the last one as a sentence.
    read_failures = models.IntegerField(default=0)
    read_error = models.CharField(max_length=500, default="")
    # Which of its events could not be read and are left out; empty: none.
    read_warning = models.CharField(max_length=500, default="")

    class Meta:
        indexes = [
            models.Index(fields=["read_due_at"], name="calendars_due", condition=models.Q(read_due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name


class Override(models.Model):
    """Someone on call in the place of whoever it would be."""

    rota = models.ForeignKey(Rota, models.CASCADE, related_name="overrides")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    begins_at = MomentField()
    ends_at = MomentField()
    comment = models.CharField(max_length=500, default="")
    created_by = models.CharField(max_length=NAME_LENGTH)
    created_at = MomentField()

    class Meta:
        indexes = [models.Index(fields=["rota", "ends_at"], name="overrides_by_end")]
