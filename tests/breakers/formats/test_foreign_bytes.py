"""What others really send: marks before a text, streams that ping, numbers as text, the same thing twice, words in their own spelling."""

import base64
import gzip
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakers import bodies
from breakers.domain import formats
from breakers.domain.checking import check
from breakers.domain.foreign import Body
from breakers.domain.plain import plain
from breakers.domain.reports import TYPES, BadBody, Batch, read_json, read_ndjson
from breakers.domain.samples import sample
from breakers.domain.states import REPORTABLE
from breakers.models.fields import to_us
from breakers.readers import EVENTS, reader
from tests.breakers.formats.reading import NOW, attributes, lines, read, refused, streamed, told
from tests.breakers.formats.test_alertmanager import FIRING, notification
from tests.breakers.formats.test_cloudevents import BATCHED, BINARY, DATA, ENVELOPE, STRUCTURED
from tests.breakers.formats.test_envoy import EJECT
from tests.breakers.formats.test_hystrix import POOL, SAMPLE
from tests.breakers.formats.test_resilience4j import ERROR, RING, event

MARK = b"\xef\xbb\xbf"
FAILURE = {"type": "failure", "breaker": "stock", "instance": "a"}
JSON, NDJSON, SSE = "application/json", "application/x-ndjson", "text/event-stream"
# Every reader of a body: where it is posted, its headers, what is posted.
READERS: list[tuple[str, dict[str, str], bytes]] = [
    ("", {"content-type": JSON}, json.dumps(FAILURE).encode()),
    ("", {"content-type": JSON}, json.dumps({"events": [FAILURE, FAILURE]}).encode()),
    ("", {"content-type": NDJSON}, lines(FAILURE, FAILURE).encode()),
    ("", STRUCTURED, json.dumps(ENVELOPE).encode()),
    ("", BATCHED, json.dumps([ENVELOPE]).encode()),
    ("", BINARY, json.dumps(DATA).encode()),
    ("/resilience4j", {"content-type": JSON}, json.dumps(RING).encode()),
    ("/resilience4j", {"content-type": SSE}, streamed(ERROR).encode()),
    ("/hystrix", {"content-type": NDJSON}, lines(SAMPLE, POOL).encode()),
    ("/hystrix", {"content-type": SSE}, streamed(SAMPLE, POOL).encode()),
    ("/envoy", {"content-type": NDJSON}, lines(EJECT).encode()),
    ("/alertmanager", {"content-type": JSON}, json.dumps(notification(FIRING)).encode()),
]  # fmt: skip


def taken(path: str, headers: dict[str, str], body: bytes) -> Batch:
    """By the reader that the webhook would choose."""
    chosen = reader(EVENTS + path, {name.encode(): value.encode() for name, value in headers.items()}, b"instance=a")
    return check(chosen(body), to_us(NOW))


def whole(batch: Batch) -> list[str]:
    assert batch.reports
    return told(batch)


@pytest.mark.parametrize(("path", "headers", "body"), READERS)
def test_a_byte_order_mark_says_nothing(path: str, headers: dict[str, str], body: bytes) -> None:
    plainly = taken(path, headers, body)
    marked = taken(path, headers, MARK + body)
    assert (whole(marked), marked.sent, marked.dropped) == (whole(plainly), plainly.sent, plainly.dropped)
    unpacked = bodies.unpacked(gzip.compress(MARK + body), "gzip")
    assert whole(taken(path, headers, unpacked)) == whole(plainly)


