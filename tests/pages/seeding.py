"""Boards to look at: a wall of any size, and one breaker with a story, told through the recording as services tell it.

DATA_DIR=… python -m tests.pages.seeding 60
"""

import argparse
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

MINUTE = timedelta(minutes=1)
SERVICES = (
    "checkout",
    "orders",
    "payments",
    "search",
    "shipping",
    "catalog",
    "identity",
    "pricing",
    "inventory",
    "notify",
)
NAMES = ("card-authorise", "delivery-tracking", "fraud-check", "geo-resolve", "stock-reserve", "tax-quote")
DEPENDENCIES = ("payments-db", "tracking-api", "search-es", "mail-relay", "cdn-purge", "tax-rules")
# The troubled ones, whatever the size of the board.
TROUBLES = ("open", "open", "open", "open", "forced_closed", "forced_open", "half_open", "unknown", "stale", "disabled")


def seed_wall(count: int, now: datetime, *, troubles: bool = True, seed: int = 7) -> None:
    """Rows of `count` breakers, ten of them in trouble."""
    from breakers.models import Breaker, Service
    from breakers.models.fields import to_us

    dice = random.Random(seed)
    first = Breaker.objects.count()
    services = [Service.objects.get_or_create(name=name, defaults={"created_at": now})[0] for name in SERVICES]
    rows = []
    for number in range(count):
        state = TROUBLES[number] if troubles and number < len(TROUBLES) else "closed"
        bad = state != "closed"
        calls = dice.randrange(60, 60_000)
        since = now - timedelta(seconds=dice.randrange(30, 600) if bad else dice.randrange(3_600, 400_000))
        rows.append(
            Breaker(
                service=services[number % len(services)],
                name=f"{dice.choice(NAMES)}-{first + number}",
                dependency=dice.choice(DEPENDENCIES),
                created_at=now - timedelta(days=9),
                version=number + 1,
                state=state,
                since=since,
                reported_state="closed" if state in ("stale", "unknown") else state,
                instances={state: 3, "closed": 17} if bad else {"closed": 20},
                strip=_strip(dice, state, to_us(since), to_us(now)),
                last_event_at=now - timedelta(seconds=130 if state == "stale" else 3_700 if state == "unknown" else 2),
                last_error_type="ConnectTimeout" if bad else None,
                config={"failure_rate_threshold": 50, "minimum_calls": 10},
                calls_1m=calls,
                failures_1m=int(calls * (dice.uniform(0.3, 0.9) if bad else dice.uniform(0, 0.02))),
                rejected_1m=dice.randrange(2_000) if state in ("open", "forced_open") else 0,
                wanted_action="force_open"
                if state == "forced_open"
                else "force_closed"
                if state == "forced_closed"
                else None,
                wanted_until=now + 25 * MINUTE if state.startswith("forced") else None,
                wanted_by="ana" if state.startswith("forced") else None,
            )
        )
    Breaker.objects.bulk_create(rows, batch_size=500)


