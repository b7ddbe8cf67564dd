"""Previewing: what a rule would have done to the last seven days, from the transitions, outages and rollups that are stored.

Nothing is written. Where history does not tell (who was ordered what, how late we were), it says so.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from alerts import ruling
from alerts.domain.matching import Subject, labels_of
from alerts.domain.rules import KINDS, Rule, flapping, history, traffic
from alerts.domain.rules.history import Span
from alerts.domain.rules.overrides import FORCED
from alerts.domain.rules.shapes import Minute
from alerts.facts import MINUTE_COLUMNS, TRAFFIC
from alerts.models import Rule as Row
from alerts.shapes import FiredView, PreviewView, moment, moment_or_none
from alerts.shapes import Subject as Named
from breakers import bulk
from breakers.models import Breaker, Outage, Transition
from breakers.models.fields import from_us, to_us

DAYS = 7
SHOWN = 20
MOST_MINUTES = 100_000
SECOND = 1_000_000


def preview(row: Row, now: datetime) -> PreviewView:
    """When this rule, saved or not, would have fired."""
    rule, said = ruling.as_read(row), ruling.sentence_of(row)
    if not KINDS[rule.kind].replayable:
        return PreviewView(None, DAYS, "what is stored does not tell when it would have fired", said, [])
    breakers = {
        each.pk: each for each in Breaker.objects.select_related("service") if rule.matchers.matches(_subject(each))
    }
    fired = _fired(rule, breakers, now)
    items = sorted(fired, key=lambda each: each[1][0], reverse=True)
    n = len(items)
    times = "never" if n == 0 else f"{n} time{'s' * (n != 1)}"
    return PreviewView(
        n, DAYS, f"would have fired {times} in the last {DAYS} days", said, [_view(*each) for each in items[:SHOWN]]
    )


def _fired(rule: Rule, breakers: dict[int, Breaker], now: datetime) -> list[tuple[Breaker | str, Span]]:
    since = now - timedelta(days=DAYS)
    if rule.kind == "silent":
        return _silent(rule, breakers, since, now)
    spans: dict[int, list[Span]] = {}
    if rule.kind in TRAFFIC:
        spans = _traffic(rule, breakers, since)
    elif rule.kind == "partly open":
        spans = {
            id: history.held(found, rule.for_s, rule.keep_s, now) for id, found in _partly(breakers, since).items()
        }
    elif rule.kind == "forced too long":
        steps = _steps(breakers, since)
        alone = rule.parameters["alone_s"]
        spans = {id: history.held(history.while_in(some, FORCED), alone, 0, now) for id, some in steps.items()}
    else:
        spans = _of_outages(rule, breakers, since, now)
    return [(breakers[id], span) for id, found in spans.items() for span in found]


def _of_outages(rule: Rule, breakers: dict[int, Breaker], since: datetime, now: datetime) -> dict[int, list[Span]]:
    outages: dict[int, list[Outage]] = defaultdict(list)
    for outage in Outage.objects.filter(breaker__in=breakers, started_at__gte=since).order_by("started_at"):
        outages[outage.breaker_id].append(outage)
    probes: dict[int, list[datetime]] = defaultdict(list)
    if rule.kind == "stuck open, no traffic":
        half_open = Transition.objects.filter(
            breaker__in=outages, instance_name=None, to_state="half_open", at__gte=since
        )
        for breaker, at in half_open.values_list("breaker", "at"):
            probes[breaker].append(at)
    found: dict[int, list[Span]] = {}
    for id, some in outages.items():
        timeout = breakers[id].config.get("reset_timeout_ms")
        reset_s = timeout / 1000 if isinstance(timeout, int | float) and 0 < timeout < 1e9 else 0.0
        spans = [(each.started_at, each.ended_at) for each in some]
        match rule.kind:
            case "opened":
                found[id] = history.held(spans, rule.for_s, rule.keep_s, now)
            case "flapping":
                found[id] = list(flapping.past([begun for begun, _ in spans], rule, reset_s))
            case "stuck open, probes fail":
                patience = max(rule.parameters["open_s"], rule.parameters["times_reset"] * reset_s)
                failed = [(e.started_at, e.ended_at) for e in some if e.failed_probes >= rule.parameters["probes"]]
                found[id] = history.held(failed, patience, 0, now)
            case _:
                patience = max(rule.parameters["open_s"], rule.parameters["times_reset"] * reset_s)
                quiet = [span for span in spans if not _between(probes[id], *span)]
                found[id] = history.held(quiet, patience, 0, now)
    return found


def _traffic(rule: Rule, breakers: dict[int, Breaker], since: datetime) -> dict[int, list[Span]]:
    """Only minutes with enough calls are read: the others can't fire."""
    columns, asked = ", ".join(MINUTE_COLUMNS), "success + failure + timeout"
    if rule.kind in ("rejected share", "fallback share"):
        asked += " + rejected"
    rows = bulk.select(
        f"SELECT breaker_id, at, {columns} FROM breakers_rollup WHERE width = 60 AND at >= %s AND {asked} >= %s"  # noqa: S608
        f" AND {bulk.is_one_of('breaker_id')} ORDER BY breaker_id, at LIMIT {MOST_MINUTES}",
        [to_us(since) // SECOND, int(rule.parameters["calls"]), bulk.as_list(sorted(breakers))],
    )
    minutes: dict[int, list[tuple[datetime, Minute]]] = defaultdict(list)
    for breaker, at, *counted in rows:
        minutes[breaker].append((from_us(at * SECOND), Minute(*map(int, counted))))
    return {id: list(traffic.past(some, rule)) for id, some in minutes.items()}


def _partly(breakers: dict[int, Breaker], since: datetime) -> dict[int, list[Span]]:
    """Some instance open, and the headline not: from the instances' own steps and the headline's, in order."""
    rows = Transition.objects.filter(breaker__in=breakers, at__gte=since).order_by("at", "sequence", "id")
    open_ones: dict[int, set[str]] = defaultdict(set)
    headlines: dict[int, str] = {}
    steps: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for id, instance, state, at in rows.values_list("breaker", "instance_name", "to_state", "at"):
        if instance is None:
            headlines[id] = state
        elif state == "open":
            open_ones[id].add(instance)
        else:
            open_ones[id].discard(instance)
        steps[id].append((at, "partly" if open_ones[id] and headlines.get(id) != "open" else "whole"))
    return {id: history.while_in(some, ["partly"]) for id, some in steps.items()}


def _silent(
    rule: Rule, breakers: dict[int, Breaker], since: datetime, now: datetime
) -> list[tuple[Breaker | str, Span]]:
    rows = Transition.objects.filter(breaker__in=breakers, instance_name__isnull=False, at__gte=since)
    # An instance is silent where all of its breakers are: each state of the same moment counts before the whole is judged.
    lanes: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    steps: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    ordered = rows.order_by("at", "id").values_list("breaker", "instance_name", "to_state", "at")
    for id, instance, state, at in ordered:
        whom = breakers[id].service.name, instance or ""
        lanes[whom][id] = state
        there = [each for each in lanes[whom].values() if each != "gone"]
        whole = "silent" if there and all(each in ("stale", "unknown") for each in there) else "heard"
        if steps[whom] and steps[whom][-1][0] == at:
            steps[whom].pop()
        steps[whom].append((at, whole))
    spans: dict[str, list[Span]] = defaultdict(list)
    for (service, _), some in steps.items():
        spans[service] += history.while_in(some, ["silent"])
    return [
        (service, span)
        for service, found in spans.items()
        for span in history.held(found, rule.for_s, rule.keep_s, now)
    ]


def _steps(breakers: dict[int, Breaker], since: datetime) -> dict[int, list[tuple[datetime, str]]]:
    rows = Transition.objects.filter(breaker__in=breakers, instance_name=None, at__gte=since).order_by("at", "id")
    steps: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for id, state, at in rows.values_list("breaker", "to_state", "at"):
        steps[id].append((at, state))
    return steps


def _between(moments: Iterable[datetime], begun: datetime, ended: datetime | None) -> bool:
    return any(begun <= at and (ended is None or at < ended) for at in moments)


def _subject(breaker: Breaker) -> Subject:
    return Subject(breaker.service.name, breaker.dependency, breaker.name, labels_of(breaker.labels))


def _view(whom: Breaker | str, span: Span) -> FiredView:
    begun, ended = span
    if isinstance(whom, str):
        return FiredView(whom, None, moment(begun), moment_or_none(ended))
    named = Named(str(whom.pk), whom.service.name, whom.name)
    return FiredView(whom.service.name, named, moment(begun), moment_or_none(ended))
