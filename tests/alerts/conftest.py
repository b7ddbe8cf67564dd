"""Stories: a board whose time is told by hand, with breakers that trip and recover, and receivers that listen."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from pytest_django.fixtures import Settings

from alerts import evaluating, notifying, outbox, ruling
from alerts.models import Alert, AlertLog, Notification, Rule
from breakers import nudging
from breakers.models import Breaker, Outage, Service, Transition
from tests.alerts.receiver import Receiver, receiver

DAY = datetime(2026, 11, 23, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def clock(text: str) -> datetime:
    """10:00, or 10:00:30."""
    hours, minutes, *seconds = [int(part) for part in text.split(":")]
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


@dataclass
class Scenario:
    """What happens at a breaker, in words; the headline's rows are written as the recording writes them."""

    now: datetime = field(default=DAY)

    def at(self, text: str) -> "Scenario":
        """Go to this time of the day."""
        self.now = clock(text)
        return self

    def breaker(self, path: str = "orders/delivery-tracking", **columns: Any) -> Breaker:
        """The breaker `service/name`, made at its first mention."""
        service, _, name = path.partition("/")
        row, _ = Service.objects.get_or_create(name=service, defaults={"created_at": self.now})
        defaults = {
            # delivery-tracking calls tracking-api; each other one calls something else.
            "dependency": f"{name.removeprefix('delivery-')}-api",
            "labels": {"team": "logistics"},
            "created_at": self.now,
            "since": self.now,
            "state": "closed",
            "instances": {"open": 3, "closed": 7},
            **columns,
        }
        return Breaker.objects.get_or_create(service=row, name=name, defaults=defaults)[0]

    def goes(
        self, state: str, path: str = "orders/delivery-tracking", *, told: str = "", late: bool = False
    ) -> Transition:
        """The headline changes; `told`: when it happened, where that is not now."""
        breaker = self.breaker(path)
        at = clock(told) if told else self.now
        row = Transition.objects.create(
            breaker=breaker, from_state=breaker.state, to_state=state, at=at, recorded_at=self.now, late=late
        )
        if not late:
            self._follow_outage(breaker, state, at)
            breaker.state, breaker.since = state, at
            breaker.save()
        return row

    def _follow_outage(self, breaker: Breaker, state: str, at: datetime) -> None:
        under_way = Outage.objects.filter(breaker=breaker, ended_at=None)
        if state == "open" and not under_way.exists():
            Outage.objects.create(breaker=breaker, started_at=at)
        elif state == "open" and breaker.state == "half_open":
            under_way.update(failed_probes=F("failed_probes") + 1)
        elif state == "closed":
            under_way.update(ended_at=at)

    def then(self, state: str, path: str = "orders/delivery-tracking") -> None:
        """The headline changes, and alerting looks at it."""
        self.goes(state, path)
        evaluating.evaluate(self.now)

    def sweeps(self) -> None:
        """The sweep comes by."""
        evaluating.sweep(self.now)

    def delivers(self) -> int:
        """Everything that is due is sent; how many tries that took."""
        before = self._tries()
        while True:
            last = self._tries()
            for pk in outbox.due(self.now):
                notifying.deliver(pk, lambda: self.now)
            if self._tries() == last:
                return last - before

    def tried(self) -> "Scenario":
        """A worker has tried to send what is due, and can't say how it went."""
        Notification.objects.filter(state="due", attempt=0).update(attempt=1)
        return self

    def _tries(self) -> int:
        return sum(Notification.objects.values_list("attempt", flat=True))

    def alert(self) -> Alert:
        """The newest alert."""
        return Alert.objects.select_related("rule").latest("pk")

    def log(self) -> list[str]:
        """All alerts' changes: `10:00:00 firing`."""
        return [f"{row.at:%H:%M:%S} {row.to_status}" for row in AlertLog.objects.order_by("pk")]

    def notifications(self) -> list[str]:
        """All notifications: `10:00:00 opened due`."""
        return [f"{row.created_at:%H:%M:%S} {row.kind} {row.state}" for row in Notification.objects.order_by("pk")]


@pytest.fixture
def board(transactional_db: None) -> None:
    """A database whose transactions are real, with what its migrations made."""


@pytest.fixture
def scenario() -> Scenario:
    """A story that begins. Openings alone raise alerts, until other rules are switched on."""
    ruling.forget()
    Rule.objects.exclude(name="opened").update(enabled=False)
    return Scenario()


def rules(*names: str) -> None:
    """These built-in rules are on, and no others."""
    Rule.objects.update(enabled=False)
    assert Rule.objects.filter(name__in=names, builtin=True).update(enabled=True) == len(names)
    ruling.forget()


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    """A receiver that the environment names."""
    with receiver() as one:
        settings.ALERT_URLS = (one.url,)
        settings.ALERT_WEBHOOK_SECRET = SECRET
        yield one


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What would have been handed to the broker."""
    sent: list[tuple[object, ...]] = []
    monkeypatch.setattr(nudging, "nudge", lambda task, *args: sent.append((task, *args)))
    return sent


@pytest.fixture(autouse=True)
def _no_broker(nudges: list[tuple[object, ...]]) -> None:
    """No test here waits for a broker; those that want one start it."""


def body_of(request: Any) -> dict[str, Any]:
    """The JSON of a request."""
    parsed: dict[str, Any] = json.loads(request.body)
    return parsed


def is_moment(text: str) -> bool:
    """RFC 3339 in UTC."""
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text))
