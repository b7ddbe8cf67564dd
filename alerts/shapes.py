"""What the readers get: the shapes of the contract, section 5, as structs that serialise as they stand.

Times are RFC 3339 in UTC, ids opaque strings; null is "not known" or "not yet".
"""

from datetime import UTC, datetime

import msgspec


def moment(at: datetime) -> str:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_or_none(at: datetime | None) -> str | None:
    """RFC 3339 in UTC; None stays None."""
    return None if at is None else moment(at)


class Subject(msgspec.Struct, frozen=True):
    """The breaker that an alert is about."""

    id: str
    service: str
    name: str


class AttemptView(msgspec.Struct, frozen=True):
    """One try at sending a notification. `outcome`: accepted, refused, unanswered, unreachable, forbidden or lost."""

    number: int
    at: str
    took_ms: int | None
    address: str
    status_code: int | None
    outcome: str
    error: str
    answer: str
    next_due_at: str | None


class NotificationView(msgspec.Struct, frozen=True):
    """One message to one destination, and how far it came. `state`: due, sent, dead or dropped; `reason`: why."""

    id: str
    destination: str  # its name
    destination_kind: str
    kind: str
    state: str
    reason: str
    webhook_id: str
    created_at: str
    due_at: str | None
    finished_at: str | None
    resend_of: str | None
    attempts: list[AttemptView]
    # Until when a worker has it in hand to send it; null: none has.
    claimed_until: str | None = None
    # Why it goes to this destination; empty: the route names it.
    because: str = ""
    # The notification whose own destination fails, that this one stands in for; null: none.
    stands_in_for: str | None = None
    # The name of the destination that stands in for this one's own; null: none does.
    handed_to: str | None = None


class Silenced(msgspec.Struct, frozen=True):
    """A silence that keeps an alert from being told."""

    id: str
    by: str
    until: str


class AlertView(msgspec.Struct, frozen=True):
    """An alert, as the API, the pages and the socket show it. `version`: the newest wins."""

    id: str
    version: int
    rule: str
    severity: str
    status: str
    service: str
    breaker: Subject | None
    dependency: str
    labels: dict[str, str]
    summary: str
    trips: int
    started_at: str
    detected_at: str
    acknowledged_by: str | None
    acknowledged_at: str | None
    acknowledged_comment: str
    resolved_at: str | None
    incident: str | None
    notifications: list[NotificationView]
    # Null: nothing hushes it now.
    silenced: Silenced | None = None


class Suspected(msgspec.Struct, frozen=True):
    """Who is suspected of an incident, how much that is worth (high, medium, low), and why. `dependency` null: nobody."""

    dependency: str | None
    confidence: str
    reasons: list[str]


class MemberView(msgspec.Struct, frozen=True):
    """One opening of an incident. `breaker` null: it was deleted. `resolved_at` null: it is, or may be, still so."""

    alert: str
    status: str
    service: str
    breaker: Subject | None
    dependency: str
    opened_at: str
    resolved_at: str | None


class IncidentView(msgspec.Struct, frozen=True):
    """Openings of one cause, in the order of first opening. `status`: firing, acknowledged or resolved.

    `closed_at`: when the last of its members closed, which lasted from then on; null: it is not over.
    """

    id: str
    version: int
    status: str
    title: str
    started_at: str
    closed_at: str | None
    resolved_at: str | None
    suspect: Suspected
    members: list[MemberView]
    members_count: int
    open_count: int
    services: list[str]
    refuted: list[str]
    by_hand: bool
    acknowledged_by: str | None
    acknowledged_at: str | None
    acknowledged_comment: str
    merged_into: str | None


class RuleView(msgspec.Struct, frozen=True):
    """A rule, and what it says in words. `builtin`: it stands for all that no rule of someone's own of its kind matches."""

    id: str
    name: str
    kind: str
    builtin: bool
    enabled: bool
    severity: str
    for_s: int
    keep_s: int
    matchers: dict[str, object]
    parameters: dict[str, float]
    sentence: str


class FiredView(msgspec.Struct, frozen=True):
    """Once that a rule would have fired. `to` null: it would still."""

    service: str
    breaker: Subject | None
    from_: str = msgspec.field(name="from")
    to: str | None


class PreviewView(msgspec.Struct, frozen=True):
    """What a rule would have done to the stored history. `count` null: history does not tell that; `said`: in words."""

    count: int | None
    days: int
    said: str
    sentence: str
    items: list[FiredView]


class SilenceView(msgspec.Struct, frozen=True):
    """A silence. `status`: coming, active or over; `hides`: how many breakers and live alerts it means now.

    `timezone`: whose clock tells the hours at which it comes again.
    """

    id: str
    status: str
    matchers: dict[str, object]
    from_: str = msgspec.field(name="from")
    to: str
    comment: str
    created_by: str
    created_at: str
    every_days: int | None
    repeats_until: str | None
    timezone: str
    until_recovery: bool
    ended_at: str | None
    ended_by: str | None
    hides: dict[str, int]


class LogView(msgspec.Struct, frozen=True):
    """One change of an alert; `from_status` null: it began."""

    at: str
    from_status: str | None
    to_status: str
    who: str
    evidence: dict[str, object]


class DestinationView(msgspec.Struct, frozen=True):
    """A destination without its secrets, and how it does. `health`: ok, failing or off. `source`: board or environment.

    `config`: what may be read back; `•••` stands for a secret that is set. `warnings`: of the change just made.
    """

    id: str
    name: str
    kind: str
    source: str
    url: str  # masked
    config: dict[str, str]
    enabled: bool
    health: str
    waiting: int
    dead: int
    created_at: str
    last_success_at: str | None
    last_failure_at: str | None
    last_error: str
    open_until: str | None
    # The id of the destination that takes its notifications while it fails; null: none does.
    fallback: str | None = None
    # How many messages it is sent in a minute at most; null: as many as there are.
    per_minute: int | None = None
    warnings: list[str] = []


class TestView(msgspec.Struct, frozen=True):
    """How a test went. `outcome`: accepted, refused, unanswered, unreachable, forbidden or failed."""

    __test__ = False  # To pytest its name looks like a test.

    sent: bool
    outcome: str
    took_ms: int
    address: str
    status_code: int | None
    error: str
    answer: str


class Step(msgspec.Struct, frozen=True):
    """Who hears next, so many seconds after the alert began, while nobody has it in hand."""

    after_s: int
    destinations: list[str]


class RouteView(msgspec.Struct, frozen=True):
    """Who hears of which alerts. `hours` null: always; `always`: severities that go out in any hour.

    `repeat_s`: seconds between reminders while nobody has it in hand, the last one for ever.
    """

    id: str
    name: str
    enabled: bool
    matchers: dict[str, object]
    destinations: list[str]
    hours: dict[str, object] | None
    always: list[str]
    steps: list[Step]
    repeat_s: list[int]
    created_at: str


class MomentView(msgspec.Struct, frozen=True):
    """One line of a timeline."""

    at: str
    who: str
    what: str


class PostmortemView(msgspec.Struct, frozen=True):
    """All that is known of an incident once it is over. `open_minutes` and `trips` of its members: by service.

    `lasted_s`: from the first opening until the last of them closed. `held_back`: messages not sent, by reason.
    """

    incident: IncidentView
    lasted_s: int | None
    open_minutes: dict[str, float]
    trips: dict[str, int]
    timeline: list[MomentView]
    commands: list[dict[str, str | None]]
    notices: list[dict[str, str | None]]
    held_back: dict[str, int]
