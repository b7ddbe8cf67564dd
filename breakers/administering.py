"""Administering: what an admin sets at a breaker itself: its headline's rule, and which instances are gone for good.

A part of the recording in all but name: one transaction with the change number, the audit line and the fact.
"""

from datetime import datetime

from breakers import auditing, bulk, headlining, quieting
from breakers.access import Actor, Role, require
from breakers.errors import Invalid, NotFound
from breakers.ids import known_id
from breakers.models import Breaker
from breakers.models.breaker import HEADLINES
from breakers.models.fields import to_us
from breakers.rows import BreakerRow, InstanceRow
from breakers.signals import Changes, breakers_changed
from breakers.workingset import WorkingSet


def set_headline(actor: Actor, breaker_id: str, headline: str, *, at: datetime) -> None:
    """Judge the breaker by this rule from now on. The same rule again changes nothing.

    Errors: NotAllowed, NotFound, Invalid (the rule).
    """
    require(actor, Role.ADMIN, "setting a headline")
    if headline not in HEADLINES:
        raise Invalid(("headline", f"unknown headline '{headline[:60]}'; expected one of {', '.join(HEADLINES)}"))
    number = known_id(breaker_id)
    with bulk.writing():
        working, breaker = _loaded(number, at)
        before = breaker.headline
        if headline == before:
            return
        Breaker.objects.filter(pk=number).update(headline=headline)
        breaker.headline = headline
        changed = headlining.judge_anew(working, breaker, _listening_since())
        _save(working, changed)
        _tell(actor, "breaker.headline", breaker, {"headline": before}, {"headline": headline}, at)


def remove_instance(actor: Actor, breaker_id: str, name: str, *, at: datetime) -> None:
    """Take an instance out of the counts; it comes back when it is heard again. Gone already: nothing changes.

    Errors: NotAllowed, NotFound (breaker, instance).
    """
    require(actor, Role.ADMIN, "removing an instance")
    number = known_id(breaker_id)
    with bulk.writing():
        working, breaker = _loaded(number, at)
        copy = _instance(working, breaker, name)
        if copy.left_at is not None:
            return
        step = quieting.take_away(copy, working.now)
        changed = headlining.apply(working, breaker, [step], _listening_since())
        _save(working, changed)
        _tell(actor, "instance.remove", breaker, {"instance": name, "state": copy.state}, None, at)


def _loaded(breaker_id: int, at: datetime) -> tuple[WorkingSet, BreakerRow]:
    working = WorkingSet(to_us(at))
    working.load_breakers([breaker_id])
    if breaker_id not in working.breakers:
        raise NotFound(f"no breaker '{breaker_id}'")
    working.load_whole([breaker_id])
    return working, working.breakers[breaker_id]


def _instance(working: WorkingSet, breaker: BreakerRow, name: str) -> InstanceRow:
    for copy in working.of_breaker(breaker.id):
        if copy.name == name:
            return copy
    raise NotFound(f"{breaker.name} has no instance '{name[:200]}'")


def _listening_since() -> int:
    return int(bulk.select("SELECT listening_since FROM breakers_board")[0][0] or 0)


def _save(working: WorkingSet, headline_changed: bool) -> None:
    version = bulk.next_version()
    working.save(version, 0)
    changes = Changes(version, frozenset(working.breakers), headline_changed)
    bulk.after_commit(lambda: breakers_changed.send_robust(sender=None, changes=changes) and None)


def _tell(actor: Actor, verb: str, breaker: BreakerRow, before: object, after: object, at: datetime) -> None:
    service = Breaker.objects.values_list("service__name", flat=True).get(pk=breaker.id)
    auditing.write(actor, verb, "breaker", breaker.id, f"{service}/{breaker.name}", before=before, after=after, at=at)
