"""Destinations that somebody sets up at the board: what each kind wants to know, and where that is kept.

The whole configuration is sealed in the row. What may be read back stands beside it, without a secret.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings

from alerts.destinations import guard, names, services
from alerts.destinations.base import Target
from alerts.destinations.environment import HIDDEN
from alerts.destinations.signing import key_of
from alerts.domain.wording import plain
from alerts.errors import BadTarget, DeliveryError
from alerts.models import Destination
from alerts.models.destination import Kind
from breakers.errors import Invalid, Unreadable
from breakers.sealing import place_of, seal, unseal

LONGEST = 2_000
# What each kind takes; every value is a text. The first is where it goes.
FIELDS: dict[str, tuple[str, ...]] = {
    Kind.WEBHOOK: ("url", "secret"),
    Kind.APPRISE: ("url",),
    Kind.EMAIL: ("to", "url", "server", "sender"),
    Kind.ALERTMANAGER: ("url", "secret"),
    Kind.PUSH: ("url", "p256dh", "auth"),
}
# What may be read back as it is.
OPEN = frozenset({"to", "sender"})
# Printable ASCII alone: no server need take more, and no head of a letter breaks by it.
_ADDRESS = re.compile(r"[!#-'*+\-./0-9:=?A-Z^_`a-z{|}~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, repr=False)
class Config:
    """A configuration that was checked; never printed. `warnings`: what an admin should know and may ignore."""

    values: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    def shown(self, kind: str) -> dict[str, str]:
        """What may be read back."""
        told = {name: value if name in OPEN else HIDDEN for name, value in self.values.items() if value}
        if "url" in self.values:
            told["url"] = masked(kind, self.values["url"])
        if "server" in told:
            told["server"] = masked(kind, self.values["server"])
        return told


def checked(kind: str, given: Mapping[str, object], before: Mapping[str, str] | None = None) -> Config:
    """The configuration that `given` makes of the one before: what is not given is kept, null takes it away.

    Errors: Invalid, BadTarget (`bad_url`, `private_address`).
    """
    known = FIELDS[kind]
    values = dict(before or {})
    for name, value in given.items():
        if name not in known:
            raise Invalid((f"config.{name[:40]}", f"{kind} takes {', '.join(known)}; not '{name[:40]}'"))
        if value is None:
            values.pop(name, None)
        elif not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
            raise Invalid((f"config.{name}", f"a text of at most {LONGEST} characters, without NUL"))
        elif HIDDEN not in value:
            # What was read back and sent again is not a new value.
            values[name] = value.strip()
    values = {name: value for name, value in values.items() if value}
    warnings = _CHECKS[kind](values)
    if (
        kind == Kind.ALERTMANAGER
        and before
        and values.get("secret")
        # Masked, as it was read back, it is not given again.
        and HIDDEN in str(given.get("secret", HIDDEN))
        and _moved(before, values)
    ):
        raise Invalid(("config.secret", "the address is another one: give its secret again, or null where it has none"))
    return Config(values, warnings)


def _moved(before: Mapping[str, str], values: Mapping[str, str]) -> bool:
    """Whether what is sent along with a secret would reach somebody else."""
    old, new = (urlsplit(each.get("url", "")) for each in (before, values))
    return (old.scheme, old.netloc.lower()) != (new.scheme, new.netloc.lower())


def masked(kind: str, url: str) -> str:
    """What may be shown of a URL: the host of a web address, else the scheme alone: what follows may be a token."""
    scheme, _, rest = url.partition("://")
    if kind == Kind.APPRISE:
        return f"{plain(scheme.lower(), 40)}://…/{HIDDEN}"
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{plain(scheme.lower(), 40)}://{plain(host)}/{HIDDEN}"


def keep(row: Destination, config: Config) -> None:
    """Put the configuration into the row, sealed. The caller saves it."""
    row.sealed = seal(json.dumps(config.values), place_of(row, "sealed"))
    row.shown = config.shown(row.kind)
    row.masked_url = row.shown.get("url") or row.shown.get("to", "")


def kept(row: Destination) -> dict[str, str]:
    """The configuration in the row. Errors: Unreadable."""
    values: dict[str, str] = json.loads(unseal(row.sealed, place_of(row, "sealed")))
    return values


def target_of(row: Destination) -> Target:
    """Where to, with its secrets.

    Errors: DeliveryError where the secrets can't be read: worth trying again, since the key may come back.
    """
    try:
        values = kept(row)
    except Unreadable as error:
        raise DeliveryError(f"its configuration can't be read: {error}", failed=False) from None
    url = values.get("to") or values.get("url", "")
    more = {name: value for name, value in values.items() if name not in {"url", "to", "secret"}}
    return Target(row.kind, url, values.get("secret", ""), trusted=False, more=more)


def _web(values: dict[str, str]) -> list[str]:
    if "url" not in values:
        raise BadTarget(BadTarget.BAD_URL, "'url' is missing; expected http:// or https://")
    try:
        return guard.check(values["url"], allow_private=settings.ALLOW_PRIVATE_TARGETS)
    except DeliveryError as error:
        raise _refused(error) from None


def _webhook(values: dict[str, str]) -> list[str]:
    if "secret" in values:
        try:
            key_of(values["secret"])
        except DeliveryError as error:
            raise Invalid(("config.secret", str(error))) from None
        if not values["secret"].startswith("whsec_"):
            raise Invalid(("config.secret", "the signing secret does not begin with whsec_"))
    return _web(values)


def _apprise(values: dict[str, str]) -> list[str]:
    from alerts.destinations import apprise

    url = values.get("url", "")
    if "://" not in url:
        raise BadTarget(BadTarget.BAD_URL, "'url' is no Apprise URL; expected one like slack://…")
    try:
        apprise.allowed(url, allow_private=settings.ALLOW_PRIVATE_TARGETS)
    except DeliveryError as error:
        if not error.permanent:
            return [f"{error}: it is looked up again at every try"]
        raise _refused(error) from None
    if not apprise.known(url):
        scheme = url.partition("://")[0].lower()
        name = services.FIXED.get(scheme, plain(scheme, 20))
        raise BadTarget(BadTarget.BAD_URL, f"Apprise can't make anything of this {name} URL")
    return []


def _email(values: dict[str, str]) -> list[str]:
    from alerts.destinations import email

    if "to" not in values and values.get("url", "").lower().startswith("mailto:"):
        values["to"] = values.pop("url").partition(":")[2].removeprefix("//")
    if "url" in values:
        raise BadTarget(BadTarget.BAD_URL, "an e-mail destination has 'to', or 'url' that begins with mailto:")
    values["to"] = _with_ascii_host(values.get("to", ""))
    if not _ADDRESS.fullmatch(values["to"]):
        raise BadTarget(BadTarget.BAD_URL, f"'to' {_what_is_wrong(values['to'])}", "config.to")
    sender = values.get("sender", "")
    if sender and not (sender.isascii() and sender.isprintable() and _ADDRESS.fullmatch(parseaddr(sender)[1])):
        raise Invalid(("config.sender", f"'sender' {_what_is_wrong(sender)}"))
    if "server" not in values:
        return [] if settings.SMTP_URL else ["no mail server is set yet: SMTP_URL, or 'server'"]
    try:
        server = email.parse_server(values["server"], "")
        email.require_mail_port(server)
        addresses = names.resolve(server.host, server.port)
        guard.judge(addresses, allow_private=settings.ALLOW_PRIVATE_TARGETS)
    except DeliveryError as error:
        if not error.permanent:
            return [f"{error}: it is looked up again at every try"]
        raise _refused(error, "config.server") from None
    return []


def _with_ascii_host(address: str) -> str:
    """ada@bücher.example as mail servers write it: ada@xn--bcher-kva.example. Anything else stays."""
    local, at, host = address.strip().rpartition("@")
    if not at or host.isascii():
        return address.strip()
    try:
        return f"{local}@{host.encode('idna').decode()}"
    except UnicodeError:
        return address


def _what_is_wrong(address: str) -> str:
    said = f"is '{plain(address, 80)}'"
    if not address.strip():
        return "is missing; expected one e-mail address"
    if not address.isascii():
        return f"{said}; mail servers take an address with plain letters alone"
    return f"{said}; expected one e-mail address, like ada@example.com"


def _push(values: dict[str, str]) -> list[str]:
    from alerts.destinations import push

    if not values.get("url", "").lower().startswith("https://"):
        raise BadTarget(BadTarget.BAD_URL, "the endpoint of a browser's subscription begins with https://")
    try:
        push.keys_of(values.get("p256dh", ""), values.get("auth", ""))
    except DeliveryError as error:
        raise Invalid(("config.p256dh", str(error))) from None
    return _web(values)


def _refused(error: DeliveryError, name: str = "config.url") -> BadTarget:
    return BadTarget(BadTarget.PRIVATE_ADDRESS if error.forbidden else BadTarget.BAD_URL, str(error), name)


_CHECKS: dict[str, Callable[[dict[str, str]], list[str]]] = {
    Kind.WEBHOOK: _webhook,
    Kind.APPRISE: _apprise,
    Kind.EMAIL: _email,
    Kind.ALERTMANAGER: _web,
    Kind.PUSH: _push,
}
