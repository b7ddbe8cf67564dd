"""The app that shows, and wires together."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Pages, the live socket, charts, the operators' API."""

    name = "dashboard"

    def ready(self) -> None:
        """Hear the facts of the apps below, and register our checks."""
        from dashboard import celery, checks  # noqa: F401  (make the app that nudges are sent by, register the checks)
        from dashboard.live import broadcasts  # noqa: F401  (connects its receivers)
