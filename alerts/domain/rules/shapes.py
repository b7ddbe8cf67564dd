"""Shapes: what the families are given, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerts.domain.matching import Matchers, Subject

SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Rule:
    """One row, as the families read it."""

    id: int
    name: str
    kind: str
    severity: str
    for_s: int = 0
    keep_s: int = 60
    matchers: Matchers = field(default_factory=Matchers)
    parameters: Mapping[str, float] = field(default_factory=dict)
    builtin: bool = False

    def seconds(self, name: str) -> timedelta:
        """A parameter that is a length of time."""
        return timedelta(seconds=self.parameters[name])


@dataclass(frozen=True, slots=True)
class Minute:
    """What a breaker counted in the last minute."""

    success: int = 0
    failure: int = 0
    timeout: int = 0
    rejected: int = 0
    slow: int = 0
    retry: int = 0
    fallback: int = 0

    @property
    def calls(self) -> int:
        """Success, failure and timeout."""
        return self.success + self.failure + self.timeout


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a subject at a moment; a family reads the few that it needs. None: there is nothing of the kind."""

    subject: Subject
    # Of a breaker.
    state: str = ""
    since: datetime | None = None
    reported_state: str | None = None
    instances: Mapping[str, int] = field(default_factory=dict)
    reset_timeout_s: float = 0.0
    wanted_action: str | None = None
    wanted_until: datetime | None = None
    wanted_by: str | None = None
    # Its outages of the last day: (started, ended or None, probes that failed in it), oldest first.
    outages: tuple[tuple[datetime, datetime | None, int], ...] = ()
    # The last step to half-open, and the last bucket with a call.
    probed_at: datetime | None = None
    called_at: datetime | None = None
    minute: Minute = field(default_factory=Minute)
    # Since when it is in an administrative state.
    forced_since: datetime | None = None
    metrics_only: bool = False
    # When its last override ended, by its lease or by hand; None: there was none, or it holds.
    released_at: datetime | None = None
    # Its newest command: (action, status, verdict, who, issued).
    command: tuple[str, str, str | None, str, datetime] | None = None
    # Of a service: its live instances that have an interval, and those of them that are silent.
    expected: int = 0
    stale: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    # Which of those that are silent, or left by silence, was replaced by whom; who left, and was replaced by nobody.
    replaced: Mapping[str, str] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    # Of whom the live alert has told.
    alerted: frozenset[str] = frozenset()
    # Of a service: what it ran into, and when last: {requests, events, breakers or instances: moment}.
    limits: Mapping[str, datetime] = field(default_factory=dict)
    # Of a destination.
    open_since: datetime | None = None
    dead: int = 0
    last_error: str = ""
    # Of the board: when each service was last heard (those that have an interval), and how many of them are silent.
    heard: tuple[datetime, ...] = ()
    silent_services: int = 0
    oldest_transition_at: datetime | None = None
    oldest_notice_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule makes of the facts. `met` None: it keeps its mind. `look_at`: when time alone may change it."""

    met: bool | None
    summary: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
    look_at: datetime | None = None
    severity: str = ""
    # When it began, where that is earlier than now.
    since: datetime | None = None


def worse(severity: str) -> str:
    """One step up."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)] if severity in SEVERITIES else severity
