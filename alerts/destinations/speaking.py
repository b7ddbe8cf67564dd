"""Speaking: which file composes and sends for a destination, and where its URL and secret come from."""

from importlib import import_module
from typing import Any

from django.conf import settings

from alerts.destinations import board, environment
from alerts.destinations.base import Message, Notice, Receipt, Target
from alerts.errors import DeliveryError
from alerts.models import Destination
from alerts.models.destination import Kind, Source


def compose(kind: str, notice: Notice) -> bytes:
    """The bytes that a destination of this kind is sent."""
    return bytes(_speaker(kind).compose(notice))


def target_of(destination: Destination) -> Target:
    """Where to, with its secrets. Errors: DeliveryError, where the environment does not name it, or its secrets can't be read."""
    if destination.source == Source.BOARD:
        return board.target_of(destination)
    url = environment.url_of(destination)
    if url is None:
        raise DeliveryError(f"ALERT_URLS does not name {destination.name} any more", permanent=True)
    secret = settings.ALERT_WEBHOOK_SECRET if destination.kind == Kind.WEBHOOK else ""
    return Target(destination.kind, url, secret, trusted=True)


def send(target: Target, message: Message) -> Receipt:
    """Send it, within the deadline. Errors: DeliveryError."""
    receipt: Receipt = _speaker(target.kind).send(target, message)
    return receipt


def _speaker(kind: str) -> Any:
    # Imported where it is needed: what they bring with them takes some 20 MB, and web processes send nothing.
    return import_module(f"alerts.destinations.{Kind(kind)}")
