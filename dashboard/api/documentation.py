"""The API described: the OpenAPI document, and a page that shows it without a script and without another host."""

from functools import cache
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from alerts.rota_shapes import OverrideView, PersonView, RotaView
from alerts.shapes import (
    AlertView,
    DestinationView,
    IncidentView,
    NotificationView,
    PreviewView,
    RouteView,
    RuleView,
    SilenceView,
    TestView,
)
from breakers.queries.shapes import (
    AnnotationView,
    AuditView,
    Card,
    CommandView,
    EventView,
    ServiceSources,
    ServiceView,
    Timeline,
)
from dashboard.api import posting
from dashboard.api.answers import JSON
from dashboard.api.application import api
from dashboard.api.examples import EXAMPLES
from dashboard.api.meanings import explain
from dashboard.api.rotas import DutiesView
from dashboard.api.shapes import AddedKey, AddedService, BreakerView, ConfiguredService, FieldError, Problem

PREFIX = "api/v1/"
REF = "#/components/schemas/"
ANSWERED = (
    Card, BreakerView, Timeline, EventView, CommandView, AlertView, NotificationView, DestinationView, TestView, RouteView, ServiceView,
    ConfiguredService, AddedService,
    AddedKey, ServiceSources, AnnotationView, AuditView, IncidentView, RuleView, PreviewView, SilenceView, RotaView, DutiesView, OverrideView,
    PersonView, Problem,
)  # fmt: skip


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1: what calls take is told by django-ninja, what they answer by the structs themselves."""
    told = dict(api.get_openapi_schema(path_prefix=PREFIX))
    _, answered = msgspec.json.schema_components(ANSWERED, schema_hook=_anything, ref_template=REF + "{name}")
    for shape in answered.values():
        # Every field is always there, but for a problem's `errors` and `code`.
        if shape["title"] not in {Problem.__name__, FieldError.__name__}:
            shape["required"] = list(shape["properties"])
    told["components"]["schemas"] = {**answered, **told["components"]["schemas"]}
    explain(told)
    for name, example in EXAMPLES.items():
        told["components"]["schemas"][name]["examples"] = [example]
    told["servers"] = [{"url": settings.SITE_URL}]
    return told


@cache
def whole() -> dict[str, Any]:
    """The document with what services call: the same board, another credential."""
    told = document()
    parts = told["components"]
    ways = {**parts["securitySchemes"], posting.SCHEME: {"type": "http", "scheme": "bearer"}}
    components = {**parts, "schemas": {**parts["schemas"], **posting.SCHEMAS}, "securitySchemes": ways}
    return {**told, "paths": {**told["paths"], **posting.PATHS}, "components": components}


@require_safe
def openapi_json(request: HttpRequest) -> HttpResponse:
    """The document."""
    return HttpResponse(msgspec.json.encode(whole()), content_type=JSON)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The document as a page."""
    return render(request, "api_docs.html", {"document": _page()})


@cache
def _page() -> SafeString:
    """Written once: it takes a fifth of a second, is the same for everyone, and strangers may ask for it."""
    return render_to_string("_api_document.html", readable(whole()))


def readable(told: dict[str, Any]) -> dict[str, Any]:
    """The document in the order of reading: groups of calls, then shapes."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for address, calls in told["paths"].items():
        for method, call in calls.items():
            groups.setdefault(call["tags"][0], []).append(_call(method.upper(), address, call))
    shapes = [
        {"name": name, "about": _summary(shape.get("description", "")), "fields": _fields(shape)}
        for name, shape in sorted(told["components"]["schemas"].items())
    ]
    return {"about": _summary(told["info"]["description"]), "groups": groups, "shapes": shapes}


def _anything(kind: type) -> dict[str, Any]:
    """Of a field that is an `object`: any JSON."""
    return {"description": "any JSON"}


def _summary(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def _call(method: str, address: str, call: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": call["operationId"],
        "method": method,
        "address": address,
        "about": _summary(call.get("description", "")),
        "role": call["x-role"],
        "parameters": [
            {
                "name": parameter["name"],
                "place": parameter["in"],
                "type": _type(parameter["schema"]),
                "required": parameter["required"],
                "about": _summary(parameter.get("description", "")),
            }
            for parameter in call["parameters"]
        ],
        "body": _type(_schema(call["requestBody"])) if "requestBody" in call else None,
        "answers": [
            {"status": status, "about": answer["description"], "type": _type(_schema(answer))}
            for status, answer in call["responses"].items()
        ],
    }


def _fields(shape: dict[str, Any]) -> list[dict[str, Any]]:
    required = shape.get("required", ())
    return [
        {"name": name, "type": _type(field), "required": name in required}
        for name, field in shape.get("properties", {}).items()
    ]


def _schema(content: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[str, Any] = content.get("content", {})
    return next((kind["schema"] for kind in kinds.values()), {})


def _type(schema: dict[str, Any]) -> list[dict[str, str]]:
    """A schema in words, as pieces of text; a piece that names a shape has it as `shape`."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REF)
        return [{"text": name, "shape": name}]
    if "anyOf" in schema:
        return _joined([_type(kind) for kind in schema["anyOf"]], " or ")
    if "enum" in schema:
        return [{"text": ", ".join(str(value) for value in schema["enum"])}]
    kind = schema.get("type")
    if isinstance(kind, list):
        return [{"text": " or ".join(kind)}]
    if kind == "array":
        return [{"text": "list of "}, *_type(schema.get("items", {}))]
    if kind == "object" and "properties" in schema:
        parts = [[{"text": f"{name}: "}, *_type(field)] for name, field in schema["properties"].items()]
        return [{"text": "{"}, *_joined(parts, ", "), {"text": "}"}]
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return [{"text": "{text: "}, *_type(schema["additionalProperties"]), {"text": "}"}]
    return [{"text": schema.get("format") or kind or "anything"}] if schema else []


def _joined(parts: list[list[dict[str, str]]], between: str) -> list[dict[str, str]]:
    pieces: list[dict[str, str]] = []
    for part in parts:
        pieces += [{"text": between}, *part] if pieces else part
    return pieces
