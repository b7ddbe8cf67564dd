"""Keys: services and what they post with, and the tokens of the operators' API. The only writer of all three.

A secret is `bbk_` (ingest key) or `bbt_` (token), a public id, `_`, 32 random bytes and a checksum, so that a scanner finds it
and a typing error costs no query. It is returned once; the row holds its SHA-256.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from breakers import auditing, bulk, key_uses
from breakers.access import Actor, Role, require
from breakers.configuring import configure
from breakers.domain.keeping import Keeping, keeping_of
from breakers.domain.limits import Limits, limits_of
from breakers.errors import Conflict, Invalid, NotFound
from breakers.models import ApiToken, IngestKey, Service
from breakers.models.service import NAME_LENGTH
from breakers.signals import access_changed
from breakers.signing import OFF, Signing, signing_of

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
ID_LENGTH = 8
SECRET_LENGTH = 43  # 32 bytes in base 62
CHECK_LENGTH = 6
SHAPE = re.compile(
    rf"(bb[kt])_([0-9A-Za-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{SECRET_LENGTH}}}([0-9A-Za-z]{{{CHECK_LENGTH}}})", re.ASCII
)
NO_DIGEST = "0" * 64
MOST_KEYS = 10


class KeyOwner(NamedTuple):
    """Whom a good key speaks for."""

    service_id: int
    key_id: str
    paused: bool
    # None: its posts are not signed.
    signing: Signing | None
    limits: Limits
    keeping: Keeping


class AddedService(NamedTuple):
    """A service, and its new key; None: no key was made. `signing_secret`: the one that was made for it."""

    service: Service
    key: str | None
    created: bool
    signing_secret: str | None = None


class AddedKey(NamedTuple):
    """A key's row, and the key itself, to be shown once."""

    row: IngestKey
    key: str


class AddedToken(NamedTuple):
    """A token's row, and the token itself; None: nothing was made."""

    row: ApiToken
    token: str | None


def add_service(
    actor: Actor, name: str, *, at: datetime, new_key: bool = False, label: str = "", signatures: str = OFF
) -> AddedService:
    """The service of that name, made with a first key where it is missing; `new_key` adds one to it in any case.

    Whether its posts are signed is set where it is made; one that is there is changed by `configuring`.

    Errors: NotAllowed, Invalid (the name), Conflict (ten live keys).
    """
    require(actor, Role.ADMIN, "adding a service")
    name = checked_name(name)
    with bulk.writing():
        service, created = Service.objects.get_or_create(name=name, defaults={"created_at": at})
        if created:
            auditing.write(actor, "service.add", "service", service.pk, name, after={"name": name}, at=at)
        key = _add_key(actor, service, label, at).key if created or new_key else None
        secret = None
        if created and signatures != OFF:
            secret = configure(actor, name, {"signatures": signatures}, at=at).signing_secret
        return AddedService(service, key, created, secret)


def add_key(actor: Actor, service_name: str, *, at: datetime, label: str = "") -> AddedKey:
    """One more key for a service.

    Errors: NotAllowed, NotFound, Conflict (ten live keys).
    """
    require(actor, Role.ADMIN, "adding a key")
    with bulk.writing():
        return _add_key(actor, _service(service_name), label, at)


def revoke_key(actor: Actor, service_name: str, key_id: str, *, at: datetime) -> IngestKey:
    """End a key. Already revoked: nothing changes.

    Errors: NotAllowed, NotFound.
    """
    require(actor, Role.ADMIN, "revoking a key")
    with bulk.writing():
        key = IngestKey.objects.select_related("service").filter(service__name=service_name, key_id=key_id).first()
        if key is None:
            raise NotFound(f"service '{service_name}' has no key '{key_id}'")
        if key.revoked_at is None:
            key.revoked_at = at
            key.save(update_fields=["revoked_at"])
            auditing.write(
                actor, "key.revoke", "service", key.service_id, service_name, before={"key": key.key_id}, at=at
            )
        return key


def add_token(actor: Actor, name: str, role: Role, *, at: datetime, replace: bool = False) -> AddedToken:
    """The token of that name, made where it is missing; `replace` puts a new one in its place.

    Errors: NotAllowed, Invalid (the name, no role), Conflict (it is there with another role).
    """
    require(actor, Role.ADMIN, "adding a token")
    name = checked_name(name)
    if role is Role.NONE:
        raise Invalid(("role", "the role of a token is one of viewer, operator, admin"))
    with bulk.writing():
        known = ApiToken.objects.filter(name=name).first()
        if known is not None and known.revoked_at is None and not replace:
            if Role.named(known.role) is not role:
                raise Conflict(
                    f"token '{name}' is {known.role}; --replace makes a new one with the role {role.name.lower()}"
                )
            return AddedToken(known, None)
        token_id, token, digest = _new_secret("bbt")
        fields = {
            "role": role.name.lower(),
            "token_id": token_id,
            "digest": digest,
            "created_at": at,
            "last_used_at": None,
            "revoked_at": None,
        }
        row, created = ApiToken.objects.update_or_create(name=name, defaults=fields)
        auditing.write(
            actor,
            "token.add" if created else "token.replace",
            "token",
            row.pk,
            name,
            before=known and {"role": known.role, "token": known.token_id},
            after={"role": row.role, "token": token_id},
            at=at,
        )
        if known is not None:
            _announce(known, "replaced")
        return AddedToken(row, token)


