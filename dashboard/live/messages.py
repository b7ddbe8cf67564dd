"""Every frame that crosses the socket, typed: what a browser can receive, and what it may send.

Cards and alerts travel whole, with their `version`; the newest wins, so a repeated or late frame does no harm.
"""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from breakers.queries.shapes import Card, CommandView, InstanceView, PathCount, Span
from dashboard.doubting import Doubt

MOST_CARDS = 200


class Removed(msgspec.Struct, frozen=True):
    """In the place of a card or alert that is gone, or that no longer matches the subscription's filter."""

    id: str
    version: int
    removed: bool = True


class Cell(msgspec.Struct, frozen=True):
    """A breaker as a wall of thousands shows it."""

    id: str
    version: int
    state: str


class WallData(msgspec.Struct, frozen=True):
    """The wall's picture. `next`: the HTTP cursor of the cards beyond the limit."""

    counts: dict[str, int]
    items: list[object]  # Card, or Cell
    next: str | None


class TallyData(msgspec.Struct, frozen=True):
    """How many breakers of the whole board are in each state; there are no items."""

    counts: dict[str, int]
    items: list[object] = []


class AlertsData(msgspec.Struct, frozen=True):
    """The newest alerts. `counts`: of all that are not resolved, whatever the filter."""

    counts: dict[str, int]
    items: list[object]  # AlertView
    next: str | None


class DoubtsData(msgspec.Struct, frozen=True):
    """What is ill with the board itself, told whole whenever it changes."""

    items: list[Doubt]


class BreakerData(msgspec.Struct, frozen=True):
    """One breaker's page: all of it but the timeline, of which it holds the newest end.

    `spans` and `buckets` (whole ones, `width_s` wide) cover the last 15 minutes in a snapshot, the last one in a delta.
    `new_events` counts those since the frame before.
    """

    id: str
    version: int
    card: Card
    instances: list[InstanceView]
    commands: list[CommandView]
    paths: list[PathCount]
    config: dict[str, object]
    opened_reason: dict[str, object] | None
    last_probe_failed_at: str | None
    width_s: int
    spans: list[Span]
    buckets: list[dict[str, object]]
    new_events: int


class Frame(msgspec.Struct, frozen=True, tag_field="op"):
    """What the board says."""


class Snapshot(Frame, frozen=True, tag="snapshot"):
    """The whole picture of a topic."""

    topic: str
    cursor: str
    data: object


class Delta(Frame, frozen=True, tag="delta"):
    """What changed. Several may carry one change of many cards; only the last of them moves the cursor."""

    topic: str
    cursor: str
    data: list[object]
    counts: dict[str, int] | UnsetType = UNSET


class Ping(Frame, frozen=True, tag="ping"):
    """A sign of life. Each topic's cursor may be resumed from: everything up to it was sent on this socket."""

    at: str
    cursors: dict[str, str]
    bus: str


class Error(Frame, frozen=True, tag="error"):
    """Something that the client asked for can't be had; the socket stays open."""

    code: str
    detail: str
    topic: str | UnsetType = UNSET


class Wish(msgspec.Struct, frozen=True, tag_field="op"):
    """What a client asks for."""

    topic: str


class Subscribe(Wish, frozen=True, tag="subscribe"):
    """Send this topic from now on; with a cursor: from there on. A second one for the same topic takes the first's place."""

    cursor: str | None = None
    filter: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1)] = MOST_CARDS


class Unsubscribe(Wish, frozen=True, tag="unsubscribe"):
    """Forget this topic."""


class Pause(Wish, frozen=True, tag="pause"):
    """Send nothing of this topic but its cursor; a subscribe with that cursor goes on."""


Event = dict[str, str]

_encoder = msgspec.json.Encoder()
_wishes: msgspec.json.Decoder[Subscribe | Unsubscribe | Pause] = msgspec.json.Decoder(Subscribe | Unsubscribe | Pause)


def event(frame: Frame) -> Event:
    """The frame as the ASGI event that every socket of its view is handed."""
    return {"type": "websocket.send", "text": _encoder.encode(frame).decode()}


def raw(thing: object) -> msgspec.Raw:
    """Serialised once, put into any number of frames."""
    return msgspec.Raw(_encoder.encode(thing))


def wish(text: str) -> Subscribe | Unsubscribe | Pause:
    """What a client's frame asks for. Errors: msgspec.ValidationError, msgspec.DecodeError with a sentence."""
    return _wishes.decode(text)


def moment(at: datetime) -> str:
    """A time as the frames say it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
