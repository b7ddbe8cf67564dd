"""What services post, for the OpenAPI document: an event field by field, and every form of a body."""

from typing import Any

from breakers.domain.fields import FIELDS
from breakers.domain.keeping import SETTINGS
from breakers.domain.reports import ACTIONS, METRICS, NAME_LENGTH, SCOPES, TYPES
from breakers.domain.states import REPORTABLE

NDJSON = "application/x-ndjson"
JSON_LIKE = ("application/json", "text/json")
STRUCTURED, BATCHED = "application/cloudevents+json", "application/cloudevents-batch+json"
SPELT = "Case, `-`, `_` and spaces do not matter."


def _name(description: str, example: str) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": NAME_LENGTH,
        "description": description,
        "examples": [example],
    }


def _text(description: str, example: str) -> dict[str, Any]:
    return {"type": "string", "description": description, "examples": [example]}


def _moment(description: str) -> dict[str, Any]:
    return {
        "type": "string",
        "format": "date-time",
        "description": description,
        "examples": ["2026-11-23T08:00:00.123Z"],
    }


def _whole(description: str, least: int, most: int | None, example: int) -> dict[str, Any]:
    bound = {} if most is None else {"maximum": most}
    return {"type": "integer", "minimum": least, **bound, "description": description, "examples": [example]}


def _number(description: str, example: float) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "description": description, "examples": [example]}


def _state(description: str) -> dict[str, Any]:
    words = ", ".join(REPORTABLE)
    return {"type": "string", "description": f"{description}: {words}. {SPELT}", "examples": ["open"]}


