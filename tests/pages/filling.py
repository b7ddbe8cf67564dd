"""A board with some of everything that its pages show: rows as they stand, however many are wanted."""

from datetime import datetime, timedelta
from itertools import count

from django.contrib.auth.models import User

from alerts.models import (
    Alert,
    AlertLog,
    Attempt,
    Destination,
    Incident,
    IncidentLog,
    Notification,
    Override,
    Rota,
    Route,
    Rule,
    Silence,
)
from breakers import auditing
from breakers.access import BOARD
from breakers.models import (
    Annotation,
    Breaker,
    Command,
    Delivery,
    IngestKey,
    Instance,
    Outage,
    ReachedLimit,
    Refusal,
    RefusalCount,
    Service,
    SettingsChange,
    Source,
    Transition,
)
from dashboard.models import SavedView, ScreenLink
from tests.pages.seeding import seed_wall

MINUTE = timedelta(minutes=1)
_numbers = count(1)


def fill(breakers: int, others: int, now: datetime) -> None:
    """So many breakers more on the wall, and of everything else so many more."""
    known = set(Breaker.objects.values_list("pk", flat=True))
    seed_wall(breakers, now)
    new = Breaker.objects.exclude(pk__in=known).select_related("service")
    new.update(labels={"team": "payments"}, silence_due_at=now - MINUTE)
    rows = list(new.order_by("pk"))
    for row in rows[:others]:
        _past(row, now)
    incident = _incident(now)
    told = _destination(now)
    for number in range(others):
        row = rows[number % len(rows)]
        n = next(_numbers)
        _service(f"service-{n}", n, now)
        _alert(row, incident, told, n, now)
        _incident(now)
        _incident(now, over=True)
        _destination(now)
        _destination(now)
        Route.objects.create(name=f"route {n}", destinations=[str(told.pk)], created_at=now)
        _rota(n, now)
        Rule.objects.create(name=f"rule {n}", severity="warning", matchers={"service": f"s{n}*"})
        Silence.objects.create(
            matchers={"service": "s*"},
            comment="a release",
            created_by="grace",
            created_at=now,
            starts_at=now - MINUTE,
            ends_at=now + MINUTE * (1 if n % 2 else -1) * 0.5,
        )
        Annotation.objects.create(kind="deploy", title=f"{n}", at=now - MINUTE, created_by="ci", created_at=now)
        SavedView.objects.create(user=User.objects.get(username="ada"), name=f"view {n}", query="", created_at=now)
        ScreenLink.objects.create(
            name=f"hall {n}", digest=f"{n:064}", created_by="ada", created_at=now, expires_at=now + 60 * MINUTE
        )
        auditing.write(BOARD, "command.reset", "breaker", row.pk, row.name, at=now)


def _past(row: Breaker, now: datetime) -> None:
    """It opened some minutes ago at one of its instances, was told other settings, and was ordered about."""
    at = now - 20 * MINUTE
    copy = Instance.objects.create(
        breaker=row, name="pod-1", state="open", since=at, newest_at=now, first_heard_at=at, heard_at=now, interval_s=60
    )
    for name, instance in ((None, None), ("pod-1", copy)):
        Transition.objects.create(
            breaker=row,
            instance=instance,
            instance_name=name,
            from_state="closed",
            to_state="open",
            at=at,
            recorded_at=at,
        )
    Outage.objects.create(breaker=row, started_at=at, ended_at=None, first_instance="pod-1")
    SettingsChange.objects.create(
        breaker=row, instance_name="pod-1", at=at - MINUTE, before={"timeout_ms": 1}, after={"timeout_ms": 2}
    )
    command = Command.objects.create(
        breaker=row, action="probe", reason="drill", requested_by="grace", issued_at=at, expires_at=now
    )
    Delivery.objects.create(command=command, service_id=row.service_id, instance=copy, instance_name="pod-1", due_at=at)


def _service(name: str, n: int, now: datetime) -> None:
    service = Service.objects.create(name=name, created_at=now)
    IngestKey.objects.create(service=service, key_id=f"{n:08}", digest=f"{n:064}", created_at=now)
    ReachedLimit.objects.create(service=service, what="events", since=now, last_at=now, times=3, detail="too many")
    Source.objects.create(service=service, name="pod-1", first_heard_at=now, heard_at=now, newest_at=now)
    Refusal.objects.create(service_id=service.pk, at=now, status=422, code="bad_value", detail="no")
    RefusalCount.objects.create(service_id=service.pk, code="bad_value", count=1, last_at=now)


def _incident(now: datetime, *, over: bool = False) -> Incident:
    incident = Incident.objects.create(
        started_at=now - 20 * MINUTE,
        joined_at=now - 20 * MINUTE,
        resolved_at=now - MINUTE if over else None,
        cause="payments-db",
        reasons=["all call it"],
    )
    IncidentLog.objects.create(incident=incident, at=now, who="grace", what="looked")
    return incident


def _destination(now: datetime) -> Destination:
    return Destination.objects.create(
        kind="webhook", name="hook", source="board", masked_url="https://hooks.example/•••", created_at=now
    )


def _rota(n: int, now: datetime) -> None:
    """Ada takes all turns, and is replaced by herself."""
    ada = User.objects.get(username="ada")
    turns = {"people": [str(ada.pk)], "since": "2026-11-23", "at": "09:00", "every_days": 7, "hours": None}
    rota = Rota.objects.create(name=f"rota {n}", timezone="UTC", layers=[turns], created_at=now)
    Override.objects.create(
        rota=rota, user=ada, begins_at=now, ends_at=now + 60 * MINUTE, created_by="grace", created_at=now
    )


def _alert(row: Breaker, incident: Incident, told: Destination, n: int, now: datetime) -> None:
    """One that fires, one that grace has, one that is over."""
    for status, rule in (
        ("firing", Rule.objects.get(name="opened")),
        ("acknowledged", Rule.objects.create(name=f"flaps {n}", kind="flapping", severity="warning")),
        ("resolved", Rule.objects.get(name="opened")),
    ):
        alert = Alert.objects.create(
            rule=rule,
            severity="critical",
            status=status,
            subject_id=f"{n}",
            breaker=row,
            service=row.service.name,
            breaker_name=row.name,
            dependency=row.dependency,
            summary="it opened",
            started_at=now - 20 * MINUTE,
            detected_at=now - 20 * MINUTE,
            acknowledged_by="grace" if status == "acknowledged" else None,
            acknowledged_at=now if status == "acknowledged" else None,
            resolved_at=now if status == "resolved" else None,
            incident=incident,
        )
        AlertLog.objects.create(alert=alert, at=now, from_status=None, to_status="firing", who="opened")
        note = Notification.objects.create(
            alert=alert,
            destination=told,
            kind="opened",
            sequence=1,
            body=b"{}",
            webhook_id=f"msg_{n}_{status}",
            created_at=now,
            state="sent",
            due_at=now,
            give_up_at=now,
            attempt=1,
        )
        Attempt.objects.create(notification=note, number=1, started_at=now, outcome="accepted")
