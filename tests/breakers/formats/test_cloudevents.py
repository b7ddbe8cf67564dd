"""CloudEvents 1.0: structured, batched, binary; by the reader that the webhook would choose."""

import base64
import json
from typing import Any

import pytest

from breakers.domain.checking import check
from breakers.domain.reports import BadBody, Batch
from breakers.models.fields import to_us
from breakers.readers import EVENTS, reader
from tests.breakers.formats.reading import NOW, attributes, refused, told

DATA = {"type": "state_change", "breaker": "stock", "instance": "orders-1", "to_state": "open"}
ENVELOPE = {
    "specversion": "1.0", "id": "A234-1234-1234", "source": "/orders/7f9c", "type": "com.acme.breaker.v1",
    "time": "2026-11-23T08:00:00.123Z", "traceparent": "00-4bf9-00f0-01", "datacontenttype": "application/json",
    "data": DATA,
}  # fmt: skip
BINARY = {
    "content-type": "application/json; charset=utf-8", "ce-specversion": "1.0", "ce-id": "A234-1234-1234",
    "ce-source": "/orders/7f9c", "ce-type": "com.acme.breaker.v1", "ce-time": "2026-11-23T08:00:00.123Z",
    "ce-traceparent": "00-4bf9-00f0-01",
}  # fmt: skip
STRUCTURED = {"content-type": "application/cloudevents+json; charset=UTF-8"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}


def read(body: object, headers: dict[str, str]) -> Batch:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    chosen = reader(EVENTS, {name.encode(): value.encode() for name, value in headers.items()}, b"")
    return check(chosen(raw), to_us(NOW))


def test_the_three_modes_say_the_same() -> None:
    modes = [read(ENVELOPE, STRUCTURED), read([ENVELOPE], BATCHED), read(DATA, BINARY)]
    assert {told(batch)[0] for batch in modes} == {"08:00:00.123000 orders-1/stock state_change ? → open"}
    assert len({batch.reports[0].key for batch in modes}) == 1
    kept = {
        "id": "A234-1234-1234",
        "source": "/orders/7f9c",
        "type": "com.acme.breaker.v1",
        "traceparent": "00-4bf9-00f0-01",
    }
    assert [attributes(batch.reports[0]) for batch in modes] == [{"cloudevent": kept}] * 3


def test_the_id_is_of_source_and_id_together() -> None:
    others = [{"id": "A234-1234-1235"}, {"source": "/orders/8a0d"}, {"time": "2026-11-23T08:00:01Z"}]
    first, *keys = [
        each.key for each in read([ENVELOPE, *({**ENVELOPE, **other} for other in others)], BATCHED).reports
    ]
    assert [key == first for key in keys] == [False, False, True]
    own = read({**ENVELOPE, "data": {**DATA, "id": "its-own"}}, STRUCTURED)
    assert own.reports[0].key == first


def test_the_time_of_the_data_is_stronger() -> None:
    data = {**DATA, "occurred_at": "2026-11-23T07:59:00Z", "attributes": {"zone": "eu"}}
    [report] = read({**ENVELOPE, "data": data}, STRUCTURED).reports
    assert told(read({**ENVELOPE, "data": data}, STRUCTURED))[0].startswith("07:59:00")
    assert set(attributes(report)) == {"zone", "cloudevent"}


def test_data_may_be_packed() -> None:
    packed = base64.b64encode(json.dumps(DATA).encode()).decode()
    assert len(read({**ENVELOPE, "data": None, "data_base64": packed}, STRUCTURED).reports) == 1


def test_headers_are_quoted_and_percent_encoded() -> None:
    headers = {**BINARY, "ce-source": '"/orders/7f9c"', "ce-id": "A234%2D1234-1234"}
    assert read(DATA, headers).reports[0].key == read(ENVELOPE, STRUCTURED).reports[0].key


@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        ({"specversion": "0.3"}, "bad_value", "'specversion' is '0.3'; expected '1.0'"),
        ({"id": None}, "missing_field", "'id' is missing"),
        ({"source": None}, "missing_field", "'source' is missing"),
        ({"type": None}, "missing_field", "'type' is missing"),
        ({"data": "text"}, "unknown_shape", "'data' is 'text'; expected an event"),
        ({"data": [DATA]}, "unknown_shape", "'data' is an array; expected an event"),
        ({"data": None}, "unknown_shape", "'data' is null; expected an event"),
        ({"data": None, "data_base64": "%%"}, "bad_value", "'data_base64' holds no JSON: "),
        ({"datacontenttype": "text/xml"}, "bad_value", "'datacontenttype' is 'text/xml'; expected application/json"),
        ({"data": {**DATA, "type": "nope"}}, "unknown_type", "unknown type 'nope'; expected one of state_change"),
        ({"time": "yesterday"}, "bad_value", "'occurred_at': 'yesterday' is no RFC 3339 time"),
    ],
)
def test_what_is_no_cloudevent_is_refused_by_its_index(change: dict[str, Any], code: str, detail: str) -> None:
    batch = read([ENVELOPE, {**ENVELOPE, **change}], BATCHED)
    [(index, told_code, sentence)] = refused(batch)
    assert (len(batch.reports), index, told_code, sentence.startswith(detail)) == (1, 1, code, True), sentence


def test_a_header_that_is_missing_is_named() -> None:
    headers = {name: value for name, value in BINARY.items() if name != "ce-specversion"}
    assert refused(read(DATA, headers)) == [(0, "missing_field", "'specversion' is missing")]
    assert refused(read([ENVELOPE, 7], BATCHED)) == [(1, "unknown_shape", "7 is no object; expected a CloudEvent")]


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        ([ENVELOPE], STRUCTURED, "the body is an array; expected an object"),
        (ENVELOPE, BATCHED, "the body is no array; expected an array of CloudEvents"),
        ([DATA], BINARY, "the body is an array; expected an object"),
        (b"{", STRUCTURED, "the body is not JSON"),
        (b"", BATCHED, "the body is no array; expected an array of CloudEvents"),
        (b"7", STRUCTURED, "the body is 7; expected an object"),
        (b"\xff", BINARY, "the body is not UTF-8"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, STRUCTURED, "the body is nested deeper than 32"),
    ],
)
def test_a_body_of_another_shape_is_refused_whole(body: object, headers: dict[str, str], detail: str) -> None:
    with pytest.raises(BadBody, match=detail) as caught:
        read(body, headers)
    assert caught.value.status == 400


def test_too_many_are_refused_whole() -> None:
    with pytest.raises(BadBody, match="1001 events; at most 1000") as caught:
        read([ENVELOPE] * 1_001, BATCHED)
    assert caught.value.status == 413