REASON = {
    "type": "object",
    "properties": {
        "metric": {"enum": list(METRICS), "description": "What was measured."},
        "value": _number("What it came to.", 62.5),
        "threshold": _number("What it was held against.", 50),
        "window_ms": _number("Over how long.", 10_000),
        "min_calls": _number("From how many calls on it counts.", 20),
        "text": _text("The same as a sentence.", "5 failures in 10 s"),
    },
}
DESCRIBED: dict[str, dict[str, Any]] = {
    "type": {
        "type": "string",
        "description": f"What happened: {', '.join(TYPES)}. {SPELT}",
        "examples": ["state_change"],
    },
    "breaker": _name("The breaker's name within its service.", "delivery-tracking"),
    "dependency": _name("What it guards; the breaker's name by default. The last one given stands.", "tracking-api"),
    "instance": _name("The running copy of the service; `default` by default.", "orders-7f9c"),
    "id": _text(
        "The event's own, unique in its service: posted again it is a duplicate.",
        "01935e2f-7c1a-7d3e-9b1f-0a2b3c4d5e6f",
    ),
    "occurred_at": _moment("When it happened; the time of receipt by default."),
    "sequence": _whole("Grows by one with each event of the instance, over all its breakers.", 0, 2**63 - 1, 42),
    "count": _whole("How many such happenings this event stands for; 1 by default.", 1, 1_000_000, 17),
    "to_state": _state("Of a state_change, what it changed to"),
    "from_state": _state("Of a state_change, what it was before, where that is known"),
    "state": _state("Of a heartbeat, what it is in"),
    "duration_ms": _number("The mean duration of the `count`, in milliseconds.", 1003.2),
    "duration_max_ms": _number("The longest of them, in milliseconds.", 2210),
    "durations": {
        "type": "array",
        "items": {"type": "integer", "minimum": 0},
        "minItems": 16,
        "maxItems": 16,
        "description": "How many took up to 1, 2, 5, 10, 20, 50, 100, 200, 500, 1,000, 2,000, 5,000, 10,000, 20,000, 60,000 ms, and more.",
        "examples": [[0, 0, 3, 9, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    },
    "error": {
        "type": "object",
        "properties": {
            "type": _text("The error's class.", "ConnectTimeout"),
            "message": _text("Its message: cut at 2 KiB, redacted before it is stored.", "timed out after 1000 ms"),
        },
        "description": "What failed.",
        "examples": [{"type": "ConnectTimeout", "message": "timed out after 1000 ms"}],
    },
    "reason": {
        "anyOf": [{"type": "string"}, REASON],
        "description": "Why the state changed: a sentence, or what was measured.",
        "examples": ["5 failures in 10 s"],
    },
    "interval_s": _whole("How often this instance means to be heard from, at least, in seconds.", 1, 3_600, 10),
    "scope": {
        "enum": list(SCOPES),
        "description": "`shared` where the instances keep one state in a store of theirs.",
        "examples": ["instance"],
    },
    "next_probe_at": _moment("Of an opening: when the breaker means to go half-open."),
    "library": _name("What the breaker is made with.", "pybreaker"),
    "library_version": _name("Its version.", "1.4.1"),
    "config": {
        "type": "object",
        "properties": {
            name: {"anyOf": [{"type": "number"}, {"type": "string"}], "description": "A number, or a text that is one."}
            for name in sorted(SETTINGS)
        },
        "description": "What the breaker is set to, kept as the instance's last known settings.",
        "examples": [{"failure_threshold": 5, "reset_timeout_ms": 30000}],
    },
    "commands": {
        "type": "array",
        "items": {"type": "string"},
        "description": f"Of a heartbeat: what this instance can apply, of {', '.join(ACTIONS)}. Not given: all are offered.",
        "examples": [["reset", "probe"]],
    },
    "labels": {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": NAME_LENGTH},
        "maxProperties": 32,
        "description": "Kept on the breaker, matched by alert routes.",
        "examples": [{"team": "logistics", "tier": "1"}],
    },
    "attributes": {
        "type": "object",
        "description": "Anything else, kept with the event.",
        "examples": [{"region": "eu-central-1"}],
    },
}
CHANGE = {
    "type": "state_change", "breaker": "delivery-tracking", "dependency": "tracking-api", "instance": "orders-7f9c",
    "sequence": 42, "occurred_at": "2026-11-23T08:00:00.123Z", "from_state": "closed", "to_state": "open",
    "reason": "5 failures in 10 s",
}  # fmt: skip
FAILURE = {
    "type": "failure", "breaker": "delivery-tracking", "instance": "orders-7f9c", "count": 17, "duration_ms": 1003.2,
    "error": {"type": "ConnectTimeout", "message": "timed out after 1000 ms"},
}  # fmt: skip
# A field may be null: then it is as if it were not there.
NEEDED = ("type", "breaker")
EVENT = {
    "description": "One event. What is not named here is kept in `attributes`.",
    "type": "object",
    "required": list(NEEDED),
    "properties": {
        field: DESCRIBED[field]
        if field in NEEDED
        else {
            "anyOf": [
                {key: value for key, value in DESCRIBED[field].items() if key not in ("description", "examples")},
                {"type": "null"},
            ],
            **{key: DESCRIBED[field][key] for key in ("description", "examples") if key in DESCRIBED[field]},
        }
        for field in FIELDS
    },
    "examples": [CHANGE, FAILURE],
}
ONE = {"$ref": "#/components/schemas/Event"}
SEVERAL = {"type": "array", "items": ONE, "maxItems": 1_000}
EVENTS = {
    "description": "Several events in an object.",
    "type": "object",
    "required": ["events"],
    "properties": {"events": {**SEVERAL, "description": "The events, in their order."}},
    "examples": [{"events": [CHANGE, FAILURE]}],
}
CLOUD_EVENT = {
    "description": "CloudEvents 1.0, structured: the event is its `data`, its id comes from `source` and `id` together.",
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0", "description": "The version of CloudEvents."},
        "id": _text("Unique for its source.", "A234-1234-1234"),
        "source": _text("Who tells it.", "/orders/7f9c"),
        "type": _text("What it is called there.", "com.example.breaker.v1"),
        "time": _moment("`occurred_at`, where the data has none."),
        "datacontenttype": _text("application/json, text/json or any `+json`.", "application/json"),
        "data": ONE,
        "data_base64": _text("The data as base64, in place of `data`.", "eyJ0eXBlIjoi…"),
    },
}
SCHEMAS = {"Event": EVENT, "Events": EVENTS, "CloudEvent": CLOUD_EVENT}
_BODY = {"anyOf": [{"$ref": "#/components/schemas/Events"}, SEVERAL, ONE]}
_EXAMPLES = {
    "one": {"summary": "One event", "value": CHANGE},
    "events": {"summary": "Several, in an object", "value": {"events": [CHANGE, FAILURE]}},
    "array": {"summary": "Several, in an array", "value": [CHANGE, FAILURE]},
}
# By content type; a body may be packed with gzip, and begin with a byte order mark.
CONTENT: dict[str, Any] = {
    **{kind: {"schema": _BODY, "examples": _EXAMPLES} for kind in JSON_LIKE},
    NDJSON: {"schema": {"type": "string", "description": "One event a line."}},
    STRUCTURED: {"schema": {"$ref": "#/components/schemas/CloudEvent"}},
    BATCHED: {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/CloudEvent"}}},
}
# Of what others emit, the shapes are theirs.
FOREIGN: dict[str, Any] = {
    "application/json": {"schema": {"description": "What the format's own documentation says, one or several."}},
    NDJSON: {"schema": {"type": "string", "description": "One of them a line."}},
    "text/event-stream": {"schema": {"type": "string", "description": "One of them as the data of each event."}},
}
