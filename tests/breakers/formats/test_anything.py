"""Whatever is sent, a format answers: an event, a refusal, or a body that is refused whole."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from breakers.domain import cloudevents, formats
from breakers.domain.checking import check
from breakers.domain.foreign import Body
from breakers.domain.reports import BadBody
from breakers.models.fields import to_us
from tests.breakers.formats.reading import NOW, read
from tests.breakers.formats.test_alertmanager import FIRING, notification
from tests.breakers.formats.test_cloudevents import ENVELOPE
from tests.breakers.formats.test_envoy import EJECT
from tests.breakers.formats.test_hystrix import SAMPLE
from tests.breakers.formats.test_resilience4j import ERROR, OPENED, RING, SNAPSHOT

RATES = {**EJECT, "type": "SUCCESS_RATE", "eject_success_rate_event": {"host_success_rate": 40}}
OPOSSUM = {
    "state": {"name": "stock", "enabled": True, "closed": True, "open": False, "halfOpen": False},
    "status": {"fires": 1},
}
KNOWN: dict[str, list[Any]] = {
    "alertmanager": [notification(FIRING)],
    "envoy": [EJECT, RATES],
    "hystrix": [SAMPLE],
    "opossum": [OPOSSUM],
    "resilience4j": [ERROR, OPENED, RING, SNAPSHOT],
}
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5),
    st.sampled_from([10**400, 2**64, -(2**70), 1e308, "\x00", "x" * 300, [], {}, [[]], {"": None}]),
)  # fmt: skip
JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [before, *(path for key, each in inner for path in paths(each, (*before, key)))]


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The document with another value in that place."""
    if not path:
        return other
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], other)
    return copy


def test_every_format_is_tried() -> None:
    assert list(KNOWN) == list(formats.known())


@pytest.mark.parametrize("name", KNOWN)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_odd_value_anywhere(name: str, data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(KNOWN[name]))
    odd = replaced(document, data.draw(st.sampled_from(paths(document))), data.draw(JSON))
    with suppress(BadBody):
        read(name, odd, instance="a")
        again = [report.key for report in read(name, odd, instance="a").reports]
        assert again == [report.key for report in read(name, odd, instance="a").reports]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_odd_value_in_a_cloudevent(data: st.DataObject) -> None:
    odd = replaced(ENVELOPE, data.draw(st.sampled_from(paths(ENVELOPE))), data.draw(JSON))
    with suppress(BadBody):
        check(cloudevents.read_batched(json.dumps([odd]).encode()), to_us(NOW))


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("kind", Body)
@settings(max_examples=50, deadline=None)
@given(body=st.binary(max_size=60))
@example(b"[" * 100_000)
@example(b"data: " + b"[" * 100_000)
@example(rb'{"type": "\ud800"}')
@example(b"data:\r\rdata: {}\n")
def test_any_bytes(name: str, kind: Body, body: bytes) -> None:
    with suppress(BadBody):
        read(name, body, kind)
