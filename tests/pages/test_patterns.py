"""Patterns: called by their name where they are, and not where they are not."""

from typing import Any

from breakers.queries.shapes import Timeline
from dashboard.pages.patterns import Pattern, patterns

START, END = "2026-11-23T08:00:00.000Z", "2026-11-23T08:01:00.000Z"


def seen(*buckets: dict[str, int], **config: Any) -> dict[str, Pattern]:
    stamped = [{"at": f"2026-11-23T08:{minute:02}:00.000Z", **bucket} for minute, bucket in enumerate(buckets)]
    return {each.name: each for each in patterns(Timeline(START, END, 60, [], stamped), config)}  # type: ignore[arg-type]


def test_a_storm_of_retries_is_called_one() -> None:
    storm = seen({"success": 100, "retry": 5}, {"failure": 50, "retry": 160}, {"failure": 40, "retry": 40})["retries"]
    assert (storm.value, storm.loud) == ("205", True)
    assert storm.words == "a retry storm, 08:01 to 08:02 UTC: up to 3.2 retries a call"


def test_two_storms_are_two() -> None:
    calm: list[dict[str, int]] = [{"success": 9}] * 4
    found = seen({"failure": 50, "retry": 100}, *calm, {"failure": 50, "retry": 200}, {"failure": 9, "retry": 20})[
        "retries"
    ]
    assert found.words == "a retry storm, 08:05 to 08:06 UTC: up to 4 retries a call, and 1 more"


def test_a_few_retries_are_none() -> None:
    calm = seen({"success": 100, "retry": 30}, {"retry": 19})["retries"]
    assert (calm.value, calm.words, calm.loud) == ("49", "0.49 a call", False)
    assert seen({"success": 1_200, "retry": 24})["retries"].words == "0.02 a call"


def test_timeouts_are_a_share_of_the_calls() -> None:
    found = seen({"success": 90, "timeout": 10}, timeout_ms=1_000)["timeouts"]
    assert (found.value, found.words, found.loud) == ("10", "10.0 % of the calls waited in vain after 1,000 ms", True)
    assert seen({"success": 1_000, "timeout": 10})["timeouts"].loud is False


def test_fallbacks_are_a_share_of_what_was_asked_for() -> None:
    assert seen({"success": 50, "rejected": 50, "fallback": 25})["fallbacks"].words == "25.0 % served degraded"


def test_refused_calls_saved_waiting() -> None:
    assert seen({"rejected": 90}, timeout_ms=1_000)["refused"].words == (
        "calls the dependency was spared: up to 1 m 30 s of waiting at 1,000 ms"
    )
    assert seen({"rejected": 90})["refused"].words == "calls the dependency was spared, and nobody waited for"


def test_where_nothing_happened_nothing_is_said() -> None:
    assert [(each.value, each.words, each.loud) for each in seen().values()] == [
        ("0", "none", False), ("0", "none", False), ("0", "none told", False), ("0", "none", False),
    ]  # fmt: skip
