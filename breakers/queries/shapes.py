"""What the readers get: the shapes of the contract, section 5, as structs that serialise as they stand.

Times are RFC 3339 in UTC, ids opaque strings, rates 0-100; null is "not known".
"""

import msgspec

from breakers.domain.limits import Limits


class Wanted(msgspec.Struct, frozen=True):
    """The administrative state that the last order asked for."""

    action: str
    until: str | None
    by: str | None


class Span(msgspec.Struct, frozen=True):
    """A state from one moment to the next; `to` null: it goes on."""

    state: str
    from_: str = msgspec.field(name="from")
    to: str | None = None


class Card(msgspec.Struct, frozen=True):
    """A breaker's whole visible state. `version`: the newest wins."""

    id: str
    version: int
    service: str
    name: str
    dependency: str
    state: str
    reported_state: str | None
    since: str
    headline: str
    instances: dict[str, int]
    wanted: Wanted | None
    calls_1m: int
    failures_1m: int
    rejected_1m: int
    failure_rate_1m: float | None
    failure_rate_threshold: float | None
    next_probe_at: str | None
    last_error_type: str | None
    last_event_at: str | None
    # The headline's spans that touch the last 15 minutes, oldest first; the last one has `to` null.
    strip_15m: list[Span]
    incident: str | None
    labels: dict[str, str]
    # Until when its alerts are told to nobody; null: they are told.
    silenced_until: str | None = None


class InstanceView(msgspec.Struct, frozen=True):
    """One live (or lately left) instance of a breaker."""

    name: str
    state: str
    reported_state: str | None
    since: str
    last_heard_at: str
    interval_s: int | None
    library: str | None
    library_version: str | None
    config: dict[str, object]
    commands: list[str] | None  # null: it did not say, all are offered
    next_probe_at: str | None
    last_error_type: str | None
    left_at: str | None
    odd: bool  # its state differs from that of most others


class PathCount(msgspec.Struct, frozen=True):
    """How often a step of the state diagram was taken in the last 24 h, and when last."""

    from_state: str
    to_state: str
    count: int
    last_at: str


class Details(msgspec.Struct, frozen=True):
    """All of a breaker's page but its timeline and its events."""

    card: Card
    instances: list[InstanceView]
    paths: list[PathCount]
    config: dict[str, object]
    opened_reason: dict[str, object] | None
    last_probe_failed_at: str | None


class Neighbour(msgspec.Struct, frozen=True):
    """Another breaker on the same dependency, as it stands."""

    id: str
    service: str
    name: str
    state: str


class ErrorGroup(msgspec.Struct, frozen=True):
    """Failures of one error class."""

    type: str
    count: int
    first_at: str
    last_at: str
    sample: str | None


class Why(msgspec.Struct, frozen=True):
    """Why the breaker opened last. `text` null: the service did not say; nothing is made up."""

    opened_at: str
    ended_at: str | None
    metric: str | None
    value: float | None
    threshold: float | None
    window_ms: float | None
    min_calls: int | None
    text: str | None
    first_instance: str | None
    errors: list[ErrorGroup]
    failed_probes: int


class Lane(msgspec.Struct, frozen=True):
    """The spans of one instance."""

    instance: str
    spans: list[Span]


class Timeline(msgspec.Struct, frozen=True):
    """A breaker from one moment to another. `buckets` cover [from, to) exactly."""

    from_: str = msgspec.field(name="from")
    to: str
    width_s: int
    spans: list[Span]
    buckets: list[dict[str, object]]
    lanes: list[Lane] | None = None


class EventView(msgspec.Struct, frozen=True):
    """One raw event. cut: bytes that were not kept, by field, where it said more than is kept."""

    id: str
    type: str
    instance: str
    occurred_at: str
    received_at: str
    count: int
    duration_ms: float | None
    to_state: str | None
    from_state: str | None
    error: dict[str, str | None] | None
    reason: object
    sequence: int | None
    attributes: dict[str, object] | None
    cut: dict[str, int] | None = None


class DeliveryView(msgspec.Struct, frozen=True):
    """A command's way to one instance."""

    instance: str
    status: str
    delivered_at: str | None
    applied_at: str | None
    confirmed_at: str | None
    detail: str
    verdict: str | None


