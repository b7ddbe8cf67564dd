"""Who is at the other end of a socket: at the handshake, and again for as long as it is open."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session

from breakers.access import Role
from breakers.keys import check_token
from breakers.models import ApiToken
from dashboard.models import ScreenLink
from dashboard.screens import link_of
from dashboard.sessions import kept_key

PORTS = {"http": 80, "https": 443}
SCHEMES = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Identity:
    """The credential that a socket was opened with: a user's session, a token, or a screen's link."""

    user_id: int | None = None
    # As the database keeps it: hashed.
    session: str = ""
    session_hash: str = ""
    token_id: int | None = None
    # Which of the tokens that had this row's name: a replaced one is over.
    token: str = ""
    role: Role = Role.NONE
    # The link of a screen: it opens the wall only.
    screen_id: int | None = None
    # What it may see, in the wall's query language; empty: everything.
    query: str = ""

    @property
    def owner(self) -> tuple[str, int | None]:
        """Whose sockets count together."""
        if self.screen_id is not None:
            return ("screen", self.screen_id)
        return ("token", self.token_id) if self.token_id is not None else ("user", self.user_id)


def header(scope: dict[str, Any], name: bytes) -> str | None:
    """One header of the handshake, None where it was not sent."""
    for key, value in scope["headers"]:
        if key.lower() == name:
            return str(value.decode("latin-1"))
    return None


def bearer(scope: dict[str, Any]) -> str | None:
    """The bearer token of the handshake; None where another way of signing in was chosen."""
    kind, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def origin_allowed(scope: dict[str, Any], *, needed: bool) -> bool:
    """Whether the handshake's Origin is ours: SITE_URL's, or the request's own. `needed`: it must have been sent."""
    sent = header(scope, b"origin")
    if sent is None:
        return not needed
    own = f"{SCHEMES.get(scope.get('scheme', 'ws'), '')}://{header(scope, b'host') or ''}"
    return (origin := _origin(sent)) is not None and origin in {_origin(settings.SITE_URL), _origin(own)}


def identify_token(text: str, now: datetime, address: str = "") -> Identity | None:
    """The identity behind a token, None where it is not (or no longer) good. address: whence the socket comes."""
    actor = check_token(text, now, address)
    return None if actor is None else Identity(token_id=actor.token_id, token=_public_id(text), role=actor.role)


def identify_session(user: Any, session: Any) -> Identity | None:
    """The identity behind a signed-in browser, None where nobody is signed in."""
    if not user.is_authenticated or not user.is_active:
        return None
    return Identity(
        user_id=user.pk,
        session=kept_key(session.session_key) if session.session_key else "",
        session_hash=session.get(HASH_SESSION_KEY, ""),
        role=role_of(user),
    )


def identify_screen(token: str, now: datetime) -> Identity | None:
    """The identity behind a screen's link, None where there is none, or it ended or was revoked."""
    link = link_of(token, now)
    return None if link is None else Identity(screen_id=link.pk, role=Role.VIEWER, query=link.query)


def role_of(user: Any) -> Role:
    """The highest role among a user's groups."""
    if user.is_superuser:
        return Role.ADMIN
    return max((Role.named(group.name) for group in user.groups.all()), default=Role.NONE)


def ended(identities: Collection[Identity], now: datetime) -> dict[Identity, bool]:
    """Which of these have ended: True where the credential is no longer good, False where only the role is gone.

    One query each for users (with their groups), sessions, tokens and screens, however many sockets are open.
    """
    users = {
        user.pk: user
        for user in get_user_model()
        .objects.filter(pk__in={one.user_id for one in identities if one.user_id is not None})
        .prefetch_related("groups")
    }
    sessions = set(
        Session.objects.filter(
            session_key__in={one.session for one in identities if one.session}, expire_date__gt=now
        ).values_list("session_key", flat=True)
    )
    tokens = dict(
        ApiToken.objects.filter(
            token_id__in={one.token for one in identities if one.token}, revoked_at=None
        ).values_list("token_id", "role")
    )
    screens = set(
        ScreenLink.objects.filter(
            pk__in={one.screen_id for one in identities if one.screen_id is not None},
            revoked_at=None,
            expires_at__gt=now,
        ).values_list("pk", flat=True)
    )
    found: dict[Identity, bool] = {}
    for one in identities:
        if one.screen_id is not None:
            good, role = one.screen_id in screens, Role.VIEWER
        elif one.token_id is not None:
            good, role = one.token in tokens, Role.named(tokens.get(one.token, ""))
        else:
            user = users.get(one.user_id or 0)
            good = bool(user and user.is_active and one.session in sessions and _same_password(user, one))
            role = role_of(user) if user else Role.NONE
        if not good or role < Role.VIEWER:
            found[one] = not good
    return found


def _public_id(token: str) -> str:
    return token.split("_")[1]


def _same_password(user: Any, one: Identity) -> bool:
    return one.session_hash in {user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()}


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not host or parts.path not in {"", "/"}:
        return None
    return parts.scheme, host, port or PORTS[parts.scheme]
