"""The facts this app announces, after commit, with `send_robust`: receivers must return at once."""

from dataclasses import dataclass, field
from datetime import datetime

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class Changes:
    """What a commit changed.

    version: the board's change number after it. breakers: ids of the changed ones. transitions: whether the headline
    of one changed, so that alerting has work. commands: (service id, instance name) of deliveries that now wait.
    """

    version: int
    breakers: frozenset[int] = frozenset()
    transitions: bool = False
    commands: frozenset[tuple[int, str]] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class ReachedLimit:
    """A service was refused at one of its limits: requests, events, breakers or instances; `times` since the last such fact."""

    service_id: int
    what: str
    at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class SilentSource:
    """One instance of a service, all of whose breakers that mean to be heard have fallen silent, `breakers` of them."""

    service_id: int
    name: str
    heard_at: datetime
    silent_since: datetime
    breakers: int


# Sent with `changes=Changes(…)`.
breakers_changed = Signal()
# Sent with `user_id=…`, `token_id=…` or `screen_id=…` and `reason=…` when a credential ends or its role changes: open sockets must follow.
access_changed = Signal()
# Sent with `reached=ReachedLimit(…)`, while a service keeps running into a limit every few seconds at most.
limit_reached = Signal()
# Sent with `sources=(SilentSource(…), …)`: one fact for each source, however many breakers it has. Its row
# (`models.Source.silent_since`) says so until it speaks again.
sources_fell_silent = Signal()
# Sent with `sources=((service id, name), …)` of those that had fallen silent, and spoke.
sources_spoke_again = Signal()
