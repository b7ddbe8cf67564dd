"""Access record: puts what was refused to people and tokens on record, whichever page or call refused it.

403 for someone known is *role refused*; 401 for a bearer token is *token refused*. Repeats are counted (`breakers/access_trail.py`).
"""

import re

import structlog
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from breakers import access_trail
from breakers.access import Actor, Role
from breakers.errors import StoreUnavailable
from dashboard.pages.actors import address_of
from dashboard.pages.context import now_of

# Links that open a door by themselves: what follows is a secret.
_SECRET_PATHS = re.compile(r"^(/(?:welcome|screen|acknowledge)/).*")
_TOKEN = re.compile(r"bearer\s+(bbt_[0-9A-Za-z]{8})_", re.IGNORECASE)

log = structlog.get_logger(__name__)


class AccessRecord(MiddlewareMixin):
    """Looks at each answer on its way out."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Django's hook."""
        if response.status_code in (401, 403):
            try:
                _record(request, response.status_code)
            except (DatabaseError, StoreUnavailable) as error:
                log.warning("a refusal could not be put on record", path=_path(request), error=str(error))
        return response


def note(verb: str, request: HttpRequest, actor: Actor, detail: str = "", **more: object) -> None:
    """Put an act of this request on record, with what its client calls itself."""
    told = {**more, **access_trail.agent_of(request.headers.get("User-Agent", ""))}
    access_trail.note(verb, actor, at=now_of(request), detail=detail, more=told)


def _record(request: HttpRequest, status: int) -> None:
    actor: Actor | None = getattr(request, "actor", None)
    known = actor is not None and (actor.user_id is not None or actor.token_id is not None)
    if status == 403 and known and actor is not None:
        note("role.refused", request, actor, method=request.method, path=_path(request))
    elif status == 401 and (token := _TOKEN.match(request.headers.get("Authorization", ""))):
        stranger = Actor(f"token {token[1].removeprefix('bbt_')}", Role.NONE, address_of(request))
        note("token.refused", request, stranger, path=_path(request))
    elif status == 401 and request.headers.get("Authorization"):
        note("token.refused", request, Actor(access_trail.NOBODY, Role.NONE, address_of(request)), path=_path(request))


def _path(request: HttpRequest) -> str:
    return _SECRET_PATHS.sub(r"\1…", request.path[:200])
