"""Facts: what the rules are told of their subjects, read in few queries for many. And who is worth a look: one query a kind.

Nothing here decides: a candidate is whoever a rule might find something at.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from alerts import outbox
from alerts.domain.matching import Subject
from alerts.domain.rules import Facts, Rule
from alerts.domain.rules.overrides import FORCED
from alerts.domain.rules.shapes import Minute
from alerts.domain.rules.silence import replacements
from alerts.domain.rules.traffic import measured
from alerts.models import AlertLog, DeliveryFault, Destination, Notification
from alerts.models.notification import State
from alerts.raising import Target, target_of
from breakers import bulk
from breakers.commanding import LONGEST_LEASE
from breakers.models import Breaker, Command, Instance, Outage, ReachedLimit, Rollup10s, Service, Transition
from breakers.models.command import OVERRIDES
from breakers.models.fields import to_us

SECOND = 1_000_000
DAY = timedelta(days=1)
MINUTE_COLUMNS = ("success", "failure", "timeout", "rejected", "slow", "retry", "fallback")
TRAFFIC = ("failure rate", "slow rate", "rejected share", "fallback share", "retry storm")
BOARD = Target("board", "board", Subject(), {})

Pair = tuple[Target, Facts]


def candidates(kind: str, rules: Sequence[Rule], busy: Mapping[int, Minute], now: datetime) -> list[str]:
    """Ids of the subjects at which a rule of this kind might find something. `busy`: the last minute of all breakers."""
    if kind in TRAFFIC:
        return _busy(kind, rules, busy)
    finder = _FINDERS.get(kind)
    return [str(id) for id in finder(rules, now)] if finder else []


def of_subjects(kind: str, ids: Iterable[str], now: datetime) -> list[Pair]:
    """The subjects of a kind of rule that still are there, with their facts."""
    match kind:
        case "silent" | "limit reached":
            return _of_services(ids, kind, now)
        case "delivery failing":
            return _of_destinations(ids, now)
        case "nothing from anyone":
            return [(BOARD, _of_everyone(now))]
        case "we are late":
            return [(BOARD, lateness(now))]
    return _of_breakers([int(id) for id in ids], kind, now)


def lateness(now: datetime) -> Facts:
    """What waits longest of ours."""
    waiting = Transition.objects.filter(evaluated_at=None, instance_name=None).order_by("pk")
    fresh = Notification.objects.filter(state=State.DUE, attempt=0, destination__open_until=None)
    fresh = fresh.exclude(destination__in=outbox.paced(now))
    return Facts(
        Subject(),
        oldest_transition_at=waiting.values_list("recorded_at", flat=True).first(),
        oldest_notice_at=fresh.aggregate(at=Min("due_at"))["at"],
    )


def minutes(breakers: Iterable[int] | None, now: datetime) -> dict[int, Minute]:
    """{breaker: what it counted in the last minute}; None: of all that counted something."""
    rows = Rollup10s.objects.filter(at__gte=to_us(now) // SECOND - 60)
    if breakers is not None:
        rows = rows.filter(breaker_id__in=list(breakers))
    summed = rows.values_list("breaker_id").annotate(*(Sum(name) for name in MINUTE_COLUMNS))
    return {breaker: Minute(*map(int, counted)) for breaker, *counted in summed}


def _busy(kind: str, rules: Sequence[Rule], busy: Mapping[int, Minute]) -> list[str]:
    """Breakers whose last minute exceeds the lowest threshold of any rule."""
    name = "ratio" if kind == "retry storm" else "percent"
    threshold = min(rule.parameters[name] for rule in rules)
    calls = min(rule.parameters["calls"] for rule in rules)
    found = []
    for breaker, minute in busy.items():
        value, of = measured(kind, minute)
        if of >= calls and value >= threshold:
            found.append(str(breaker))
    return found


def _partly(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    return Breaker.objects.filter(instances__has_key="open").exclude(state="open").values_list("pk", flat=True)


def _stuck(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    return Outage.objects.filter(ended_at=None).values_list("breaker", flat=True)


def _restless(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    times = int(min(rule.parameters["times"] for rule in rules))
    begun = (
        Outage.objects.filter(started_at__gt=now - DAY)
        .values("breaker")
        .annotate(n=Count("pk"), last=Max("started_at"))
    )
    # Whoever has not opened in the last hour does not begin to flap now.
    return begun.filter(n__gte=times, last__gt=now - timedelta(hours=1)).values_list("breaker", flat=True)


def _forced(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    return Breaker.objects.filter(instances__has_any_keys=list(FORCED)).values_list("pk", flat=True)


def _wanted(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    return Breaker.objects.filter(wanted_action__isnull=False).values_list("pk", flat=True)


def _ordered(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    within = max(rule.seconds("within_s") for rule in rules)
    failed = Q(status__in=["failed", "expired"]) | Q(verdict="did_not_hold")
    return Command.objects.filter(failed, issued_at__gt=now - within).values_list("breaker", flat=True).distinct()


def _quiet(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    silent = Instance.objects.filter(left_at=None, interval_s__isnull=False, state__in=["stale", "unknown"])
    return silent.values_list("breaker__service", flat=True).distinct()


def _limited(rules: Sequence[Rule], now: datetime) -> QuerySet[Any, int]:
    within = max(rule.seconds("within_s") for rule in rules)
    return ReachedLimit.objects.filter(last_at__gt=now - within).values_list("service", flat=True).distinct()


def _ill(rules: Sequence[Rule], now: datetime) -> list[str]:
    rows = DeliveryFault.objects.filter(ended_at=None).values_list("destination", flat=True)
    return [str(pk) for pk in rows.distinct()]


def _everyone(rules: Sequence[Rule], now: datetime) -> list[str]:
    return [BOARD.id] if _of_everyone(now).silent_services else []


_FINDERS: Mapping[str, Callable[[Sequence[Rule], datetime], Iterable[Any]]] = {
    "partly open": _partly,
    "stuck open, probes fail": _stuck,
    "stuck open, no traffic": _stuck,
    "flapping": _restless,
    "forced too long": _forced,
    "not as wanted": _wanted,
    "command not applied": _ordered,
    "command did not hold": _ordered,
    "silent": _quiet,
    "limit reached": _limited,
    "delivery failing": _ill,
    "nothing from anyone": _everyone,
}


def _of_breakers(ids: list[int], kind: str, now: datetime) -> list[Pair]:
    outages: dict[int, list[tuple[datetime, datetime | None, int]]] = defaultdict(list)
    probed: dict[int, datetime] = {}
    called: dict[int, datetime] = {}
    counted: dict[int, Minute] = {}
    forced: dict[int, datetime] = {}
    plain: set[int] = set()
    released: dict[int, datetime] = {}
    orders: dict[int, tuple[str, str, str | None, str, datetime]] = {}
    if kind in TRAFFIC:
        counted = minutes(ids, now)
    elif kind.startswith("stuck") or kind == "flapping":
        begun = Outage.objects.filter(Q(started_at__gt=now - DAY) | Q(ended_at=None), breaker__in=ids)
        for row in begun.order_by("started_at"):
            outages[row.breaker_id].append((row.started_at, row.ended_at, row.failed_probes))
        if kind == "stuck open, no traffic":
            probes = Transition.objects.filter(breaker__in=ids, to_state="half_open", at__gt=now - DAY)
            probed = dict(probes.values_list("breaker").annotate(Max("at")))
            called = _called(ids, now)
    elif kind == "forced too long":
        copies = Instance.objects.filter(breaker__in=ids, left_at=None, state__in=FORCED)
        forced = dict(copies.values_list("breaker").annotate(Min("since")))
        plain = _metrics_only(ids)
        released = _released(ids, now)
    elif kind.startswith("command "):
        for each in Command.objects.filter(breaker__in=ids).order_by("issued_at"):
            orders[each.breaker_id] = (each.action, each.status, each.verdict, each.requested_by, each.issued_at)
    found = []
    for breaker in Breaker.objects.filter(pk__in=ids).select_related("service"):
        target = target_of(breaker)
        timeout = breaker.config.get("reset_timeout_ms")
        facts = Facts(
            target.subject,
            state=breaker.state,
            since=breaker.since,
            reported_state=breaker.reported_state,
            instances=breaker.instances,
            reset_timeout_s=timeout / 1000 if isinstance(timeout, int | float) and 0 < timeout < 1e9 else 0.0,
            wanted_action=breaker.wanted_action,
            wanted_until=breaker.wanted_until,
            wanted_by=breaker.wanted_by,
            outages=tuple(outages[breaker.pk]),
            probed_at=probed.get(breaker.pk),
            called_at=called.get(breaker.pk),
            minute=counted.get(breaker.pk, Minute()),
            forced_since=forced.get(breaker.pk),
            metrics_only=breaker.pk in plain,
            released_at=released.get(breaker.pk),
            command=orders.get(breaker.pk),
        )
        found.append((target, facts))
    return found


def _called(ids: list[int], now: datetime) -> dict[int, datetime]:
    """The end of the last bucket with a call, in the last two hours."""
    first = to_us(now) // SECOND - 7_200
    rows = Rollup10s.objects.filter(
        Q(success__gt=0) | Q(failure__gt=0) | Q(timeout__gt=0), breaker_id__in=ids, at__gte=first
    )
    last = rows.values_list("breaker_id").annotate(Max("at"))
    return {breaker: datetime.fromtimestamp(at + 10, now.tzinfo) for breaker, at in last}


def _released(ids: list[int], now: datetime) -> dict[int, datetime]:
    """When the last override of each ended: at its lease's end, or by the order that took it back. Of the last weeks."""
    found: dict[int, datetime] = {}
    rows = Command.objects.filter(breaker__in=ids, action__in=[*OVERRIDES, "release", "reset"])
    recent = rows.filter(issued_at__gt=now - LONGEST_LEASE - DAY).order_by("issued_at")
    overridden: dict[int, datetime | None] = {}
    for breaker, action, issued_at, until in recent.values_list("breaker", "action", "issued_at", "until"):
        if action in OVERRIDES:
            overridden[breaker] = until
            found.pop(breaker, None)
        elif breaker in overridden:
            found[breaker] = min(issued_at, overridden.pop(breaker) or issued_at)
    # The order that ends a lease may not have come yet, or nobody is there to give it to.
    return {**found, **{breaker: until for breaker, until in overridden.items() if until is not None and until <= now}}