def seed_story(now: datetime) -> str:
    """A breaker of three instances that tripped twice and is open now. Its id."""
    from breakers.listening import listen
    from breakers.models import Breaker, Service

    listen(now - 60 * MINUTE, pause_s=0)
    service, _ = Service.objects.get_or_create(name="orders", defaults={"created_at": now})
    dice = random.Random(3)
    opened = {-31: "failed", -4: "failed"}
    for minute in range(-60, 0):
        at = now + minute * MINUTE
        sick = -32 <= minute <= -28 or minute >= -6
        events: list[dict[str, Any]] = []
        for pod in ("orders-7f9c", "orders-81aa", "orders-c0de"):
            events.append(
                {
                    "type": "success",
                    "breaker": "delivery-tracking",
                    "instance": pod,
                    "count": dice.randrange(40, 90),
                    "duration_ms": 41.2,
                }
            )
            events.append(
                {
                    "type": "heartbeat",
                    "breaker": "delivery-tracking",
                    "instance": pod,
                    "state": "closed",
                    "interval_s": 60,
                    "library": "pybreaker",
                    "library_version": "1.4.1",
                    "commands": ["probe", "reset", "force_open", "release"] if pod != "orders-c0de" else ["reset"],
                }
            )
            if sick:
                events.append(
                    {
                        "type": "failure" if minute % 2 else "timeout",
                        "breaker": "delivery-tracking",
                        "instance": pod,
                        "count": dice.randrange(20, 80),
                        "duration_ms": 1003.2,
                        "error": {"type": "ConnectTimeout", "message": "tracking-api timed out after 1000 ms"},
                    }
                )
            events.append(
                {"type": "retry", "breaker": "delivery-tracking", "instance": pod, "count": 400 if sick else 3}
            )
        events.append(
            {"type": "fallback", "breaker": "delivery-tracking", "instance": "orders-7f9c", "count": 60 if sick else 1}
        )
        if minute in opened:
            events = [event for event in events if event["type"] != "heartbeat"]
            events += _opening("orders-7f9c", at), _opening("orders-81aa", at)
        if minute == -29:
            events = [event for event in events if event["type"] != "heartbeat"]
            for pod in ("orders-7f9c", "orders-81aa"):
                events.append(_change(pod, "open", "half_open", at))
                events.append(_change(pod, "half_open", "closed", at + timedelta(seconds=3)))
        if minute > -4:
            events = [event for event in events if event["type"] != "heartbeat" or event["instance"] == "orders-c0de"]
            events = [event for event in events if event["type"] != "success" or event["instance"] == "orders-c0de"]
            events.append({"type": "rejected", "breaker": "delivery-tracking", "instance": "orders-7f9c", "count": 300})
            events.append(_change("orders-7f9c", "open", "half_open", at))
            events.append(
                _change(
                    "orders-7f9c", "half_open", "open", at + timedelta(seconds=2), probe=now + timedelta(seconds=40)
                )
            )
            events.append(
                {
                    "type": "heartbeat",
                    "breaker": "delivery-tracking",
                    "instance": "orders-81aa",
                    "state": "open",
                    "interval_s": 60,
                }
            )
        _post(service.pk, events, at + timedelta(seconds=5))
    _marks(now)
    return str(Breaker.objects.get(service=service, name="delivery-tracking").pk)


def seed_alerts(breaker_id: str, now: datetime) -> None:
    """An alert that fires and was told with a failed try, one in Grace's hands, one that is over."""
    from alerts.models import Alert, AlertLog, Destination, Notification, Rule
    from alerts.models.notification import Attempt
    from breakers.models import Breaker

    rule = Rule.objects.get(name="opened")
    told = Destination.objects.create(
        kind="webhook",
        name="ops-hook",
        source="board",
        masked_url="https://hooks.example/•••",
        created_at=now,
        failures=3,
        open_until=now + MINUTE,
        last_error="answered 503",
    )
    # A running board may have told of some of them already.
    quiet = Breaker.objects.select_related("service").filter(alerts=None)
    chosen = [*quiet.filter(pk=breaker_id), *quiet.exclude(pk=breaker_id).order_by("pk")]
    for number, (breaker, status) in enumerate(zip(chosen, ("firing", "acknowledged", "resolved"), strict=False)):
        started = now - (4 + 60 * number) * MINUTE
        alert = Alert.objects.create(
            rule=rule,
            severity="critical",
            status=status,
            version=number + 1,
            subject_id=str(breaker.pk),
            breaker=breaker,
            service=breaker.service.name,
            breaker_name=breaker.name,
            dependency=breaker.dependency,
            summary=f"{breaker.name} opened in {breaker.service.name} (2 of 3 instances)",
            started_at=started,
            detected_at=started,
            trips=1 + 13 * (number == 0),
            acknowledged_by="grace" if status == "acknowledged" else None,
            acknowledged_at=started + MINUTE if status == "acknowledged" else None,
            acknowledged_comment="rolling back the release" if status == "acknowledged" else "",
            resolved_at=started + 9 * MINUTE if status == "resolved" else None,
        )
        AlertLog.objects.create(
            alert=alert, at=started, from_status=None, to_status="firing", who="opened", evidence={"state": "open"}
        )
        note = Notification.objects.create(
            alert=alert,
            destination=told,
            kind="opened",
            sequence=1,
            body=b"{}",
            webhook_id=f"msg_{number}",
            created_at=started,
            state="dead" if number == 0 else "sent",
            due_at=started,
            give_up_at=now,
            attempt=2,
            finished_at=started + MINUTE,
            reason="answered 503 for 24 hours" if number == 0 else "",
        )
        for each in (1, 2):
            Attempt.objects.create(
                notification=note,
                number=each,
                started_at=started + each * timedelta(seconds=20),
                took_ms=120 * each,
                status_code=503 if number == 0 or each == 1 else 204,
                outcome="refused" if number == 0 or each == 1 else "accepted",
                error="answered 503" if number == 0 or each == 1 else "",
                answer="try later",
            )


