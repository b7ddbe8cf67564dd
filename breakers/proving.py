"""Proving: what reports, traffic and time show of a command: confirmed, held, did not hold, expired.

With `commanding.py` the only writer of commands and deliveries.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from breakers import auditing, bulk, commanding
from breakers.access import BOARD, Actor
from breakers.domain.states import State
from breakers.domain.verdicts import (
    DEFAULT_THRESHOLD,
    WATCHED,
    Traffic,
    Watched,
    confirms,
    evidence,
    lasts,
    threshold_told,
    verdict,
)
from breakers.models import Breaker, Delivery
from breakers.models.fields import from_us, to_us

UNFINISHED = ("pending", "delivered", "applied")


def observe(shown: Mapping[int, Sequence[str | Traffic]], reopened: Iterable[int], at: datetime) -> None:
    """What instances showed after a delivery: it confirms; calls under watch count; an opening under watch says that it did not hold.

    shown: {instance id: the states and the calls that it reported, in their order}. reopened: ids of the instances that opened,
    by their own word or by that of another that shares their state. Inside `bulk.writing()`.
    """
    opened = set(reopened)
    heard = {*shown, *opened}
    if not heard:
        return
    active = Delivery.objects.filter(active=True, instance_id__in=list(heard)).exclude(delivered_at=None)
    for delivery in active.select_related("command", "command__breaker").order_by("command__issued_at"):
        told = list(shown.get(delivery.instance_id or 0, ()))
        did_open = delivery.instance_id in opened
        if did_open and State.OPEN not in told:
            told.append(State.OPEN)
        _hear(delivery, told, at, did_open=did_open)


def expire_and_judge(at: datetime) -> None:
    """What time alone brings: expiry, verdicts, the end of leases."""
    _expire(at)
    _judge(at)
    _release_leases(at)


def _hear(delivery: Delivery, told: Sequence[str | Traffic], at: datetime, *, did_open: bool) -> None:
    """One delivery hears what its instance told: the window of its watch is cut by receipt, whenever the sweep comes."""
    if _is_over(delivery, at):
        _settle(delivery, lasts(_traffic(delivery)))
    before = _stand(delivery)
    for each in told:
        if not delivery.active:
            break
        if isinstance(each, Traffic):
            _count(delivery, each)
        else:
            _show(delivery, each, at, did_open=did_open)
    # All that came together counts: the twentieth call does not hide the failure told beside it.
    if delivery.active and _is_over(delivery, at):
        _settle(delivery, _watched(delivery, at))
    changed = _stand(delivery) != before
    if changed or not delivery.active:
        delivery.save()
    # Calls alone change nothing that is shown.
    if _stand(delivery)[:-1] != before[:-1] or not delivery.active:
        commanding.advance(delivery.command)
        commanding.announce({delivery.command.breaker_id})


def _stand(delivery: Delivery) -> tuple[object, ...]:
    return (
        delivery.status,
        delivery.seen_half_open,
        delivery.verdict,
        (delivery.calls, delivery.failures),
    )


def _count(delivery: Delivery, traffic: Traffic) -> None:
    if delivery.confirmed_at is not None and delivery.command.action in WATCHED:
        delivery.calls += traffic.calls
        delivery.failures += traffic.failures


def _show(delivery: Delivery, state: str, at: datetime, *, did_open: bool) -> None:
    action = delivery.command.action
    if delivery.confirmed_at is None:
        delivery.seen_half_open = delivery.seen_half_open or state == State.HALF_OPEN
        if confirms(action, state, seen_half_open=delivery.seen_half_open):
            delivery.status, delivery.confirmed_at = "confirmed", at
            if action not in WATCHED:
                commanding.finish(delivery, "confirmed", at)
    elif state == State.OPEN and did_open and action in WATCHED:
        _settle(delivery, _watched(delivery, at), reopened=True)


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
            if _is_over(delivery, at):
                _settle(delivery, lasts(_traffic(delivery)))
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
            before = {"state": breaker.state, "wanted": breaker.wanted_action}
            breaker.wanted_action = breaker.wanted_until = breaker.wanted_by = None
            breaker.save(update_fields=["wanted_action", "wanted_until", "wanted_by"])
            live = commanding.live(breaker)
            if live:
                commanding.give(lease, breaker, "release", "the override reached its end", live, None, at)
            else:
                commanding.announce({breaker.pk})
            name = f"{breaker.service.name}/{breaker.name}"
            auditing.write(lease, "command.release", "breaker", breaker.pk, name, before=before, at=at)


def _is_over(delivery: Delivery, at: datetime) -> bool:
    """Whether the watch ended before this moment, though nobody has said so yet."""
    under_watch = delivery.confirmed_at is not None and delivery.command.action in WATCHED
    return under_watch and _watched(delivery, at) >= lasts(_traffic(delivery))


def _settle(delivery: Delivery, length: int, *, reopened: bool = False) -> None:
    """Close a watch that lasted so long (µs), with its verdict and what that rests on."""
    threshold, traffic = _threshold(delivery.command.breaker), _traffic(delivery)
    seen = Watched(traffic, length, length if reopened else None)
    delivery.verdict = "did_not_hold" if reopened else verdict(traffic, threshold)
    delivery.evidence = evidence([seen], threshold)
    commanding.finish(delivery, "confirmed", from_us(to_us(delivery.confirmed_at) + length))


def _watched(delivery: Delivery, at: datetime) -> int:
    return max(0, to_us(at) - to_us(delivery.confirmed_at or at))


def _traffic(delivery: Delivery) -> Traffic:
    """Calls of the delivery's instance that we received since it was confirmed."""
    return Traffic(delivery.calls, delivery.failures)


def _threshold(breaker: Breaker) -> float:
    told = threshold_told(breaker.config)
    return DEFAULT_THRESHOLD if told is None else told
