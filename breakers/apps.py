"""The app that knows what happened."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class BreakersConfig(AppConfig):
    """Services, breakers, events, commands."""

    name = "breakers"

    def ready(self) -> None:
        """Time limits are off while tables change."""
        from breakers import migrating

        pre_migrate.connect(migrating.begin, sender=self)
        post_migrate.connect(migrating.end, sender=self)
