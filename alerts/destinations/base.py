"""What every kind of destination takes and gives."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerts.shapes import AlertView

# The whole of one try, by our own clock.
DEADLINE_S = 10.0
MOST_READ = 64 * 1024
MOST_KEPT = 1024


class Outcome(StrEnum):
    """How a try ended: `lost` where the worker died in it; after `unanswered` and `lost` it may have arrived."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    LOST = "lost"


MAY_HAVE_ARRIVED = (Outcome.ACCEPTED, Outcome.UNANSWERED, Outcome.LOST)


@dataclass(frozen=True, slots=True)
class Notice:
    """What there is to tell. `members`: of the incident that the alert belongs to; 0: it is in none."""

    kind: str
    alert: AlertView
    summary: str
    url: str
    at: datetime
    members: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """Where to, with its secrets: never printed. `trusted`: the environment named it, private addresses are its business."""

    kind: str
    url: str
    secret: str
    trusted: bool


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