def _metrics_only(ids: list[int]) -> set[int]:
    """Breakers whose forced-closed instances are so by their library's own word: they only measure, nobody forced them."""
    text = "::text" if bulk.is_postgresql() else ""
    rows = bulk.select(
        f"SELECT e.breaker_id, e.extra{text} FROM breakers_event e WHERE e.id IN ("  # noqa: S608
        "SELECT max(t.event_id) FROM breakers_transition t JOIN breakers_instance i ON i.id = t.instance_id"
        f" WHERE i.left_at IS NULL AND i.state = 'forced_closed' AND {bulk.is_one_of('t.breaker_id')} GROUP BY t.instance_id)",
        [bulk.as_list(ids)],
    )
    told: dict[int, list[bool]] = defaultdict(list)
    for breaker, extra in rows:
        told[breaker].append("native_state" in (extra or ""))
    return {breaker for breaker, natives in told.items() if all(natives)}


def _of_services(ids: Iterable[str], kind: str, now: datetime) -> list[Pair]:
    wanted = [int(id) for id in ids]
    if kind == "limit reached":
        return _with_limits(wanted)
    found = []
    copies: dict[int, dict[str, list[Instance]]] = defaultdict(lambda: defaultdict(list))
    live = Instance.objects.filter(breaker__service__in=wanted, left_at=None, interval_s__isnull=False)
    for copy in live.select_related("breaker"):
        copies[copy.breaker.service_id][copy.name].append(copy)
    left: dict[int, dict[str, tuple[datetime, bool]]] = defaultdict(dict)
    rows = Instance.objects.filter(breaker__service__in=wanted, left_at__gt=now - DAY, interval_s__isnull=False)
    for service_id, name, at, said in rows.values_list("breaker__service", "name", "heard_at", "stopped"):
        last = left[service_id].get(name)
        left[service_id][name] = (at, said) if last is None else (max(at, last[0]), said and last[1])
    alerted: dict[str, frozenset[str]] = defaultdict(frozenset)
    lines = AlertLog.objects.filter(
        alert__rule__kind="silent", alert__resolved_at=None, alert__subject_id__in=[str(each) for each in wanted]
    )
    for subject, evidence in lines.order_by("pk").values_list("alert__subject_id", "evidence"):
        if told := {*evidence.get("stale", ()), *evidence.get("unknown", ())}:
            alerted[subject] |= told
    for service in Service.objects.filter(pk__in=wanted):
        by_name, away = copies[service.pk], left[service.pk]
        states, heard = {}, {}
        for name, some in by_name.items():
            quiet = {copy.state for copy in some}
            if quiet <= {"stale", "unknown"}:
                states[name] = "unknown" if quiet == {"unknown"} else "stale"
                heard[name] = max(copy.heard_at for copy in some)
        arrived = {
            name: min(copy.first_heard_at for copy in some) for name, some in by_name.items() if name not in states
        }
        gone = {name: at for name, (at, stopped) in away.items() if not stopped and name not in by_name}
        stopped = [at for name, (at, stopped) in away.items() if stopped and name not in by_name]
        replaced = replacements({**gone, **heard}, arrived, stopped)
        facts = Facts(
            Subject(service=service.name),
            expected=len(by_name),
            stale=tuple(sorted(name for name, state in states.items() if state == "stale")),
            unknown=tuple(sorted(name for name, state in states.items() if state == "unknown")),
            replaced=replaced,
            gone=tuple(sorted(name for name in gone if name not in replaced)),
            alerted=alerted[str(service.pk)],
        )
        found.append((Target("service", str(service.pk), facts.subject, {}), facts))
    return found


