"""Tries: how often a sign-in may fail, counted over all processes, so that guessing is slow and nobody can lock another person out.

A try takes a place before the password is looked at, so that many at once are no way around the limits. Places are counted for each name from
each network, for each network, and for each name from all networks where its owner never signed in.
"""

import hashlib
import secrets

from django.core.cache import cache

# A name from one network; one network, whatever the name.
PLACES_A_PAIR, PAIR_SECONDS = 5, 300
PLACES_A_NETWORK, NETWORK_SECONDS = 10, 60
# A name from all networks that its owner never came from: guessing from many addresses.
PLACES_A_NAME, NAME_SECONDS = 50, 3_600
KNOWN_SECONDS = 90 * 86_400


def take_places(name: str, network: str) -> list[str] | None:
    """What this try takes, to be given back where it succeeds; None where there were too many."""
    name = name.casefold()
    known = cache.get_many([_known_key(name, network), _generation_key(name)])
    generation = known.get(_generation_key(name), "")
    places = [
        _take_place("pair", f"{name}\0{network}\0{generation}", PLACES_A_PAIR, PAIR_SECONDS),
        _take_place("address", network, PLACES_A_NETWORK, NETWORK_SECONDS),
    ]
    if _known_key(name, network) not in known:
        places.append(_take_place("name", f"{name}\0{generation}", PLACES_A_NAME, NAME_SECONDS))
    taken = [place for place in places if place]
    if len(taken) == len(places):
        return taken
    give_back(taken)
    return None


def give_back(places: list[str]) -> None:
    """The try succeeded, or was not looked at."""
    cache.delete_many(places)


def remember(name: str, network: str) -> None:
    """This person came in from here: what strangers try elsewhere does not count against them here."""
    cache.set(_known_key(name.casefold(), network), 1, KNOWN_SECONDS)


def free(name: str) -> None:
    """Take back all that failed tries have used up for this name."""
    cache.set(_generation_key(name.casefold()), secrets.token_hex(4), NAME_SECONDS)


def _known_key(name: str, network: str) -> str:
    return f"sign-in:known:{_digest(f'{name}|{network}')}"


def _generation_key(name: str) -> str:
    return f"sign-in:generation:{_digest(name)}"


def _take_place(kind: str, who: str, places: int, seconds: int) -> str | None:
    """The key of a free place; None where all are taken. A place is free again `seconds` after it was taken."""
    order = list(range(places))
    secrets.SystemRandom().shuffle(order)
    keys = (f"sign-in:{kind}:{_digest(who)}:{place}" for place in order)
    return next((key for key in keys if cache.add(key, 1, seconds)), None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
