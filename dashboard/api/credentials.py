"""Credentials: who asks. A bearer token, or the browser's session, whose writes also carry its CSRF token."""

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import AuthenticationError, AuthorizationError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from breakers.access import Actor, Role, require
from breakers.keys import check_token
from dashboard.pages.actors import actor_of, address_of
from dashboard.pages.context import now_of

SAFE = {"GET", "HEAD"}
NO_CREDENTIAL = "no credential; send 'Authorization: Bearer bbt_…', or sign in"


class Token(HttpBearer):
    """`Authorization: Bearer bbt_…`. Where one is sent, it alone decides."""

    def __init__(self, role: Role = Role.VIEWER) -> None:
        self.role = role
        super().__init__()

    def __call__(self, request: HttpRequest) -> Actor | None:
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        return self.authenticate(request, text.strip()) if kind.lower() == "bearer" else None

    def authenticate(self, request: HttpRequest, token: str) -> Actor:
        """Who acts with this token. Errors: AuthenticationError; NotAllowed for one without a role."""
        actor = check_token(token, now_of(request), address_of(request))
        if actor is None:
            raise AuthenticationError(message="the token is unknown or revoked")
        request.actor = actor  # type: ignore[attr-defined]
        return _let_in(actor, self.role)


class Session(APIKeyCookie):
    """The browser's session; a write also needs the header `X-CSRFToken`."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, role: Role = Role.VIEWER) -> None:
        self.role = role
        super().__init__()

    def __call__(self, request: HttpRequest) -> Actor | None:
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        """Who is signed in, None for nobody. Errors: AuthorizationError without the CSRF token; NotAllowed."""
        actor = actor_of(request)
        if actor.user_id is None:
            return None
        if request.method not in SAFE:
            # Read first: Django's check looks for the token in a form, and would leave nothing to read.
            _ = request.body
            if check_csrf(request) is not None:
                raise AuthorizationError(message="the CSRF token is missing or wrong; send it as X-CSRFToken")
        return _let_in(actor, self.role)


def credentials(role: Role) -> list[Token | Session]:
    """What a call that wants this role takes. The role is looked at before the body: a viewer's bad order is 403, not 422."""
    return [Token(role), Session(role)]


CREDENTIALS = credentials(Role.VIEWER)


def actor_by_credential(request: HttpRequest) -> Actor:
    """Who asks, outside the API's own routes. Errors: AuthenticationError, AuthorizationError, NotAllowed."""
    for credential in CREDENTIALS:
        actor: Actor | None = credential(request)
        if actor is not None:
            return actor
    raise AuthenticationError(message=NO_CREDENTIAL)


def acting(request: HttpRequest) -> Actor:
    """Who was let in to this request."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    return actor


def _let_in(actor: Actor, role: Role) -> Actor:
    require(actor, role, "using the API" if role is Role.VIEWER else "this call")
    return actor
