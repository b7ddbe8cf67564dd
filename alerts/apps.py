"""The app that decides what matters."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Rules, alerts, notifications, destinations."""

    name = "alerts"

    def ready(self) -> None:
        """Hear the facts of the app below, and check the settings at start."""
        from alerts import checks, receivers  # noqa: F401  (register themselves)
