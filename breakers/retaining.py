"""Retaining: how long this site keeps each kind of row (`KEEP_DAYS`)."""

from django.conf import settings

from breakers.domain.retention import Retention


def retention() -> Retention:
    """What the settings say now."""
    return Retention(settings.KEEP_DAYS)
