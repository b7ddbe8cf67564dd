"""The OpenAPI document: valid, whole, and true of what is answered; and its page."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import ValidationError

from alerts import evaluating
from alerts.models import Notification
from alerts.models.notification import State
from breakers.domain.checking import check
from breakers.domain.fields import FIELDS
from breakers.models.fields import to_us
from breakers.queries.shapes import Card
from breakers.readers import EVENTS, reader
from dashboard.api.documentation import document as described
from dashboard.api.examples import EXAMPLES
from dashboard.api.meanings import OF_FIELDS, OF_SHAPES
from dashboard.api.parameters import Body
from tests.api.conftest import Caller, problem


@pytest.fixture
def document(stranger: Caller) -> Any:
    """As anyone gets it."""
    return stranger.get("/openapi.json")


def test_it_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_call_says_who_may_and_what_can_go_wrong(document: Any) -> None:
    for calls in document["paths"].values():
        for call in calls.values():
            assert call["x-role"] in ("viewer", "operator", "admin", "ingest key")
            assert call["description"]
            by_key = call["x-role"] == "ingest key"
            own = ["IngestKey"] if by_key or call["operationId"] == "add_annotation" else []
            assert [next(iter(way)) for way in call["security"]] == [*own, *([] if by_key else ["Token", "Session"])]
            for status, answer in call["responses"].items():
                kinds = list(answer.get("content", {}))
                assert kinds == (
                    ["application/problem+json"]
                    if int(status) >= 400
                    else []
                    if status == "204"
                    else ["application/json"]
                )


def test_a_card_is_described_by_its_own_fields(document: Any) -> None:
    card = document["components"]["schemas"]["Card"]
    assert list(card["properties"]) == list(Card.__struct_fields__)
    assert card["required"] == list(card["properties"])
    assert document["components"]["schemas"]["Span"]["required"] == ["state", "from", "to"]


def test_what_is_answered_is_what_is_described(
    document: Any, ada: Caller, grace: Caller, tracking: str, tax: str, settings: Any
) -> None:
    settings.ALERT_URLS = ("http://127.0.0.1:9/hook",)
    evaluating.evaluate(datetime.now(UTC))
    told = Notification.objects.get()
    Notification.objects.update(state=State.DEAD)
    command = grace.post(f"/breakers/{tracking}/commands", {"action": "reset", "reason": "x"}).json()["id"]
    calls: list[tuple[str, str, str, Any]] = [
        ("get", "/breakers", "", None),
        ("get", "/breakers/{breaker_id}", tracking, None),
        ("patch", "/breakers/{breaker_id}", tracking, {"headline": "majority"}),
        ("get", "/breakers/{breaker_id}/timeline", tracking, None),
        ("get", "/breakers/{breaker_id}/events", tracking, None),
        ("post", "/breakers/{breaker_id}/commands", tracking, {"action": "reset", "reason": "x"}),
        ("get", "/commands/{command_id}", command, None),
        ("get", "/alerts", "", None),
        ("get", "/alerts/{alert_id}", str(told.alert_id), None),
        ("post", "/alerts/{alert_id}/acknowledge", str(told.alert_id), {}),
        ("post", "/alerts/{alert_id}/unacknowledge", str(told.alert_id), {}),
        ("post", "/notifications/{notification_id}/resend", str(told.pk), None),
        ("post", "/services", "", {"name": "search"}),
        ("post", "/services/{name}/keys", "search", {}),
        ("get", "/services", "", None),
        ("patch", "/services/{name}", "search", {"paused": True}),
        ("get", "/sources", "", None),
        ("get", "/audit", "", None),
        ("get", "/breakers/{breaker_id}", "x", None),
        ("patch", "/breakers/{breaker_id}", tracking, {"headline": "most"}),
    ]
    for method, address, id, body in calls:
        query = "?instances=1" if "timeline" in address else ""
        response = ada.call(method.upper(), re.sub(r"{.*?}", id, address) + query, body)
        described = document["paths"][f"/api/v1{address}"][method]["responses"][str(response.status_code)]
        [(kind, how)] = described["content"].items()
        assert response["Content-Type"] == kind
        schema = {**how["schema"], "components": document["components"]}
        errors = [
            f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(response.json())
        ]
        assert errors == [], (method, address)
        closed = close(json.loads(json.dumps(schema)))
        assert list(Draft202012Validator(closed).iter_errors(response.json())) == [], "a field that is not described"


def close(schema: Any) -> Any:
    """The same, with no more fields than those described."""
    if isinstance(schema, dict):
        for value in schema.values():
            close(value)
        if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
            schema["additionalProperties"] = False
    elif isinstance(schema, list):
        for value in schema:
            close(value)
    return schema


def test_the_page_shows_every_call_without_a_script_or_another_host(stranger: Caller, document: Any) -> None:
    response = stranger.call("GET", "/docs")
    assert response.status_code == 200
    page = response.content.decode()
    for address, calls in document["paths"].items():
        for method in calls:
            assert f"<b>{method.upper()}</b> <code>{address}</code>" in page
    assert set(re.findall(r'id="([A-Za-z]+)"', page)) >= set(document["components"]["schemas"])
    main = page[page.index("<main") :]
    assert "<script" not in main
    assert " style=" not in page
    assert re.findall(r'(?:src|href|action)="(https?:)?//', page) == []
    assert set(re.findall(r'<a href="#(\w+)"', main)) - {"main"} <= set(document["components"]["schemas"])
    assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_they_are_for_reading(stranger: Caller, path: str) -> None:
    assert stranger.call("HEAD", path).status_code == 200
    problem(stranger.call("POST", path, {}), 405)


ONE = {"type": "failure", "breaker": "p", "occurred_at": None, "count": 3}
EVERY_FORM = [
    ("application/json", ONE),
    ("application/json", {"events": [ONE, ONE]}),
    ("application/json", {"events": []}),
    ("application/json", [ONE]),
    ("application/json", {"type": "STATE-CHANGE", "breaker": "p", "to_state": "HalfOpen", "from_state": "Closed"}),
    ("application/json", {"type": "heartbeat", "breaker": "p", "state": "open", "config": {"failure_threshold": "5"}}),
    ("application/json", {**ONE, "reason": "a sentence", "anything": [1, {"more": None}]}),
    ("application/cloudevents+json", {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": ONE}),
    (
        "application/cloudevents-batch+json",
        [{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": ONE}],
    ),
]


@pytest.mark.parametrize(("kind", "body"), EVERY_FORM)
def test_every_form_of_a_post_is_one_that_is_described(document: Any, kind: str, body: Any) -> None:
    """What is taken and what the document says it takes are the same."""
    headers = {b"content-type": kind.encode()}
    batch = check(reader(EVENTS, headers, b"")(json.dumps(body).encode()), to_us(datetime.now(UTC)))
    assert batch.refusals == []
    content = document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]
    schema = {**content[kind]["schema"], "components": document["components"]}
    assert [error.message for error in Draft202012Validator(schema).iter_errors(body)] == []


@pytest.mark.parametrize(
    "body", [7, {}, {"events": 7}, [7], {"breaker": "p"}, {**ONE, "count": "many"}, {**ONE, "breaker": ""}]
)
def test_what_is_refused_is_not_described(document: Any, body: Any) -> None:
    content = document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]
    schema = {**content["application/json"]["schema"], "components": document["components"]}
    assert list(Draft202012Validator(schema).iter_errors(body))


def test_every_field_of_an_event_is_described_with_an_example(document: Any) -> None:
    described = document["components"]["schemas"]["Event"]["properties"]
    assert list(described) == list(FIELDS)
    for name, told in described.items():
        assert told["description"].endswith((".", "…")), name
        for example in told["examples"]:
            assert list(Draft202012Validator(told).iter_errors(example)) == [], name
    for name in ("Event", "Events"):
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        for example in document["components"]["schemas"][name]["examples"]:
            assert list(Draft202012Validator(schema).iter_errors(example)) == []
    for example in document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values():
        assert (
            check(reader(EVENTS, {}, b"")(json.dumps(example["value"]).encode()), to_us(datetime.now(UTC))).refusals
            == []
        )


def test_every_field_and_parameter_of_the_operators_api_says_what_it_is() -> None:
    told = described()
    silent = [
        f"{shape}.{name}"
        for shape, described in told["components"]["schemas"].items()
        for name, field in described.get("properties", {}).items()
        if len(field.get("description", "")) < 4 or field["description"] == "any JSON"
    ]
    calls = [(address, call) for address, by_method in told["paths"].items() for call in by_method.values()]
    silent += [
        f"{address} {each['name']}"
        for address, call in calls
        for each in call.get("parameters", [])
        if not each.get("description")
    ]
    assert silent == []


def test_no_sentence_is_kept_for_a_field_that_is_gone() -> None:
    shapes = described()["components"]["schemas"]
    fields = {name for shape in shapes.values() for name in shape.get("properties", {})}
    pairs = {f"{shape}.{name}" for shape, told in shapes.items() for name in told.get("properties", {})}
    assert sorted(OF_FIELDS.keys() - fields) == []
    assert sorted(OF_SHAPES.keys() - pairs) == []


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_examples_are_taken_by_their_shapes(name: str) -> None:
    shapes = {shape.__name__: shape for shape in all_of(Body)}
    shapes[name].model_validate_json(json.dumps(EXAMPLES[name]))
    with pytest.raises(ValidationError):
        shapes[name].model_validate_json(json.dumps({**EXAMPLES[name], "no such field": 1}))


def all_of(shape: type[Any]) -> set[type[Any]]:
    """A shape's heirs, and theirs."""
    return {shape, *(each for heir in shape.__subclasses__() for each in all_of(heir))}
