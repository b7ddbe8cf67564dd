"""A breaker's past: its trips, its failures by class, its settings, and what came before an opening."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from breakers.queries import history
from tests.breakers.conftest import Scenario

pytestmark = pytest.mark.storage


def trips(scenario: Scenario, now: datetime) -> list[history.Trips]:
    told, _ = history.outages_told(scenario.breaker().pk, now)
    return history.trips(told, now)


def test_trips_open_time_and_recovery(scenario: Scenario) -> None:
    for start, end in (("08:00", "08:02"), ("08:10", "08:14")):
        scenario.at(start)
        scenario.moves("closed") if start == "08:00" else None
        scenario.at(f"{start}:01")
        scenario.moves("open")
        scenario.at(f"{end}:01")
        scenario.moves("closed")
    scenario.at("08:30:01")
    scenario.moves("open")
    day, week, month = trips(scenario, scenario.at("08:31:01"))
    assert (day.trips, day.open_s, day.recover_s, day.longest_s) == (3, 120 + 240 + 60, 180, 240)
    assert (week.trips, month.trips) == (3, 3)
    later = scenario.now + timedelta(hours=26)
    day, week, _ = trips(scenario, later)
    # Open all the time, but it did not trip in these 24 hours.
    assert (day.trips, day.open_s, day.recover_s) == (0, 86_400, None)
    assert week.trips == 3


def test_failures_by_class_with_a_sample(scenario: Scenario) -> None:
    scenario.at("08:00")
    failure: dict[str, Any] = {"type": "failure", "breaker": "payments"}
    scenario.posts(failure | {"count": 3, "error": {"type": "ConnectTimeout", "message": "first"}})
    scenario.at("08:01")
    scenario.posts(failure | {"count": 4, "error": {"type": "ConnectTimeout", "message": "second"}})
    scenario.posts({"type": "timeout", "breaker": "payments"}, {"type": "success", "breaker": "payments", "count": 9})
    scenario.at("08:02")
    scenario.posts(failure | {"count": 100, "error": {"type": "Late", "message": "not in the range"}})
    start = scenario.at("08:00")
    found = history.failing(scenario.breaker().pk, start, start + timedelta(minutes=2)).failures
    assert [(group.type, group.count, group.sample) for group in found.groups] == [
        ("ConnectTimeout", 7, "second"), ("Timeout", 1, None),
    ]  # fmt: skip
    assert (found.groups[0].first_at[11:19], found.groups[0].last_at[11:19], found.cut) == (
        "08:00:00",
        "08:01:00",
        False,
    )


def test_a_busy_range_says_that_it_was_cut(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_LOOKED_AT", 2)
    start = scenario.at("08:00")
    scenario.posts(*({"type": "failure", "breaker": "payments", "error": {"type": name}} for name in "abc"))
    end = start + timedelta(minutes=1)
    found = history.failing(scenario.breaker().pk, start, end).failures
    assert (len(found.groups), found.cut) == (2, True)


def test_settings_keep_their_history(scenario: Scenario) -> None:
    scenario.at("08:00")
    old, new = {"failure_rate_threshold": 50, "timeout_ms": 900}, {"failure_rate_threshold": 40}
    for pod in ("a", "b"):
        scenario.beats("closed", instance=pod, config=old)
    scenario.beats("closed", config=old)
    scenario.at("09:00")
    for pod in ("a", "b"):
        scenario.beats("closed", instance=pod, config=new)
    changes = history.settings_told(scenario.breaker().pk, scenario.now)[0]
    assert [(change.at[11:16], change.instances, change.changed) for change in changes] == [
        ("09:00", ["a", "b"], [("failure_rate_threshold", 50, 40), ("timeout_ms", 900, None)]),
        ("08:00", ["a"], [("failure_rate_threshold", None, 50), ("timeout_ms", None, 900)]),
    ]
    assert history.settings_told(scenario.breaker().pk, scenario.at("08:30"))[2] == old


def test_a_new_instance_set_as_the_others_is_no_change(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.beats("closed", config={"timeout_ms": 900})
    scenario.at("08:05")
    scenario.beats("closed", instance="late", config={"timeout_ms": 900})
    assert len(history.settings_told(scenario.breaker().pk, scenario.now)[0]) == 1
    scenario.beats("closed", instance="other", config={"timeout_ms": 100})
    assert history.settings_told(scenario.breaker().pk, scenario.now)[0][0].instances == ["other"]


def test_breakers_that_opened_first_are_named(scenario: Scenario) -> None:
    scenario.at("08:00")
    scenario.moves("open", breaker="db", dependency="disk")
    # One of the dependency's own, one that shares it, one that has nothing to do with it.
    scenario.posts({"type": "state_change", "breaker": "pool", "to_state": "open"}, service="payments-db")
    scenario.moves("open", breaker="orders", dependency="payments-db")
    scenario.at("08:10")
    scenario.moves("open", breaker="payments", dependency="payments-db")
    _, found = history.outages_told(scenario.breaker().pk, scenario.at("08:11"))
    assert sorted((each.service, each.name) for each in found) == [("checkout", "orders"), ("payments-db", "pool")]
