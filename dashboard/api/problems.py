"""Problems: every error of the API as `application/problem+json`, whoever raised it."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from ninja.errors import HttpError, ValidationError

from alerts.errors import BadTarget
from breakers.domain.signatures import BadSignature
from breakers.errors import Conflict, Invalid, NotAllowed, NotFound, OverLimit, StoreUnavailable, Unreadable
from breakers.problems import CONTENT_TYPE, problem_json
from dashboard.api.credentials import NO_CREDENTIAL

RETRY_AFTER, UNREADABLE_AFTER = 2, 60  # s
STATUS = {NotAllowed: 403, NotFound: 404, Conflict: 409, Invalid: 422}
FAILED = "the board failed to answer this request; its log says why"

log = structlog.get_logger(__name__)


def problem_response(status: int, detail: str, **more: object) -> HttpResponse:
    """An error answer."""
    response = HttpResponse(problem_json(status, detail, **more), status=status, content_type=CONTENT_TYPE.decode())
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def answer_to(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
    """The answer that an exception of a view becomes."""
    match error:
        case Invalid() | ValidationError():
            details = "; ".join(each["detail"] for each in error.errors)
            code = {"code": error.code} if isinstance(error, BadTarget) else {}
            return problem_response(422, details, errors=error.errors, **code)
        case NotAllowed() | NotFound() | Conflict():
            return problem_response(STATUS[type(error)], str(error))
        case BadSignature():
            return problem_response(403, str(error), code=error.code, **error.more)
        case OverLimit():
            return _later(str(error), error.retry_after, 429)
        case StoreUnavailable():
            return _later(str(error), error.retry_after)
        case Unreadable():
            log.error("a sealed secret can't be read", path=request.path, why=str(error))
            return _later("the board can't read a secret of its own; its log says why", UNREADABLE_AFTER)
        case OperationalError() | InterfaceError():
            log.warning("the database did not answer", path=request.path, error=str(error))
            return _later("the database does not answer", RETRY_AFTER)
        case HttpError():
            return problem_response(error.status_code, _sentence(error))
        case RequestDataTooBig():
            return problem_response(413, "the body is too large")
    log.error("request failed", path=request.path, exc_info=error)
    return problem_response(500, FAILED)


def told(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A route's outermost frame: HEAD is a GET, a wrong method a problem, an address with a NUL unknown, nothing is cached."""

    @wraps(view)
    def framed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "\0" in request.path:
            return unknown(request)
        method = request.method
        request.method = "GET" if method == "HEAD" else method
        response = view(request, *args, **kwargs)
        request.method = method
        if response.status_code == 405:
            allowed = response["Allow"]
            response = problem_response(405, f"{request.method} is not taken here; expected {allowed}")
            response["Allow"] = allowed
        response["Cache-Control"] = "no-store"
        return response

    return framed


@csrf_exempt
def unknown(request: HttpRequest, **captured: str) -> HttpResponse:
    """Any other address below `/api/v1/`."""
    return problem_response(404, f"there is nothing at {request.path[:200]!a}; /api/v1/docs lists what there is")


def _later(detail: str, retry_after: int, status: int = 503) -> HttpResponse:
    response = problem_response(status, detail)
    response["Retry-After"] = str(retry_after)
    return response


def _sentence(error: HttpError) -> str:
    if error.status_code == 400 and error.__cause__ is not None:
        return f"the body is not JSON: {error.__cause__}"
    return NO_CREDENTIAL if str(error) == "Unauthorized" else str(error)
