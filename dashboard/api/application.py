"""The application: the nouns' routers put together, with our credentials, problems and addresses."""

from typing import Any

import msgspec
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError, ValidationErrorContext
from ninja.operation import Operation
from ninja.parser import Parser

from breakers.domain.reports import MARK
from breakers.domain.signatures import BadSignature
from breakers.errors import BreakersError
from dashboard.api import (
    alerts,
    annotations,
    audit,
    breakers,
    commands,
    destinations,
    incidents,
    rotas,
    rules,
    services,
    silences,
    sources,
)
from dashboard.api.credentials import CREDENTIALS
from dashboard.api.problems import answer_to

ABOUT = """What operators and their scripts can see and do. Every call wants `Authorization: Bearer bbt_…` (made by
`manage.py token add NAME --role viewer|operator|admin`), or the browser's session, whose writes carry `X-CSRFToken`.
Viewers read; operators also command and acknowledge; admins also configure. Lists answer `{"items", "next"}`: pass `next`
as `cursor` for the following page. Times are RFC 3339 in UTC, ids opaque strings, errors problem bodies (RFC 9457)."""


class JsonParser(Parser):
    """Bodies as strictly as the webhook reads them; a parameter given twice is a list, as with commas."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Errors: ValueError with a sentence."""
        try:
            return msgspec.json.decode(request.body.removeprefix(MARK))
        except RecursionError as error:
            raise ValueError("nested too deep") from error

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        """Each parameter once."""
        return {key: ",".join(data.getlist(key)) for key in data}


class OperatorsApi(NinjaAPI):
    """django-ninja's, with plain operation ids and sentences for what is wrong."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The view's name."""
        return str(operation.view_func.__name__)

    def validation_error_from_error_contexts(
        self, error_contexts: list[ValidationErrorContext[Any]]
    ) -> ValidationError:
        """[{"field", "detail"}], with the value in the sentence."""
        return ValidationError(
            [
                _told(context.model, error)
                for context in error_contexts
                for error in context.pydantic_validation_error.errors(include_url=False)
            ]
        )


def _told(model: Any, error: Any) -> dict[str, str]:
    in_body = model.__ninja_param_source__ == "body"
    place = error["loc"][1:] if in_body else model.__ninja_flatten_map_reverse__.get(error["loc"], error["loc"])
    field = ".".join(str(part) for part in place) or "body"
    if error["type"] == "missing":
        return {"field": field, "detail": f"'{field}' is missing"}
    if error["type"] == "extra_forbidden":
        return {"field": field, "detail": f"there is no field '{field[:60]}' here"}
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return {"field": field, "detail": said}
    return {"field": field, "detail": f"'{field}' is {error['input']!r:.60}: {said[:1].lower()}{said[1:]}"}


def _made() -> OperatorsApi:
    api = OperatorsApi(
        title="Breakerboard",
        version="1",
        description=ABOUT,
        openapi_url=None,
        docs_url=None,
        urls_namespace="api",
        auth=CREDENTIALS,
        parser=JsonParser(),
    )
    for kind in (Exception, BreakersError, BadSignature, HttpError, ValidationError):
        api.add_exception_handler(kind, answer_to)
    for noun in (
        breakers, commands, alerts, incidents, silences, rules, destinations, rotas, annotations, services, sources, audit,
    ):  # fmt: skip
        api.add_router("", noun.router)
    return api


api = _made()
