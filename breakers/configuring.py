"""Configuring: what an admin sets at a service: paused, signatures and their secret, limits, redaction. The only writer of these."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from breakers import auditing, bulk, signing
from breakers.access import Actor, Role, require
from breakers.domain import limits, patterns
from breakers.errors import Invalid, NotFound
from breakers.models import Service
from breakers.signing import MODES, OFF
from breakers.times import rfc3339

SETTINGS = ("paused", "signatures", "rotate_secret", "limits", "redaction")


class Configured(NamedTuple):
    """A service as it is now, and the secret that was made for it, to be shown once."""

    service: Service
    signing_secret: str | None


def configure(actor: Actor, name: str, wanted: Mapping[str, Any], *, at: datetime) -> Configured:
    """Set what is named in `wanted` (SETTINGS), all or nothing; what it is already changes nothing.

    Errors: NotAllowed, NotFound, Invalid.
    """
    require(actor, Role.ADMIN, "setting up a service")
    if not wanted:
        raise Invalid(("body", f"nothing is named that could be set; expected some of {', '.join(SETTINGS)}"))
    if empty := [field for field, value in wanted.items() if value is None]:
        raise Invalid(*((field, f"'{field}' is null; leave it out where it is to stay as it is") for field in empty))
    with bulk.writing():
        service = Service.objects.select_for_update().filter(name=name).first()
        if service is None:
            raise NotFound(f"there is no service '{name[:200]}'")
        secret = None
        lines: list[tuple[str, object, object]] = []
        if "paused" in wanted:
            _set(service, "paused", wanted["paused"], lines, "service.pause" if wanted["paused"] else "service.resume")
        if "signatures" in wanted:
            secret = _sign(service, wanted["signatures"], lines, at)
        if wanted.get("rotate_secret") and secret is None:
            secret = _rotate(service, lines, at)
        if "limits" in wanted:
            told, wrong = limits.changed(service.limits, wanted["limits"])
            if wrong:
                raise Invalid(*((f"limits.{field}", detail) for field, detail in wrong))
            _set(service, "limits", told, lines, "service.limits")
        if "redaction" in wanted:
            _set(service, "redaction", _redaction(service, wanted["redaction"]), lines, "service.redaction")
        if lines:
            service.save()
        for verb, before, after in lines:
            auditing.write(actor, verb, "service", service.pk, name, before=before, after=after, at=at)
        return Configured(service, secret)


def _set(service: Service, field: str, value: object, lines: list[tuple[str, object, object]], verb: str) -> None:
    before = getattr(service, field)
    if value != before:
        setattr(service, field, value)
        lines.append((verb, {field: before}, {field: value}))


def _sign(service: Service, mode: str, lines: list[tuple[str, object, object]], at: datetime) -> str | None:
    """The secret, where this made the first one."""
    if mode not in MODES:
        raise Invalid(("signatures", f"'{mode[:60]}' is none of {', '.join(MODES)}"))
    _set(service, "signatures", mode, lines, "service.signatures")
    return signing.make_secret(service, at) if mode != OFF and not service.signing_secret else None


def _rotate(service: Service, lines: list[tuple[str, object, object]], at: datetime) -> str:
    if service.signatures == OFF:
        raise Invalid(("rotate_secret", f"service '{service.name}' does not sign: there is no secret to rotate"))
    secret = signing.make_secret(service, at)
    lines.append(("service.rotate_secret", None, {"earlier_taken_until": rfc3339(service.earlier_until)}))
    return secret


def _redaction(service: Service, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What the row holds after these were set: only what differs from the defaults."""
    told: dict[str, Any] = dict(service.redaction)
    for field, value in wanted.items():
        kept = _STORED.get(field)
        if kept is None:
            raise Invalid((f"redaction.{field[:60]}", f"expected one of {', '.join(_STORED)}"))
        name, store = kept
        try:
            told[name] = store(value)
        except ValueError as error:
            raise Invalid((f"redaction.{field}", str(error))) from error
        if not told[name]:
            del told[name]
    return told


_STORED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "on": ("off", lambda on: not on),
    "patterns": ("patterns", patterns.checked),
    "keep_messages": ("no_messages", lambda keep: not keep),
}