class CommandView(msgspec.Struct, frozen=True):
    """One order and how far it came."""

    id: str
    breaker: str
    action: str
    reason: str
    until: str | None
    requested_by: str
    issued_at: str
    expires_at: str
    status: str
    verdict: str | None
    evidence: dict[str, object] | None
    deliveries: list[DeliveryView]


class AuditView(msgspec.Struct, frozen=True):
    """One line of the audit trail."""

    id: str
    at: str
    actor: str
    role: str
    address: str
    verb: str
    target: dict[str, str]
    reason: str
    before: object
    after: object


class KeyView(msgspec.Struct, frozen=True):
    """An ingest key, by its public id. `revoked_at` null: it is good."""

    id: str
    label: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None


class RedactionView(msgspec.Struct, frozen=True):
    """What is kept of a service's texts: `on`: the built-in rules; `patterns` of its own, beside those of the board; null: for admins alone."""

    on: bool
    patterns: list[str] | None
    keep_messages: bool


class ReachedView(msgspec.Struct, frozen=True):
    """A limit that a service ran into: `what` (requests, events, breakers, instances), `times` refused since `since`."""

    what: str
    since: str
    last_at: str
    times: int
    detail: str


class ServiceView(msgspec.Struct, frozen=True, kw_only=True):
    """A service. `breakers` counts its breakers by state; `keys` are told to admins alone, null for others.

    `earlier_secret_until`: how long the signing secret before the present one is still taken.
    """

    name: str
    paused: bool
    signatures: str
    created_at: str
    breakers: dict[str, int]
    limits: Limits
    limits_reached: list[ReachedView]
    redaction: RedactionView
    earlier_secret_until: str | None
    keys: list[KeyView] | None


class AnnotationView(msgspec.Struct, frozen=True):
    """A mark on the timelines. `until` null: a moment. A name that is null: any."""

    id: str
    kind: str
    title: str
    at: str
    until: str | None
    service: str | None
    breaker: str | None
    dependency: str | None
    url: str | None
    created_by: str
    created_at: str


class Page(msgspec.Struct, frozen=True):
    """One page of a list; `next` is the cursor of the following one."""

    items: list[object]
    next: str | None


class SourceView(msgspec.Struct, frozen=True):
    """One instance of a service as a poster, over all its breakers.

    state: heard, silent, stopped (it said so), or on_change (it never said how often it means to be heard: its silence says
    nothing). skew_ms: the smallest difference between receipt and `occurred_at` of the last minutes; negative: its clock is
    ahead. missing: numbers that its `sequence` skipped. late, early: told after something newer, told of the future.
    """

    name: str
    state: str
    first_heard_at: str
    last_heard_at: str
    interval_s: int | None
    events: int
    events_1m: int
    duplicates: int
    missing: int
    restarts: int
    late: int
    early: int
    skew_ms: float | None
    library: str | None
    library_version: str | None


class RefusalCountView(msgspec.Struct, frozen=True):
    """How much was refused for one reason: an event's code, or the status of whole requests."""

    code: str
    count: int
    last_at: str


class RefusalView(msgspec.Struct, frozen=True):
    """A refused request or event. sample: the start of what was sent, redacted; empty where it was not read."""

    at: str
    status: int
    code: str
    detail: str
    sample: str
    path: str
    address: str


class ServiceSources(msgspec.Struct, frozen=True):
    """A service as a poster. `service` null: requests of which no service is known, for want of a good key.

    instances: those heard in the last day; `sources` lists 25 of them by name, or 200 of any age where the service was asked
    for. rate_limited_at: when its rate limit was reached last.
    """

    service: str | None
    paused: bool
    instances: int
    last_heard_at: str | None
    events: int
    events_1m: int
    duplicates: int
    refused: int
    rate_limited_at: str | None
    sources: list[SourceView]
    refusals: list[RefusalCountView]
    last_refusals: list[RefusalView]


class KindView(msgspec.Struct, frozen=True):
    """One kind of row in the store. bytes null: this database can't tell them by kind. kept_days null: for good."""

    kind: str
    rows: int
    bytes: int | None
    oldest_at: str | None
    kept_days: int | None


class StoreView(msgspec.Struct, frozen=True):
    """The store. `bytes`, `reusable_bytes` (free inside for new rows) and `free_bytes` (on the disk; null: not known) are of
    now, `kinds` of `measured_at`; null: not measured yet.
    """

    bytes: int
    reusable_bytes: int
    free_bytes: int | None
    measured_at: str | None
    kinds: list[KindView]