def _with_limits(ids: list[int]) -> list[Pair]:
    reached: dict[int, dict[str, datetime]] = defaultdict(dict)
    for row in ReachedLimit.objects.filter(service__in=ids):
        reached[row.service_id][row.what] = row.last_at
    found = []
    for service in Service.objects.filter(pk__in=ids):
        facts = Facts(Subject(service=service.name), limits=reached[service.pk])
        found.append((Target("service", str(service.pk), facts.subject, {}), facts))
    return found


def _of_destinations(ids: Iterable[str], now: datetime) -> list[Pair]:
    faults: dict[str, list[DeliveryFault]] = defaultdict(list)
    for fault in DeliveryFault.objects.filter(destination__in=list(ids), ended_at=None).order_by("pk"):
        faults[str(fault.destination_id)].append(fault)
    found = []
    for row in Destination.objects.filter(pk__in=list(ids)):
        subject, mine = Subject(breaker=row.name), faults[str(row.pk)]
        failing = [fault for fault in mine if fault.kind == DeliveryFault.Kind.FAILING]
        facts = Facts(
            subject,
            open_since=failing[0].began_at if failing else None,
            dead=len(mine) - len(failing),
            last_error=failing[-1].detail if failing else row.last_error,
        )
        found.append((Target("destination", str(row.pk), subject, {}), facts))
    return found


def _of_everyone(now: datetime) -> Facts:
    live = Instance.objects.filter(left_at=None, interval_s__isnull=False)
    by_service = live.values("breaker__service").annotate(
        heard=Max("heard_at"), n=Count("pk"), silent=Count("pk", filter=Q(state__in=["stale", "unknown"]))
    )
    rows = list(by_service)
    return Facts(
        Subject(),
        heard=tuple(row["heard"] for row in rows),
        silent_services=sum(row["n"] == row["silent"] for row in rows),
    )
