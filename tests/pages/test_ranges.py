"""Ranges: what a URL asks for, and what it gets."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.pages.ranges import range_of

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(("name", "hours"), [("15m", 0.25), ("13mo", 396 * 24), ("", 1), ("nonsense", 1)])
def test_by_name_it_ends_now(name: str, hours: float) -> None:
    asked = range_of({"range": name}, NOW)
    assert (asked.start, asked.end, asked.wrong) == (NOW - timedelta(hours=hours), NOW, "")


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-11-23T06:00:00Z", "2026-11-23T07:00:00Z"),
        ("2026-11-23T06:00", "2026-11-23T07:00"),
        ("2026-11-23T07:00:00+01:00", "2026-11-23T08:00:00+01:00"),
        ("2026-11-23T07:00:00 01:00", "2026-11-23T08:00:00 01:00"),
    ],
)
def test_from_one_moment_to_another(begins: str, ends: str) -> None:
    asked = range_of({"from": begins, "to": ends}, NOW)
    assert (asked.name, asked.start.hour, asked.end.hour, asked.wrong) == ("custom", 6, 7, "")
    assert asked.query == "from=2026-11-23T06%3A00%3A00.000Z&to=2026-11-23T07%3A00%3A00.000Z"
    assert range_of({"from": asked.begins, "to": asked.ends}, NOW) == asked


@pytest.mark.parametrize(
    ("asked", "first", "length"),
    [
        ({"range": "6h"}, "2026-11-23T02:00:00.000Z", "6h"),
        ({"from": "2026-11-23T06:00", "to": "2026-11-23T06:20"}, "2026-11-23T06:00:00.000Z", "1h"),
        ({"from": "2025-10-21T06:00", "to": "2026-11-23T06:00"}, "2025-10-21T06:00:00.000Z", "13mo"),
    ],
)
def test_it_is_played_from_its_start_in_a_range_that_holds_it(asked: dict[str, str], first: str, length: str) -> None:
    found = range_of(asked, NOW)
    assert (found.first, found.length) == (first, length)


def test_what_is_yet_to_come_is_left_out() -> None:
    assert range_of({"from": "2026-11-23T06:00", "to": "2026-11-23T09:00"}, NOW).end == NOW
    assert range_of({"from": "2026-11-23T06:00"}, NOW).end == NOW


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        ("yesterday", "", "can't be read"),
        ("", "2026-11-23T07:00", "can't be read"),
        ("2026-11-23T06:00", "\0", "can't be read"),
        ("2026-11-23T09:00", "2026-11-23T10:00", "has not begun"),
        ("2026-11-23T07:00", "2026-11-23T06:00", "ends before it begins"),
        ("2020-11-23T07:00", "2026-11-23T06:00", "longer than 400 days"),
        ("0001-01-01T00:00+14:00", "2026-11-23T06:00", "can't be read"),
    ],
)
def test_what_can_not_be_shown_is_said(begins: str, ends: str, said: str) -> None:
    asked = range_of({"from": begins, "to": ends}, NOW)
    assert said in asked.wrong
    assert asked.name == "1h"
