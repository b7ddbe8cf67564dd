"""Proving: what reports, traffic and time show of a command: confirmed, held, did not hold, expired.

With `commanding.py` the only writer of commands and deliveries.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q, Sum

from breakers import auditing, bulk, commanding
from breakers.access import BOARD, Actor
from breakers.domain.silence import SECOND
from breakers.domain.states import State
from breakers.domain.verdicts import DEFAULT_THRESHOLD, WATCHED, Traffic, confirms, threshold_told, verdict
from breakers.models import Breaker, Delivery, Event
from breakers.models.fields import to_us

UNFINISHED = ("pending", "delivered", "applied")


def observe(shown: Mapping[int, list[str]], reopened: Mapping[int, int], at: datetime) -> None:
    """What instances showed after a delivery: it confirms; an opening under watch says that it did not hold.

    shown: {instance id: states it reported, oldest first}. reopened: {instance id: when it opened, µs}. Inside `bulk.writing()`.
    """
    if not shown:
        return
    active = Delivery.objects.filter(active=True, instance_id__in=list(shown)).select_related("command")
    for delivery in active.exclude(delivered_at=None).order_by("command__issued_at"):
        for state in shown[delivery.instance_id or 0]:
            _show(delivery, state, reopened.get(delivery.instance_id or 0), at)


def expire_and_judge(at: datetime) -> None:
    """What time alone brings: expiry, verdicts, the end of leases."""
    _expire(at)
    _judge(at)
    _release_leases(at)


def _show(delivery: Delivery, state: str, reopened: int | None, at: datetime) -> None:
    command = delivery.command
    if delivery.confirmed_at is None:
        if not confirms(command.action, state, seen_half_open=delivery.seen_half_open):
            if state == State.HALF_OPEN:
                delivery.seen_half_open = True
                delivery.save(update_fields=["seen_half_open"])
            return
        delivery.status, delivery.confirmed_at = "confirmed", at
        if command.action not in WATCHED:
            commanding.finish(delivery, "confirmed", at)
        delivery.seen_half_open = delivery.seen_half_open or state == State.HALF_OPEN
    elif state == State.OPEN and reopened is not None and command.action in WATCHED:
        _settle(delivery, "did_not_hold", at, reopened_after_s=round((at - delivery.confirmed_at).total_seconds(), 1))
    else:
        return
    delivery.save()
    commanding.advance(command)
    commanding.announce({command.breaker_id})


def _expire(at: datetime) -> None:
    late = Delivery.objects.filter(active=True, status__in=UNFINISHED, command__expires_at__lte=at)
    if not late.exists():
        return
    with bulk.writing():
        breakers = set()
        for delivery in late.select_related("command"):
            commanding.finish(delivery, "expired", at)
            delivery.save()
            commanding.advance(delivery.command)
            breakers.add(delivery.command.breaker_id)
        commanding.announce(breakers)


def _judge(at: datetime) -> None:
    watched = Delivery.objects.filter(active=True, status="confirmed", verdict=None)
    if not watched.exists():
        return
    with bulk.writing():
        breakers = set()
        for delivery in watched.select_related("command", "command__breaker"):
            since = delivery.confirmed_at or at
            found = verdict(_traffic(delivery, since), to_us(at) - to_us(since), _threshold(delivery.command.breaker))
            if found:
                _settle(delivery, found, at)
                delivery.save()
                commanding.advance(delivery.command)
                breakers.add(delivery.command.breaker_id)
        if breakers:
            commanding.announce(breakers)


def _release_leases(at: datetime) -> None:
    ended = Breaker.objects.filter(wanted_until__lte=at).select_related("service")
    if not ended.exists():
        return
    lease = Actor("lease", BOARD.role)
    with bulk.writing():
        for breaker in ended:
            breaker.wanted_action = breaker.wanted_until = breaker.wanted_by = None
            breaker.save(update_fields=["wanted_action", "wanted_until", "wanted_by"])
            live = commanding.live(breaker)
            if live:
                commanding.give(lease, breaker, "release", "the override reached its end", live, None, at)
            else:
                commanding.announce({breaker.pk})
            auditing.write(
                lease, "command.release", "breaker", breaker.pk, f"{breaker.service.name}/{breaker.name}", at=at
            )


def _settle(delivery: Delivery, found: str, at: datetime, **more: object) -> None:
    """Close the watch with its verdict and what it rests on."""
    since = delivery.confirmed_at or at
    traffic = _traffic(delivery, since)
    delivery.verdict = found
    delivery.evidence = {
        "calls": traffic.calls,
        "failures": traffic.failures,
        "failure_rate": traffic.failure_rate,
        "threshold": _threshold(delivery.command.breaker),
        "watched_s": round((at - since).total_seconds(), 1),
        **more,
    }
    commanding.finish(delivery, "confirmed", at)


def _traffic(delivery: Delivery, since: datetime) -> Traffic:
    """Calls at the delivery's instance since it was confirmed."""
    first_day = to_us(since) // (86_400 * SECOND)
    counted = Event.objects.filter(
        day__gte=first_day,
        breaker_id=delivery.command.breaker_id,
        at__gte=since,
        instance_id=delivery.instance_id or 0,
        type__in=("success", "failure", "timeout"),
    ).aggregate(calls=Sum("count"), failures=Sum("count", filter=Q(type__in=("failure", "timeout"))))
    return Traffic(counted["calls"] or 0, counted["failures"] or 0)


def _threshold(breaker: Breaker) -> float:
    told = threshold_told(breaker.config)
    return DEFAULT_THRESHOLD if told is None else told
