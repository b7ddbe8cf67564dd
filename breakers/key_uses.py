"""Key uses: when each key and token was last used, and from where. Noted in memory by whoever checks one, written down by the intake's pulse.

So that a database that is locked holds up nobody who only reads.
"""

import threading
from datetime import datetime, timedelta

from breakers import access_trail, bulk
from breakers.access import Actor, Role
from breakers.domain.networks import network_of
from breakers.models import ApiToken, IngestKey, KeyNetwork

NOTED_EVERY = timedelta(minutes=1)
# Of all keys in this process, and of one key in the store. Who is seen again after that is looked up again.
MOST_SEEN = 100_000
MOST_NETWORKS = 2_000

_lock = threading.Lock()
_noted: dict[tuple[type[IngestKey] | type[ApiToken], int], datetime] = {}
_seen: set[tuple[str, str]] = set()
_new: dict[tuple[str, str, str], tuple[str, datetime]] = {}


def note(row: IngestKey | ApiToken, now: datetime) -> None:
    """Remember that it was used, at most once a minute."""
    if row.last_used_at is None or now - row.last_used_at >= NOTED_EVERY:
        with _lock:
            _noted.setdefault((type(row), row.pk), now)


def has_seen(public_id: str, address: str) -> bool:
    """Whether this process has seen the two together."""
    return (public_id, address) in _seen


def note_address(kind: str, public_id: str, address: str, now: datetime) -> None:
    """Remember from where it was used. kind: `key` or `token`."""
    pair = (public_id, address)
    if pair in _seen:
        return
    with _lock:
        if len(_seen) >= MOST_SEEN:
            _seen.clear()
        _seen.add(pair)
        _new.setdefault((kind, public_id, network_of(address)), (address, now))


def write_down() -> int:
    """Write what was noted; how many. Where that fails it is forgotten: the next use is noted again."""
    with _lock:
        taken, new = dict(_noted), dict(_new)
        _noted.clear()
        _new.clear()
    if taken or new:
        with bulk.writing():
            for (model, pk), at in taken.items():
                model.objects.filter(pk=pk).update(last_used_at=at)
            for (kind, public_id, network), (address, at) in new.items():
                _meet(kind, public_id, network, address, at)
    return len(taken)


def forget_all() -> None:
    """As a process that has just started."""
    with _lock:
        for each in (_noted, _seen, _new):
            each.clear()


def _meet(kind: str, public_id: str, network: str, address: str, at: datetime) -> None:
    known = KeyNetwork.objects.filter(kind=kind, public_id=public_id)
    if known.filter(network=network).exists():
        return
    if known.count() < MOST_NETWORKS:
        KeyNetwork.objects.create(kind=kind, public_id=public_id, network=network, first_at=at)
    actor = Actor(f"{kind} {public_id}", Role.NONE, address)
    access_trail.note(f"{kind}.new_address", actor, at=at, target=_target(kind, public_id), by_network=False)


def _target(kind: str, public_id: str) -> tuple[str, object, str]:
    """Whose key or token it is."""
    if kind == "key":
        key = IngestKey.objects.select_related("service").filter(key_id=public_id).first()
        return ("service", key.service_id, key.service.name) if key else ("service", "", "")
    token = ApiToken.objects.filter(token_id=public_id).first()
    return ("token", token.pk, token.name) if token else ("token", "", "")
