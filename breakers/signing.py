"""Signing: the secrets that services sign their posts with: made, rotated, and held against what comes in.

During a rotation two are taken: the new one, and for 24 hours the one before it.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from breakers.domain import signatures
from breakers.domain.signatures import BadSignature
from breakers.errors import Unreadable
from breakers.models import Service
from breakers.sealing import place_of, seal, unseal

OFF, OPTIONAL, REQUIRED = MODES = ("off", "optional", "required")
SECRET_BYTES = 32
EARLIER_TAKEN_FOR = timedelta(hours=24)


class Signing(NamedTuple):
    """How a service's posts are checked: its sealed secrets, each with its place."""

    required: bool
    sealed: tuple[tuple[str, str], ...]


def signing_of(service: Service, now: datetime) -> Signing | None:
    """How this service's posts are checked now; None: they are not."""
    if service.signatures == OFF:
        return None
    sealed = []
    if service.signing_secret:
        sealed.append((service.signing_secret, place_of(service, "signing_secret")))
    if service.earlier_secret and service.earlier_until and now < service.earlier_until:
        sealed.append((service.earlier_secret, place_of(service, "earlier_secret")))
    return Signing(service.signatures == REQUIRED, tuple(sealed))


def require_signed(signing: Signing, headers: Mapping[bytes, bytes], body: bytes, now: datetime) -> None:
    """Nothing for a post that is signed well, and for one that is not signed and need not be.

    Errors: BadSignature; Unreadable where our own secret can't be opened.
    """
    if not signatures.is_signed(headers):
        if signing.required:
            raise BadSignature(
                "signature_missing",
                "this service's posts must be signed: webhook-id, webhook-timestamp and webhook-signature are missing",
            )
        return
    opened = [_opened(sealed, place) for sealed, place in signing.sealed]
    signatures.verify(opened, headers, body, now.timestamp())


def make_secret(service: Service, now: datetime) -> str:
    """A new secret for a saved service, to be shown once; the one before it is taken for a day more. The caller saves."""
    service.earlier_secret, service.earlier_until = None, None
    if service.signing_secret:
        # One that can't be read any more signs nothing that we could check: it is left behind.
        with suppress(Unreadable):
            earlier = unseal(service.signing_secret, place_of(service, "signing_secret"))
            service.earlier_secret = seal(earlier, place_of(service, "earlier_secret"))
            service.earlier_until = now + EARLIER_TAKEN_FOR
    text = signatures.secret_text(secrets.token_bytes(SECRET_BYTES))
    service.signing_secret = seal(text, place_of(service, "signing_secret"))
    return text


def forget_earlier(at: datetime) -> int:
    """Secrets whose day is over are kept no longer; how many."""
    return Service.objects.filter(earlier_until__lte=at).update(earlier_secret=None, earlier_until=None)


@lru_cache(maxsize=4_096)
def _opened(sealed: str, place: str) -> bytes:
    return signatures.secret_bytes(unseal(sealed, place))