@pytest.mark.parametrize(("path", "headers", "body"), READERS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_by_its_name(path: str, headers: dict[str, str], body: bytes, encoding: str) -> None:
    mark = "\ufeff".encode(encoding)
    with pytest.raises(BadBody, match="the body is not UTF-8: its byte order mark says UTF-16") as caught:
        taken(path, headers, mark + body.decode().encode(encoding))
    assert caught.value.status == 400


def test_marks_between_lines_that_were_put_together() -> None:
    body = MARK + json.dumps(FAILURE).encode() + b"\r\n" + MARK + json.dumps(FAILURE).encode() + b"\r\n" + MARK
    batch = check(read_ndjson(body), to_us(NOW))
    assert (len(batch.reports), batch.refusals) == (2, [])
    assert (
        len(read("envoy", MARK + lines(EJECT).encode() + b"\n" + MARK + lines(EJECT).encode(), Body.NDJSON).reports)
        == 2
    )
    packed = base64.b64encode(MARK + json.dumps(DATA).encode()).decode()
    assert (
        len(taken("", STRUCTURED, json.dumps({**ENVELOPE, "data": None, "data_base64": packed}).encode()).reports) == 1
    )


def test_a_mark_within_a_text_stays() -> None:
    [report] = check(read_json(json.dumps({**FAILURE, "error": {"message": "\ufeffa"}}).encode()), to_us(NOW)).reports
    assert report.error_message == "\ufeffa"


def test_what_is_shown_of_a_refused_body_is_the_event_that_was_meant() -> None:
    body = MARK + lines({"type": "nope"}, {"type": "other"}).encode()
    assert sample(body, index=0) == '{"type":"nope"}'
    assert sample(MARK + b"{", index=None) == "{"


def spellings(word: str) -> list[str]:
    parts = word.split("_")
    camel = "".join(part.title() for part in parts)
    return [word, word.upper(), camel, camel[0].lower() + camel[1:], "-".join(parts), "-".join(parts).upper(),
            " ".join(parts), " ".join(parts).title(), "".join(parts), f" {word} "]  # fmt: skip


@pytest.mark.parametrize(("state", "spelt"), [(state, each) for state in REPORTABLE for each in spellings(state)])
def test_states_in_any_spelling(state: str, spelt: str) -> None:
    posted = {"type": "state_change", "breaker": "stock", "to_state": spelt, "from_state": spelt}
    beat = {"type": "heartbeat", "breaker": "stock", "state": spelt}
    batch = check([posted, beat], to_us(NOW))
    assert [(report.state, report.from_state) for report in batch.reports] == [(state, state), (state, None)]
    expected = {} if spelt == state else {"native_state": spelt}
    assert [attributes(report) for report in batch.reports] == [expected, expected]


@pytest.mark.parametrize(("kind", "spelt"), [(kind, each) for kind in TYPES for each in spellings(kind)])
def test_types_in_any_spelling(kind: str, spelt: str) -> None:
    posted = {"type": spelt, "breaker": "stock", "to_state": "open", "state": "open"}
    assert [report.type for report in check([posted], to_us(NOW)).reports] == [kind]
    [read_at_once] = plain(json.dumps(posted).encode(), to_us(NOW)) or check([posted], to_us(NOW)).reports
    assert read_at_once.type == kind


def test_where_it_came_from_in_any_spelling() -> None:
    posted = {"type": "state_change", "breaker": "stock", "to_state": "Open", "from_state": "UNKNOWN"}
    assert [report.from_state for report in check([posted], to_us(NOW)).reports] == ["unknown"]


def test_a_word_that_is_none_is_still_none() -> None:
    posted = [
        {**FAILURE, "type": "fail-ures"},
        {"type": "heartbeat", "breaker": "stock", "state": "half"},
        {**FAILURE, "type": "x" * 10_000},
    ]
    batch = check(posted, to_us(NOW))
    assert [(each.index, each.code) for each in batch.refusals] == [
        (0, "unknown_type"),
        (1, "bad_value"),
        (2, "unknown_type"),
    ]


PINGS = [{"type": "ping"}, {"type": "ping", "time": 1}, {"type": "PING"}]


@pytest.mark.parametrize(("name", "item"), [("hystrix", SAMPLE), ("resilience4j", ERROR)])
def test_a_stream_that_keeps_itself_open_is_no_error(name: str, item: dict[str, Any]) -> None:
    body = streamed(*PINGS, item, *PINGS) + "data: ping\n\nevent: ping\ndata: keep-alive\n\n: comment\n\n"
    batch = read(name, body, Body.SSE)
    assert (len(batch.reports), refused(batch), batch.dropped) == (1, [], 8)
    batch = read(name, "ping: \n\n: comment\n" + lines(PINGS[0], item), Body.NDJSON)
    assert (len(batch.reports), refused(batch), batch.dropped) == (1, [], 3)
    assert read(name, PINGS[0]).dropped == 1


def test_what_is_no_stream_has_no_pings() -> None:
    assert [code for _, code, _ in refused(read("envoy", [{"type": "ping"}]))] == ["missing_field"]


@pytest.mark.parametrize("told_as", ["50", "50%", " 50.0 % ", 50, 50.0])
def test_a_threshold_as_text_is_a_number(told_as: object) -> None:
    switched = {**SAMPLE, "propertyValue_circuitBreakerErrorThresholdPercentage": told_as, "reportingHosts": "1"}
    assert (read("hystrix", switched).reports[0].config or {})["failure_rate_threshold"] == 50
    shot = {"circuitBreakers": {"stock": {"failureRateThreshold": told_as, "state": "OPEN"}}}
    assert (read("resilience4j", shot).reports[0].config or {})["failure_rate_threshold"] == 50
    posted = {"type": "heartbeat", "breaker": "stock", "state": "open", "config": {"failure_rate_threshold": told_as}}
    [report] = check([posted], to_us(NOW)).reports
    assert report.config == {"failure_rate_threshold": 50}
    assert isinstance((report.config or {})["failure_rate_threshold"], int | float)


def test_times_and_durations_as_text() -> None:
    assert told(read("hystrix", {**SAMPLE, "currentTime": "1795420800123"})) == [
        "08:00:00.123000 default/GetStock heartbeat open"
    ]
    assert read("resilience4j", {**ERROR, "durationInMs": "41"}).reports[0].duration_ms == 41


def test_a_setting_that_is_no_number_is_kept_as_it_was_told() -> None:
    name = "propertyValue_circuitBreakerErrorThresholdPercentage"
    [report] = read("hystrix", {**SAMPLE, name: "half"}).reports
    assert "failure_rate_threshold" not in (report.config or {})
    assert attributes(report)[name] == "half"
    posted = {"type": "heartbeat", "breaker": "stock", "state": "open", "config": {"timeout_ms": "auto", "mode": "5"}}
    assert check([posted], to_us(NOW)).reports[0].config == {"timeout_ms": "auto", "mode": "5"}


def test_what_happened_three_times_at_one_instant_counts_three_times() -> None:
    refusal = event("NOT_PERMITTED", "09:00:01.123")
    first = read("resilience4j", [refusal, ERROR, refusal, refusal], instance="a").reports
    assert len({report.key for report in first}) == 4
    again = read("resilience4j", [refusal, ERROR, refusal, refusal], instance="a").reports
    assert [report.key for report in again] == [report.key for report in first]
    # The ring has let go of one: what is left was told before.
    later = read("resilience4j", [ERROR, refusal, refusal], instance="a").reports
    assert {report.key for report in later} < {report.key for report in first}
    assert read("resilience4j", refusal, instance="a").reports[0].key == first[0].key
    ejections = read("envoy", lines(EJECT, EJECT), Body.NDJSON).reports
    assert ejections[0].key != ejections[1].key


@pytest.mark.parametrize("kind", ["text/json", "TEXT/JSON; charset=utf-8", "application/vnd.acme.breaker+json"])
def test_json_under_its_other_names(kind: str) -> None:
    assert whole(taken("", {"content-type": kind}, json.dumps(FAILURE).encode())) == ["08:05:00.000000 a/stock failure"]
    actuator = "application/vnd.spring-boot.actuator.v3+json" if "vnd" in kind else kind
    assert len(taken("/resilience4j", {"content-type": actuator}, json.dumps(ERROR).encode()).reports) == 1
    assert len(taken("", STRUCTURED, json.dumps({**ENVELOPE, "datacontenttype": kind}).encode()).reports) == 1


def test_a_list_of_names_says_what_it_lacks() -> None:
    [(index, code, detail)] = refused(read("resilience4j", {"circuitBreakers": ["stock", "price"]}))
    assert (index, code) == (0, "unknown_shape")
    assert detail.startswith(
        "'circuitBreakers' is a list of names, which tells no states; expected an object with each"
    )


@pytest.mark.parametrize("kind", Body)
@pytest.mark.parametrize("name", list(formats.known()))
@settings(max_examples=40, deadline=None)
@given(body=st.binary(max_size=60), mark=st.sampled_from([b"", MARK, b"\xff\xfe", b"\xfe\xff", MARK * 2]))
@example(body=b"", mark=MARK)
@example(body=b'data:{"type":"ping"}\n\n', mark=MARK)
@example(body=b'{"circuitBreakers": ["a"]}', mark=b"")
@example(body=b'{"type": "ping"}\nping:\n:\n', mark=b"")
@example(body=b'"ping"', mark=b"")
@example(body=b'["ping", null]', mark=b"")
def test_any_bytes_after_any_mark(name: str, kind: Body, body: bytes, mark: bytes) -> None:
    with suppress(BadBody):
        batch = read(name, mark + body, kind)
        assert [each.key for each in batch.reports] == [each.key for each in read(name, mark + body, kind).reports]


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=60), mark=st.sampled_from([b"", MARK, b"\xff\xfe", MARK * 2]))
@example(body=b"", mark=MARK)
@example(body=b"\n\n", mark=MARK)
def test_any_bytes_of_our_own_shapes(body: bytes, mark: bytes) -> None:
    for own in (read_json, read_ndjson):
        with suppress(BadBody):
            batch = check(own(mark + body), to_us(NOW))
            assert len(batch.reports) + len(batch.refusals) + batch.dropped == batch.sent
