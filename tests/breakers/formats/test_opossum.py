"""opossum: what `breaker.toJSON()` of the real library says."""

from typing import Any

import pytest

from breakers.domain.foreign import Body
from tests.breakers.formats.reading import attributes, lines, read, refused, told


def test_every_state_of_the_library(opossum: dict[str, Any]) -> None:
    said = opossum["said"]
    batch = read("opossum", list(said.values()), instance="web-1")
    assert told(batch) == [
        "08:05:00.000000 web-1/stock heartbeat closed",
        "08:05:00.000000 web-1/stock heartbeat open",
        "08:05:00.000000 web-1/stock heartbeat half_open",
        "08:05:00.000000 web-1/stock heartbeat closed",
        "08:05:00.000000 web-1/stock heartbeat disabled",
        "08:05:00.000000 web-1/stock stopped",
    ]
    assert {report.library for report in batch.reports} == {"opossum"}


def test_counters_stay_with_the_event_and_count_nothing(opossum: dict[str, Any]) -> None:
    [report] = read("opossum", opossum["said"]["open"]).reports
    assert (report.instance, report.count, attributes(report)["failures"]) == ("default", 1, 2)
    assert "latencyTimes" not in attributes(report)


def test_an_idle_breaker_says_the_same_each_time_and_is_heard_each_time(opossum: dict[str, Any]) -> None:
    once, again = (read("opossum", opossum["said"]["closed"]) for _ in range(2))
    assert [report.key for report in (*once.reports, *again.reports)] == [None, None]


def test_one_a_line(opossum: dict[str, Any]) -> None:
    assert len(read("opossum", lines(*opossum["said"].values()), Body.NDJSON).reports) == 6


STATE = {"name": "stock", "enabled": True, "closed": True, "open": False, "halfOpen": False}


@pytest.mark.parametrize(
    ("document", "code", "detail"),
    [
        ({"name": "stock"}, "unknown_shape", "an object without an object 'state'; expected breaker.toJSON()"),
        (7, "unknown_shape", "7 without an object 'state'; expected breaker.toJSON()"),
        ({"state": {**STATE, "name": None}}, "missing_field", "'name' is missing"),
        ({"state": {**STATE, "enabled": "yes"}}, "bad_value", "'enabled' is 'yes'; expected true or false"),
        (
            {"state": {**STATE, "open": True}},
            "unknown_state",
            "one of closed, open and halfOpen is true, not 'closed' true, 'open' true, 'halfOpen' false",
        ),
    ],
)
def test_what_opossum_does_not_say_is_refused(document: object, code: str, detail: str) -> None:
    batch = read("opossum", [{"state": STATE}, document])
    assert (len(batch.reports), refused(batch)) == (1, [(1, code, detail)])
