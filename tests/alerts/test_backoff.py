"""When it is tried again, and when a destination is left in peace."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.domain.backoff import Breaker, lasting, retry_after_s, slow_wait_s, wait_s

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def latest(low: float, high: float) -> float:
    assert low == 1.0
    return high


@pytest.mark.parametrize(
    ("tries", "most"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 80), (6, 160), (7, 320), (8, 640), (9, 900), (500, 900)]
)
def test_the_wait_is_anywhere_below_a_doubling_limit(tries: int, most: float) -> None:
    assert wait_s(tries, uniform=latest) == most
    waits = [wait_s(tries) for _ in range(200)]
    assert 1 <= min(waits) < max(waits) <= most


def test_retry_after_is_a_floor_not_a_ceiling() -> None:
    assert wait_s(1, 60.0, uniform=latest) == 60
    assert wait_s(9, 60.0, uniform=latest) == 900


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("17", 17),
        (" 17 ", 17),
        ("0", 0),
        ("99999", 3600),
        ("9" * 5000, 3600),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("١٧", None),
        ("Mon, 23 Nov 2026 10:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 10:00:30 -0000", 30),
        ("Mon, 23 Nov 2026 23:00:00 GMT", 3600),
        ("Mon, 23 Nov 2026 09:00:00 GMT", None),
        ("Mon, 99 Nov 2026 09:00:00 GMT", None),
    ],
)
def test_what_a_retry_after_asks_for(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_five_failures_in_a_row_open_a_destination_longer_each_time() -> None:
    breaker, now, opened_for = Breaker(), NOW, []
    for _ in range(4):
        breaker = breaker.after(False, now)
    assert breaker == Breaker(4, recent=((NOW, False),) * 4)
    assert breaker.lets_pass(now, under_way=3, most=4)
    for _ in range(6):
        breaker = breaker.after(False, now)
        opened_for.append(breaker.open_for_s)
        assert breaker.open_until is not None
        assert not breaker.lets_pass(breaker.open_until - timedelta(microseconds=1), 0, 4)
        now = breaker.open_until
        assert breaker.lets_pass(now, 0, 4)
        assert not breaker.lets_pass(now, 1, 4), "half-open: one at a time"
    assert opened_for == [30, 60, 120, 240, 300, 300]
    assert breaker.after(True, now) == Breaker(), "the probe's success clears what was before"


def test_a_try_that_had_begun_before_does_not_lengthen_the_opening() -> None:
    breaker = Breaker(5, NOW + timedelta(seconds=30), 30)
    assert breaker.after(False, NOW) == Breaker(6, NOW + timedelta(seconds=30), 30, ((NOW, False),))


def after(breaker: Breaker, told: str, apart_s: float = 1.0) -> Breaker:
    """The breaker after these tries: `+` succeeded, `-` failed."""
    for number, each in enumerate(told):
        breaker = breaker.after(each == "+", NOW + timedelta(seconds=number * apart_s))
    return breaker


@pytest.mark.parametrize(
    ("told", "apart_s", "opens"),
    [
        ("-+-+-+-+-", 1, False),  # too few to tell
        ("+-+-+-+-+-", 1, True),
        ("++-+-+-+-+-", 1, False),  # less than half
        ("+-+-+-+-+-", 7, False),  # nine of them within the minute
        ("-" * 5, 600, True),  # in a row, however slowly
        ("----+----", 1, False),
    ],
)
def test_half_of_the_tries_of_a_minute_open_it_too(told: str, apart_s: float, opens: bool) -> None:
    assert (after(Breaker(), told, apart_s).open_until is not None) is opens


def test_a_busy_destination_is_remembered_in_bounded_room() -> None:
    assert len(after(Breaker(), "+" * 1000, 0.01).recent) == 100


@pytest.mark.parametrize(
    ("code", "is_lasting"),
    [
        *((code, True) for code in (301, 400, 404, 410, 501, 505)),
        *((code, False) for code in (408, 425, 429, 500, 502, 503, 504, 507, 520, 529)),
    ],
)
def test_refusals_that_trying_again_soon_does_not_change(code: int, is_lasting: bool) -> None:
    assert lasting(code) is is_lasting


def test_the_slow_lane() -> None:
    assert [slow_wait_s(refusals) for refusals in (0, 1, 2, 3, 4, 50)] == [0, 0, 300, 3600, 3600, 3600]


def test_the_bulkhead() -> None:
    assert Breaker().lets_pass(NOW, 3, 4)
    assert not Breaker().lets_pass(NOW, 4, 4)
