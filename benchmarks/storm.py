"""The storm: 5,000 breakers on 20 dependencies open within 10 s, and one apart; and what a transition costs at 10 and 1,000 rules.

python -m benchmarks.storm [--breakers 5000] [--only board|alone]

First on a whole board with routes, an escalation and people who look at its pages meanwhile. Then the evaluation alone, in one
process, on a database of its own (SQLite, or PostgreSQL where DATABASE_URL names an empty one).
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

CAUSES = 20
SPREAD_S = 10.0
LIMIT_S = 30.0


def storm(breakers: int) -> bool:
    """Print the row of the storm; whether it kept its promises."""
    from alerts import escalating, evaluating
    from alerts.models import Alert, Incident, Notification
    from breakers.models import Breaker, Outage, Service, Transition

    now = datetime.now(UTC)
    set_up_route(now)
    services = [Service(name=f"service-{n}", created_at=now) for n in range(100)]
    Service.objects.bulk_create(services)
    rows = [
        Breaker(
            service=services[n % 100], name=f"breaker-{n}", dependency=f"dependency-{n % CAUSES}", created_at=now,
            since=now, state="open", instances={"open": 4},
        )
        for n in range(breakers)
    ]  # fmt: skip
    rows.append(
        Breaker(service=services[0], name="apart", dependency="elsewhere", created_at=now, since=now, state="open")
    )
    Breaker.objects.bulk_create(rows, batch_size=500)
    opened = [now + timedelta(seconds=SPREAD_S * n / len(rows)) for n in range(len(rows))]
    Outage.objects.bulk_create(
        (Outage(breaker=row, started_at=at) for row, at in zip(rows, opened, strict=True)), batch_size=500
    )
    Transition.objects.bulk_create(
        (
            Transition(breaker=row, from_state="closed", to_state="open", at=at, recorded_at=at)
            for row, at in zip(rows, opened, strict=True)
        ),
        batch_size=500,
    )
    begun = time.monotonic()
    evaluating.evaluate(now + timedelta(seconds=SPREAD_S))
    took = time.monotonic() - begun
    sweeps = []
    for after in (15, 45, 60, 120, 240, 360):
        begun = time.monotonic()
        evaluating.sweep(now + timedelta(seconds=after))
        escalating.sweep(now + timedelta(seconds=after))
        sweeps.append(time.monotonic() - begun)
    sent = Notification.objects.exclude(state="dropped")
    by_incident: dict[tuple[object, object], Counter[str]] = {}
    for incident, destination, kind in sent.values_list("alert__incident", "destination", "kind"):
        by_incident.setdefault((incident, destination), Counter())[kind] += 1
    pages = max(found["opened"] for found in by_incident.values())
    updates = max(found["update"] for found in by_incident.values())
    incidents, alerts = Incident.objects.count(), Alert.objects.filter(rule__kind="opened").count()
    print(
        "| openings | alerts | incidents | most pages of one to a destination | most updates | evaluated in | longest sweep |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print(f"| {len(rows):,} | {alerts:,} | {incidents} | {pages} | {updates} | {took:.1f} s | {max(sweeps):.1f} s |")
    return (alerts, incidents) == (len(rows), CAUSES + 1) and pages == 1 and updates <= 2 and took < LIMIT_S


def set_up_route(now: datetime) -> None:
    """A machine and people hear at once, others when nobody has it in hand after a minute, and all are reminded."""
    from alerts.destinations import environment
    from alerts.models import Destination, Route

    environment.sync(now)
    machine, people, second = Destination.objects.order_by("kind", "masked_url").values_list("pk", flat=True)[::-1]
    steps = [{"after_s": 60, "destinations": [str(second)]}]
    told = [str(machine), str(people)]
    Route.objects.create(name="everything", destinations=told, steps=steps, repeat_s=[900], created_at=now)


def costs() -> None:
    """Print what one transition costs at so many rules of its kind."""
    from alerts import evaluating, ruling
    from alerts.models import Rule
    from breakers import bulk
    from breakers.models import Breaker, Transition

    ids = list(Breaker.objects.values_list("pk", flat=True)[:200])
    print("\n| rules | one transition, p50 ms | p99 ms |\n| --- | --- | --- |")
    state = "open"
    for count in (10, 1_000):
        with bulk.writing():
            version = bulk.next_version()
            known = Rule.objects.filter(kind="opened").count()
            Rule.objects.bulk_create(
                Rule(name=f"rule {n}", kind="opened", severity="critical", version=version, matchers={"service": f"s{n}-*", "labels": {"team": "x*"}})
                for n in range(known, count)
            )  # fmt: skip
        ruling.forget()
        found = []
        for number, pk in enumerate(ids):
            at = datetime.now(UTC) + timedelta(hours=1, seconds=number)
            state = "half_open"
            Transition.objects.create(breaker_id=pk, from_state="open", to_state=state, at=at, recorded_at=at)
            begun = time.perf_counter()
            evaluating.evaluate(at)
            found.append(1e3 * (time.perf_counter() - begun))
        found.sort()
        print(f"| {count:,} | {statistics.median(found):.1f} | {found[int(0.99 * len(found))]:.1f} |")


def main() -> int:
    """Both; not 0 where the storm broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breakers", type=int, default=5_000)
    parser.add_argument("--only", choices=("board", "alone"))
    asked = parser.parse_args()
    kept = True
    if asked.only != "alone":
        from benchmarks import storm_board

        kept = storm_board.measure(asked.breakers)
        print()
    if asked.only != "board":
        kept = alone(asked.breakers) and kept
    return 0 if kept else 1


def alone(breakers: int) -> bool:
    """The evaluation by itself; whether it kept its promises."""
    with tempfile.TemporaryDirectory(prefix="breakerboard-storm-") as directory:
        os.environ.update(
            DATA_DIR=directory,
            DJANGO_SETTINGS_MODULE="dashboard.settings",
            ALERT_URLS="https://hooks.example.org/storm json://phone.example.org/ json://second.example.org/",
        )
        import django
        from django.core.management import call_command

        from breakers import nudging

        django.setup()
        call_command("migrate", verbosity=0)
        # No broker is here to be nudged, and nobody is to be told.
        nudging.nudge = lambda *_: None  # type: ignore[assignment]
        kept = storm(breakers)
        costs()
    return kept


if __name__ == "__main__":
    sys.exit(main())
