"""What every kind of destination takes and gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from alerts.errors import DeliveryError
from alerts.shapes import AlertView

# The whole of one try, by our own clock.
DEADLINE_S = 10.0
MOST_READ = 64 * 1024
MOST_KEPT = 1024


class Outcome(StrEnum):
    """How a try ended: `lost` where the worker died in it, `failed` by a fault of ours.

    After `unanswered`, `failed` and `lost` it may have arrived.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    FAILED = "failed"
    LOST = "lost"


MAY_HAVE_ARRIVED = (Outcome.ACCEPTED, Outcome.UNANSWERED, Outcome.FAILED, Outcome.LOST)
OUR_FAULT = (Outcome.FAILED, Outcome.LOST)


@dataclass(frozen=True, slots=True)
class Notice:
    """What there is to tell. `kind`: opened, update, repeat, escalation, resolved, digest or test.

    `members`: of the incident that the alert belongs to; 0: it is in none.
    `acknowledge_url`: where a person who got it can take it in hand; empty: not by a link. `lines`: of a digest, its members,
    `beyond`: how many more there are.
    `heading`: the word before the summary, where it is not its kind's.
    """

    kind: str
    alert: AlertView
    summary: str
    url: str
    at: datetime
    members: int = 0
    acknowledge_url: str = ""
    lines: tuple[str, ...] = ()
    beyond: int = 0
    heading: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """Where to, with its secrets: never printed. `trusted`: the environment named it, private addresses are its business.

    `more`: what a kind of destination has beside its URL and secret.
    """

    kind: str
    url: str
    secret: str
    trusted: bool
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """What goes there. `sent_at` is this try's."""

    id: str
    body: bytes
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """It was accepted."""

    status_code: int | None = None
    address: str = ""
    answer: str = ""


def outcome_of(error: DeliveryError) -> Outcome:
    """How a try ended that raised this."""
    if error.failed:
        return Outcome.FAILED
    if error.status_code is not None:
        return Outcome.REFUSED
    if error.permanent:
        return Outcome.FORBIDDEN
    return Outcome.UNANSWERED if error.arrived else Outcome.UNREACHABLE
