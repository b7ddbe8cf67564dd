"""What services call, for the OpenAPI document: the hot edge answers it itself, so that no route of ours tells of it."""

from http import HTTPStatus
from typing import Any

from breakers.domain import formats
from breakers.domain.reports import ACTIONS
from dashboard.api import posted
from dashboard.api.answers import JSON, PROBLEM

WHO = "ingest key"
SCHEME = "IngestKey"
TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
REFUSAL = {
    "type": "object",
    "required": ["index", "code", "detail"],
    "properties": {
        "index": {**WHOLE, "description": "Its place in the body, from 0."},
        "code": {**TEXT, "description": "Which rule it broke.", "examples": ["bad_value"]},
        "detail": {**TEXT, "description": "What is wrong with it, as a sentence."},
    },
}
ORDER_TEXTS = {
    "id": "The command's own: it may come twice.",
    "breaker": "The breaker's name.",
    "instance": "For which instance it is.",
    "reason": "Why, as the operator said.",
    "requested_by": "Who ordered it.",
    "issued_at": "When, RFC 3339.",
    "expires_at": "From then on it is refused, RFC 3339.",
}
HANDED_OUT = {
    "description": "A command as an instance gets it. It may come twice: its id tells.",
    "type": "object",
    "required": [*ORDER_TEXTS, "action", "until"],
    "properties": {
        **{name: {**TEXT, "description": about} for name, about in ORDER_TEXTS.items()},
        "action": {"enum": list(ACTIONS), "description": "What to do."},
        "until": {"type": ["string", "null"], "description": "When it is released by itself; null: not by itself."},
    },
}
ACCEPTED = {
    "description": "What became of a post: accepted + duplicates + rejected is what was sent.",
    "type": "object",
    "required": ["accepted", "duplicates", "rejected", "commands"],
    "properties": {
        "accepted": {**WHOLE, "description": "Events that are stored and applied.", "examples": [2]},
        "duplicates": {**WHOLE, "description": "Events that were posted before.", "examples": [0]},
        "rejected": {"type": "array", "items": REFUSAL, "description": "Events that were not taken; the others are."},
        "commands": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/HandedOut"},
            "description": "Those that wait for the instances that this post spoke for.",
        },
    },
}
RESULT = {
    "description": "What became of a command at one instance.",
    "type": "object",
    "required": ["instance", "status"],
    "properties": {
        "instance": {**TEXT, "description": "Which one applied it, or could not.", "examples": ["orders-7f9c"]},
        "status": {"enum": ["applied", "failed"], "description": "How it went."},
        "detail": {**TEXT, "description": "Why it failed, as a sentence."},
    },
}
SCHEMAS = {**posted.SCHEMAS, "HandedOut": HANDED_OUT, "Accepted": ACCEPTED, "Result": RESULT}
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
    content: Any = None,
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
        **({"requestBody": {"required": True, "content": content}} if content else {}),
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
            content=posted.CONTENT,
        )
    },
    "/api/v1/events/{format}": {
        "post": _call(
            "post_foreign_events",
            "Post what others already emit, as it is.",
            202,
            {"$ref": "#/components/schemas/Accepted"},
            (*POST_PROBLEMS[:3], 404, *POST_PROBLEMS[3:]),
            content=posted.FOREIGN,
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
            content={JSON: {"schema": {"$ref": "#/components/schemas/Result"}}},
            takes=({"name": "command_id", "in": "path", "required": True, "schema": TEXT},),
        )
    },
}
