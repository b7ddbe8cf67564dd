"""What the API answers beyond the shapes of the readers below it."""

from typing import Any

import msgspec

from alerts.shapes import AlertView
from breakers.queries.shapes import Card, InstanceView, PathCount, ServiceView, Why


class BreakerView(Card, frozen=True, kw_only=True):
    """A card, and all that is known of the breaker beside its timeline and its events.

    `instances` counts by state, as on the card; `each_instance` tells of them one by one: the live ones, and those that left
    in the last hour. `transitions`: how often each step of the headline was taken in the last 24 h. `alerts`: the open ones.
    """

    each_instance: list[InstanceView]
    transitions: list[PathCount]
    config: dict[str, Any]
    why: Why | None
    last_probe_failed_at: str | None
    alerts: list[AlertView]


class AddedService(msgspec.Struct, frozen=True):
    """A new service and its first key, shown this once. `signing_secret` null: its posts are not signed."""

    name: str
    key: str
    signing_secret: str | None


class ConfiguredService(ServiceView, frozen=True, kw_only=True):
    """A service as it is now, and the signing secret that was made for it, shown this once; null: none was made."""

    signing_secret: str | None


class AddedKey(msgspec.Struct, frozen=True):
    """A new ingest key, shown this once, and its public id."""

    id: str
    service: str
    label: str
    key: str


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one field or parameter."""

    field: str
    detail: str
    code: str | None = None


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error (RFC 9457). `errors` stands there on 422, `code` where a program can act on it."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    code: str | None = None