def revoke_token(actor: Actor, name: str, *, at: datetime) -> ApiToken:
    """End a token, and what it has open. Already revoked: nothing changes.

    Errors: NotAllowed, NotFound.
    """
    require(actor, Role.ADMIN, "revoking a token")
    with bulk.writing():
        token = ApiToken.objects.filter(name=name).first()
        if token is None:
            raise NotFound(f"there is no token '{name}'")
        if token.revoked_at is None:
            token.revoked_at = at
            token.save(update_fields=["revoked_at"])
            auditing.write(actor, "token.revoke", "token", token.pk, name, before={"token": token.token_id}, at=at)
            _announce(token, "revoked")
        return token


def check_key(text: str, now: datetime, address: str = "") -> KeyOwner | None:
    """Whom an ingest key speaks for; None for one that is unknown, revoked or misspelt. address: whence it came, where it is to be noted."""
    key_id = _public_id("bbk", text)
    if key_id is None:
        return None
    row = IngestKey.objects.select_related("service").filter(key_id=key_id, revoked_at=None).first()
    if not _matches(text, row) or row is None:
        return None
    key_uses.note(row, now)
    if address:
        key_uses.note_address("key", row.key_id, address, now)
    service = row.service
    return KeyOwner(
        service.pk,
        row.key_id,
        service.paused,
        signing_of(service, now),
        limits_of(service.limits),
        keeping_of(service.redaction, service.limits, settings.REDACT_PATTERNS),
    )


def check_token(text: str, now: datetime, address: str = "") -> Actor | None:
    """Who acts with a token, from this address; None for one that is unknown, revoked or misspelt."""
    token_id = _public_id("bbt", text)
    if token_id is None:
        return None
    row = ApiToken.objects.filter(token_id=token_id, revoked_at=None).first()
    if not _matches(text, row) or row is None:
        return None
    key_uses.note(row, now)
    if address:
        key_uses.note_address("token", row.token_id, address, now)
    return Actor(row.name, Role.named(row.role), address, token_id=row.pk)


def checked_name(name: str, field: str = "name") -> str:
    """A name without blanks around it.

    Errors: Invalid where it is empty, too long, or holds control characters.
    """
    name = name.strip()
    if not name or len(name) > NAME_LENGTH:
        raise Invalid((field, f"a name has 1 to {NAME_LENGTH} characters; this one has {len(name)}"))
    if not name.isprintable():
        raise Invalid((field, f"a name has no control characters; this one is {name!a}"))
    return name


def _service(name: str) -> Service:
    service = Service.objects.filter(name=name).first()
    if service is None:
        raise NotFound(f"there is no service '{name}'")
    return service


def _add_key(actor: Actor, service: Service, label: str, at: datetime) -> AddedKey:
    if service.keys.filter(revoked_at=None).count() >= MOST_KEYS:
        raise Conflict(f"service '{service.name}' has {MOST_KEYS} live keys; revoke one first")
    key_id, key, digest = _new_secret("bbk")
    row = service.keys.create(key_id=key_id, digest=digest, label=label, created_at=at)
    auditing.write(actor, "key.add", "service", service.pk, service.name, after={"key": key_id, "label": label}, at=at)
    return AddedKey(row, key)


def _announce(token: ApiToken, reason: str) -> None:
    token_id = token.pk
    bulk.after_commit(lambda: access_changed.send_robust(sender=ApiToken, token_id=token_id, reason=reason))


def _new_secret(prefix: str) -> tuple[str, str, str]:
    """A public id, the whole secret, and its digest."""
    public = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
    body = f"{prefix}_{public}_{_base62(int.from_bytes(secrets.token_bytes(32)), SECRET_LENGTH)}"
    text = body + _checksum(body)
    return public, text, _digest(text)


def _public_id(prefix: str, text: str) -> str | None:
    """The public id of a secret that is spelt right."""
    shape = SHAPE.fullmatch(text)
    if shape is None or shape[1] != prefix or shape[3] != _checksum(text[:-CHECK_LENGTH]):
        return None
    return shape[2]


def _matches(text: str, row: IngestKey | ApiToken | None) -> bool:
    """The same work whether there is such a row or not."""
    return hmac.compare_digest(_digest(text), row.digest if row is not None else NO_DIGEST)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
