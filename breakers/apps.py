"""The app that knows what happened."""

from django.apps import AppConfig


class BreakersConfig(AppConfig):
    """Services, breakers, events, commands."""

    name = "breakers"
