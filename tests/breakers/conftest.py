"""A small language for what services post and what the board then shows."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from breakers.access import Actor, Role
from breakers.domain.checking import check
from breakers.models import Board, Breaker, Service
from breakers.models.fields import to_us
from breakers.queries.shapes import Card
from breakers.recording import record
from breakers.submissions import Answer, Submission

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Scenario:
    """Posts events at times given by hand, and reads the board as of then."""

    def __init__(self) -> None:
        self.now = MORNING
        self.ada = Actor("ada", Role.ADMIN, "10.0.0.1")
        Board.objects.get_or_create(pk=1)
        self._keys = itertools.count()

    def at(self, clock: str | float) -> datetime:
        """Go to `HH:MM:SS` of this morning, or so many seconds after eight."""
        if isinstance(clock, str):
            parts = [int(part) for part in clock.split(":")] + [0, 0]
            self.now = MORNING.replace(hour=parts[0], minute=parts[1], second=parts[2])
        else:
            self.now = MORNING + timedelta(seconds=clock)
        return self.now

    def service(self, name: str = "checkout") -> Service:
        return Service.objects.get_or_create(name=name, defaults={"created_at": MORNING})[0]

    def posts(self, *events: dict[str, Any], service: str = "checkout", **more: Any) -> Answer:
        """Post these events now, as one request."""
        batch = check(list(events), to_us(self.now))
        submission = Submission(self.service(service).pk, batch.reports, batch.refusals, **more)
        return record([submission], self.now)[0]

    def moves(self, to_state: str, breaker: str = "payments", instance: str = "a", **more: Any) -> Answer:
        """A state change, told now."""
        event = {"type": "state_change", "breaker": breaker, "instance": instance, "to_state": to_state, **more}
        return self.posts(event)

    def beats(self, state: str, breaker: str = "payments", instance: str = "a", **more: Any) -> Answer:
        """A heartbeat, now."""
        return self.posts({"type": "heartbeat", "breaker": breaker, "instance": instance, "state": state, **more})

    def breaker(self, name: str = "payments", service: str = "checkout") -> Breaker:
        return Breaker.objects.get(service__name=service, name=name)

    def card(self, name: str = "payments") -> Card:
        from breakers import queries

        return queries.card(str(self.breaker(name).pk), self.now)

    def headline(self, name: str = "payments") -> list[str]:
        """The headline's transitions, as `HH:MM:SS from → to`."""
        rows = self.breaker(name).transitions.filter(instance_name=None).order_by("at", "id")
        return [f"{row.at:%H:%M:%S} {row.from_state} → {row.to_state}" for row in rows]


@pytest.fixture
def scenario(db: None) -> Callable[[], Scenario] | Scenario:
    """A board on which nothing has happened yet."""
    return Scenario()
