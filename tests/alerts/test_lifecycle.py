"""The life of an alert, without a database."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.domain.lifecycle import STEPS, Hold, Life, Status, Step, on_clock, on_headline, shown

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOLD = Hold(for_s=0, keep_s=60)

FIRING = Life(Status.FIRING)
ACKNOWLEDGED = Life(Status.ACKNOWLEDGED, acknowledged=True)
RECOVERING = Life(Status.RECOVERING, check_at=NOW + MINUTE)
RECOVERING_ACKNOWLEDGED = Life(Status.RECOVERING, acknowledged=True, check_at=NOW + MINUTE)
PENDING = Life(Status.PENDING, check_at=NOW + MINUTE)


@pytest.mark.parametrize(
    ("life", "state", "step"),
    [
        (None, "open", Step(Status.FIRING, NOW, tripped=True, tell="opened")),
        (None, "closed", None),
        (None, "half_open", None),
        (None, "forced_open", None),
        (FIRING, "open", None),
        (FIRING, "closed", Step(Status.RECOVERING, NOW, check_at=NOW + MINUTE)),
        (ACKNOWLEDGED, "closed", Step(Status.RECOVERING, NOW, check_at=NOW + MINUTE)),
        *(
            (FIRING, state, None)
            for state in ("half_open", "forced_open", "stale", "unknown", "disabled", "forced_closed")
        ),
        (RECOVERING, "open", Step(Status.FIRING, NOW, tripped=True)),
        (RECOVERING_ACKNOWLEDGED, "open", Step(Status.ACKNOWLEDGED, NOW, tripped=True)),
        (RECOVERING, "closed", None),
        (RECOVERING, "stale", Step(Status.FIRING, NOW)),
        (RECOVERING_ACKNOWLEDGED, "half_open", Step(Status.ACKNOWLEDGED, NOW)),
        (PENDING, "open", None),
        (PENDING, "half_open", None),
        (PENDING, "closed", Step(None, NOW)),
    ],
)
def test_what_a_headline_does(life: Life | None, state: str, step: Step | None) -> None:
    assert on_headline(life, state, NOW, HOLD) == step


def test_a_rule_that_waits_begins_in_silence() -> None:
    begun = on_headline(None, "open", NOW, Hold(for_s=120, keep_s=60))
    assert begun == Step(Status.PENDING, NOW, check_at=NOW + 2 * MINUTE, tripped=True)


@pytest.mark.parametrize(
    ("life", "now", "step"),
    [
        (FIRING, NOW + 1000 * MINUTE, None),
        (RECOVERING, NOW + MINUTE - timedelta(microseconds=1), None),
        (RECOVERING, NOW + MINUTE, Step(Status.RESOLVED, NOW + MINUTE, tell="resolved")),
        (RECOVERING, NOW + 90 * MINUTE, Step(Status.RESOLVED, NOW + MINUTE, tell="resolved")),
        (PENDING, NOW, None),
        (PENDING, NOW + MINUTE, Step(Status.FIRING, NOW + MINUTE, tell="opened")),
    ],
)
def test_what_the_clock_does(life: Life, now: datetime, step: Step | None) -> None:
    assert on_clock(life, now) == step


def test_every_step_taken_is_in_the_table() -> None:
    lives = [FIRING, ACKNOWLEDGED, RECOVERING, RECOVERING_ACKNOWLEDGED, PENDING]
    states = ["open", "closed", "half_open", "forced_open", "stale", "unknown", "disabled", "forced_closed"]
    taken = {
        (life.status, step.to)
        for life in lives
        for step in [*(on_headline(life, state, NOW, HOLD) for state in states), on_clock(life, NOW + MINUTE)]
        if step is not None and step.to is not None
    }
    by_people = {(Status.FIRING, Status.ACKNOWLEDGED), (Status.ACKNOWLEDGED, Status.FIRING)}
    assert taken | by_people == {(before, after) for before, some in STEPS.items() for after in some}


def test_recovering_is_shown_as_what_it_was() -> None:
    assert shown(Status.RECOVERING, acknowledged=False) == "firing"
    assert shown(Status.RECOVERING, acknowledged=True) == "acknowledged"
    assert shown(Status.RESOLVED, acknowledged=True) == "resolved"
