"""Broadcasts: facts become nudges. To the hub of this process at once, to the others by the bus.

The receivers run in whatever thread committed, in web processes and workers alike; they return at once.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver

from alerts.signals import alerts_changed
from breakers.signals import Changes, access_changed, breakers_changed
from dashboard.live.bus import Sender
from dashboard.live.hub import hub
from dashboard.sessions import kept_key

sender = Sender(settings.REDIS_URL)


@receiver(breakers_changed)
def tell_changes(changes: Changes, **_: object) -> None:
    """The board is at another version."""
    hub.wake()
    sender.say_version(changes.version)


@receiver(alerts_changed)
def tell_alerts(version: int, **_: object) -> None:
    """Alerts changed."""
    hub.wake()
    sender.say_version(version)


@receiver(access_changed)
def tell_access(
    user_id: int | None = None, token_id: int | None = None, screen_id: int | None = None, **_: object
) -> None:
    """A credential ended, or has another role."""
    if user_id is not None:
        _tell(f"auth:user:{user_id}")
    if token_id is not None:
        _tell(f"auth:token:{token_id}")
    if screen_id is not None:
        _tell(f"auth:screen:{screen_id}")


@receiver(user_logged_out)
def tell_sign_out(request: Any, **_: object) -> None:
    """A browser's session is about to end."""
    if key := request.session.session_key:
        _tell(f"auth:session:{kept_key(key)}")


def _tell(word: str) -> None:
    hub.hear(word)
    sender.say(word)
