"""What services call, for the OpenAPI document: the hot edge answers it itself, so that no route of ours tells of it."""

from http import HTTPStatus
from typing import Any

from breakers.domain import formats
from breakers.domain.fields import FIELDS
from breakers.domain.reports import ACTIONS, TYPES
from dashboard.api.answers import JSON, PROBLEM

WHO = "ingest key"
SCHEME = "IngestKey"
TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}
OBJECT = {"type": "object"}
ANYTHING = {"description": "any JSON"}
WHOLE = {"type": "integer"}
EVENT = {
    "description": "One event. What is not named here is kept in `attributes`.",
    "type": "object",
    "required": ["type", "breaker"],
    "properties": {
        **dict.fromkeys(FIELDS, ANYTHING),
        **dict.fromkeys(("breaker", "dependency", "instance", "id", "library", "library_version"), TEXT),
        **dict.fromkeys(("occurred_at", "next_probe_at"), MOMENT),
        **dict.fromkeys(("count", "sequence", "interval_s"), WHOLE),
        **dict.fromkeys(("labels", "attributes", "config"), OBJECT),
        "type": {"enum": list(TYPES)},
    },
}
REFUSAL = {
    "type": "object",
    "required": ["index", "code", "detail"],
    "properties": {"index": WHOLE, "code": TEXT, "detail": TEXT},
}
ORDER_TEXTS = ("id", "breaker", "instance", "reason", "requested_by", "issued_at", "expires_at")
HANDED_OUT = {
    "description": "A command as an instance gets it. It may come twice: its id tells.",
    "type": "object",
    "required": [*ORDER_TEXTS, "action", "until"],
    "properties": {
        **dict.fromkeys(ORDER_TEXTS, TEXT),
        "action": {"enum": list(ACTIONS)},
        "until": {"type": ["string", "null"]},
    },
}
ACCEPTED = {
    "description": "What became of a post: accepted + duplicates + rejected is what was sent.",
    "type": "object",
    "required": ["accepted", "duplicates", "rejected", "commands"],
    "properties": {
        "accepted": WHOLE,
        "duplicates": WHOLE,
        "rejected": {"type": "array", "items": REFUSAL},
        "commands": {"type": "array", "items": {"$ref": "#/components/schemas/HandedOut"}},
    },
}
RESULT = {
    "description": "What became of a command at one instance.",
    "type": "object",
    "required": ["instance", "status"],
    "properties": {"instance": TEXT, "status": {"enum": ["applied", "failed"]}, "detail": TEXT},
}
SCHEMAS = {"Event": EVENT, "HandedOut": HANDED_OUT, "Accepted": ACCEPTED, "Result": RESULT}
EVENTS_BODY = {
    "anyOf": [
        {"$ref": "#/components/schemas/Event"},
        {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
    ]
}
COMMANDS = {
    "type": "object",
    "required": ["commands"],
    "properties": {"commands": {"type": "array", "items": {"$ref": "#/components/schemas/HandedOut"}}},
}
POST_PROBLEMS = (400, 401, 403, 409, 413, 415, 422, 429, 503)
INSTANCE = {"name": "instance", "in": "query", "schema": TEXT}


def _call(
    name: str,
    about: str,
    status: int,
    answer: dict[str, Any],
    problems: tuple[int, ...],
    *,
    body: Any = None,
    takes: Any = (),
) -> dict[str, Any]:
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "operationId": name,
        "tags": ["Posting"],
        "summary": about,
        "description": about,
        "x-role": WHO,
        "security": [{SCHEME: []}],
        "parameters": list(takes),
        **({"requestBody": {"required": True, "content": {JSON: {"schema": body}}}} if body else {}),
        "responses": {
            str(status): {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": answer}}},
            **{str(code): {"description": HTTPStatus(code).phrase, "content": problem} for code in problems},
        },
    }


PATHS: dict[str, Any] = {
    "/api/v1/events": {
        "post": _call(
            "post_events",
            'Post one event, an array or `{"events": [...]}`; also NDJSON and CloudEvents, also with gzip. '
            "Answered when the events are durable and applied.",
            202,
            {"$ref": "#/components/schemas/Accepted"},
            POST_PROBLEMS,
            body=EVENTS_BODY,
        )
    },
    "/api/v1/events/{format}": {
        "post": _call(
            "post_foreign_events",
            "Post what others already emit, as it is.",
            202,
            {"$ref": "#/components/schemas/Accepted"},
            (*POST_PROBLEMS[:3], 404, *POST_PROBLEMS[3:]),
            body=ANYTHING,
            takes=(
                {"name": "format", "in": "path", "required": True, "schema": {"enum": sorted(formats.known())}},
                {**INSTANCE, "required": False, "description": "where the format names none"},
            ),
        )
    },
    "/api/v1/commands": {
        "get": _call(
            "poll_commands",
            "The commands that wait for an instance: at once, or as soon as one is ordered.",
            200,
            COMMANDS,
            (401, 403, 422, 429, 503),
            takes=(
                {**INSTANCE, "required": True, "description": "whose"},
                {
                    "name": "wait",
                    "in": "query",
                    "required": False,
                    "schema": WHOLE,
                    "description": "seconds, at most 30",
                },
            ),
        )
    },
    "/api/v1/commands/{command_id}/result": {
        "post": _call(
            "report_result",
            "Say what became of a command. A repeat changes nothing.",
            200,
            {"$ref": "#/components/schemas/Result"},
            (400, 401, 403, 404, 422, 503),
            body={"$ref": "#/components/schemas/Result"},
            takes=({"name": "command_id", "in": "path", "required": True, "schema": TEXT},),
        )
    },
}