def people() -> None:
    """Ada is an admin, Grace an operator, Eve a viewer, Mallory nobody; their password is `correct horse`."""
    from django.contrib.auth.models import Group, User

    for name, group in (("ada", "admin"), ("grace", "operator"), ("eve", "viewer"), ("mallory", "")):
        user, made = User.objects.get_or_create(username=name)
        if made:
            user.set_password("correct horse")
            user.save()
        if group:
            user.groups.add(Group.objects.get_or_create(name=group)[0])


def _marks(now: datetime) -> None:
    from breakers.access import BOARD
    from breakers.annotating import Mark, annotate

    for mark in (
        Mark("deploy", "orders 2.4.1", now - 12 * MINUTE, service="orders", url="https://ci.example/41"),
        Mark("chaos", "tracking-api slowed down", now - 33 * MINUTE, now - 28 * MINUTE, dependency="tracking-api"),
        Mark("note", "campaign begins", now - 50 * MINUTE),
    ):
        annotate(BOARD, mark, at=now)


def _opening(pod: str, at: datetime) -> dict[str, Any]:
    return _change(pod, "closed", "open", at) | {
        "reason": {"metric": "failure_rate", "value": 62, "threshold": 50, "window_ms": 10_000, "min_calls": 10},
        "config": {
            "failure_rate_threshold": 50,
            "minimum_calls": 10,
            "reset_timeout_ms": 30_000,
            "success_threshold": 5,
            "window_ms": 10_000,
            "timeout_ms": 1_000,
        },
        "labels": {"team": "logistics", "runbook": "https://wiki.example/tracking"},
    }


def _change(pod: str, before: str, after: str, at: datetime, probe: datetime | None = None) -> dict[str, Any]:
    event = {
        "type": "state_change",
        "breaker": "delivery-tracking",
        "dependency": "tracking-api",
        "instance": pod,
        "from_state": before,
        "to_state": after,
        "occurred_at": at.isoformat(),
    }
    return event if probe is None else event | {"next_probe_at": probe.isoformat()}


def _post(service_id: int, events: list[dict[str, Any]], at: datetime) -> None:
    from breakers.domain.checking import check
    from breakers.models.fields import to_us
    from breakers.recording import record
    from breakers.submissions import Submission

    batch = check(events, to_us(at))
    if batch.refusals:
        raise ValueError(batch.refusals[0].detail)
    record([Submission(service_id, batch.reports, batch.refusals)], at)


def _strip(dice: random.Random, state: str, since: int, now: int) -> list[list[object]]:
    if state == "closed" and dice.random() < 0.9:
        return [[since, "closed"]]
    start = now - 880_000_000
    marks: list[list[object]] = [[start - 10**9, "closed"]]
    for at in sorted(dice.randrange(start, min(since, now) if since > start else now) for _ in range(3)):
        marks.append([at, dice.choice(("open", "half_open", "closed"))])
    return [*marks, [max(since, start + 1), state]]


def seed_rotas(now: datetime) -> None:
    """Ada and Grace take turns, Grace stands in for Ada once; at night and on Sundays nobody is on call for shipping."""
    from alerts import rostering
    from alerts.models import Destination
    from breakers.access import BOARD

    hook = str(Destination.objects.get(name="ops-hook").pk)
    for name in ("ada", "grace"):
        rostering.reach(BOARD, name, {"destinations": [hook]}, at=now)
    monday = (now.date() - timedelta(days=now.weekday())).isoformat()
    turns = {"people": ["ada", "grace"], "since": monday, "every_days": 2}
    given = {"name": "payments", "timezone": "Europe/Berlin", "layers": [turns], "fallback": [hook]}
    rota = str(rostering.add(BOARD, given, at=now).pk)
    begins = now + timedelta(days=4)
    rostering.override(
        BOARD, rota, "grace", begins_at=begins, ends_at=begins + timedelta(days=3), comment="Ada flies", at=now
    )
    hours = {"days": ["mon", "tue", "wed", "thu", "fri", "sat"], "from": "08:00", "to": "20:00"}
    layers = [{"people": ["grace"], "since": monday, "hours": hours}]
    rostering.add(BOARD, {**given, "name": "shipping", "layers": layers}, at=now)


def main() -> None:
    """Fill the board; print the id of the breaker with a story."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=60, help="breakers on the wall (%(default)s)")
    parser.add_argument("--only", choices=("people", "wall"), help="nothing but these")
    asked = parser.parse_args()
    moment = datetime.now(UTC)
    if asked.only != "wall":
        people()
    if asked.only != "people":
        seed_wall(asked.count, moment, troubles=asked.only is None)
    if asked.only is None:
        story = seed_story(moment)
        seed_alerts(story, moment)
        seed_rotas(moment)
        print(story)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    django.setup()
    main()
