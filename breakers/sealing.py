"""Sealing: secrets that must be read again, encrypted where they are kept (AES-256-GCM).

A sealed text holds only at its place (table, column, row): copied into another row it can't be read. Keys come from
ENCRYPTION_KEYS (the first one writes, all of them read), else from SECRET_KEY and SECRET_KEY_FALLBACKS.
"""

import base64
import binascii
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

from breakers.errors import Unreadable

VERSION = "s1"
NONCE_BYTES = 12


def place_of(row: models.Model, column: str) -> str:
    """The place of a saved row's column: `breakers_service.signing_secret.17`."""
    return f"{row._meta.db_table}.{column}.{row.pk}"


def seal(text: str, place: str) -> str:
    """The text, so that only this board can read it, and only at this place."""
    key_id, cipher = _ciphers()[0]
    nonce = os.urandom(NONCE_BYTES)
    sealed = cipher.encrypt(nonce, text.encode(), _bound(key_id, place))
    return f"{VERSION}.{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(sealed: str, place: str) -> str:
    """What was sealed at this place.

    Errors: Unreadable, where it was sealed with another key or at another place, or is damaged.
    """
    version, _, rest = sealed.partition(".")
    key_id, _, body = rest.partition(".")
    if version != VERSION:
        raise Unreadable(f"what is kept at {place} is no sealed text")
    for known_id, cipher in _ciphers():
        if known_id == key_id:
            try:
                raw = base64.b64decode(body, b"-_", validate=True)
                return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound(key_id, place)).decode()
            except (InvalidTag, binascii.Error, ValueError) as error:
                raise Unreadable(f"the secret at {place} is damaged, or was moved there from another place") from error
    raise Unreadable(
        f"the secret at {place} was sealed with the key {key_id[:16]!a}, which is not among "
        "ENCRYPTION_KEYS, SECRET_KEY and SECRET_KEY_FALLBACKS"
    )


def is_current(sealed: str) -> bool:
    """Whether it is sealed with the key that writes now; else it is due to be sealed again."""
    return sealed.startswith(f"{VERSION}.{_ciphers()[0][0]}.")


def _ciphers() -> list[tuple[str, AESGCM]]:
    """Key id and cipher, the one that writes first."""
    own = settings.ENCRYPTION_KEYS
    return [_cipher(secret) for secret in [*own, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]]


@lru_cache(maxsize=32)
def _cipher(secret: str) -> tuple[str, AESGCM]:
    derived = HKDF(SHA256(), length=40, salt=None, info=b"breakerboard sealing 1").derive(secret.encode())
    return derived[32:].hex(), AESGCM(derived[:32])


def _bound(key_id: str, place: str) -> bytes:
    return f"{VERSION}.{key_id}.{place}".encode()
