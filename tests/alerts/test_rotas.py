"""Who is on call, by turns, calendars and overrides; across both changes of the clock, and where nobody is."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from alerts.domain.rotas import Duty, Layer, Override, Rota, Shift, duties, gaps, named, on_call
from alerts.domain.routes import DAYS, Hours

BERLIN = "Europe/Berlin"
ADA, GRACE, MARY = "1", "2", "3"


def utc(text: str) -> datetime:
    """2026-11-23 08:00, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def told(some: list[Duty]) -> list[str]:
    """03-28 08:00 – 03-29 07:00: 1"""
    return [
        f"{each.begins:%m-%d %H:%M} – {each.ends:%m-%d %H:%M}: {'+'.join(each.people) or 'nobody'}" for each in some
    ]


def weekly(
    *people: str, since: str = "2026-11-23", at: str = "09:00", days: int = 7, hours: Hours | None = None
) -> Layer:
    """People who hand over on Mondays at nine, there."""
    return Layer(people, date.fromisoformat(since), time.fromisoformat(at), days, hours)


def test_a_week_each_handed_over_at_nine_in_berlin() -> None:
    rota = Rota(BERLIN, (weekly(ADA, GRACE, MARY),))
    assert told(duties(rota, utc("2026-11-25 12:00"), utc("2026-12-09 12:00"))) == [
        "11-25 12:00 – 11-30 08:00: 1",
        "11-30 08:00 – 12-07 08:00: 2",
        "12-07 08:00 – 12-09 12:00: 3",
    ]


def test_before_its_layer_begins_a_rota_names_nobody() -> None:
    rota = Rota(BERLIN, (weekly(ADA, GRACE),))
    assert on_call(rota, utc("2026-01-01 00:00")) == ((), "")
    assert on_call(rota, utc("2026-11-23 07:59:59")) == ((), "")
    assert on_call(rota, utc("2026-11-23 08:00")) == ((ADA,), "")
    # A layer below it that has begun is on call until then.
    both = Rota(BERLIN, (weekly(ADA), weekly(GRACE, since="2026-11-02")))
    assert told(duties(both, utc("2026-11-22 08:00"), utc("2026-11-24 08:00"))) == [
        "11-22 08:00 – 11-23 08:00: 2",
        "11-23 08:00 – 11-24 08:00: 1",
    ]


def test_in_spring_a_day_on_call_is_an_hour_shorter() -> None:
    rota = Rota(BERLIN, (weekly(ADA, GRACE, since="2026-03-27", days=1),))
    assert told(duties(rota, utc("2026-03-28 08:00"), utc("2026-03-31 07:00"))) == [
        "03-28 08:00 – 03-29 07:00: 2",
        "03-29 07:00 – 03-30 07:00: 1",
        "03-30 07:00 – 03-31 07:00: 2",
    ]


def test_in_autumn_it_is_an_hour_longer() -> None:
    rota = Rota(BERLIN, (weekly(ADA, GRACE, since="2026-10-23", days=1),))
    assert told(duties(rota, utc("2026-10-24 07:00"), utc("2026-10-27 08:00"))) == [
        "10-24 07:00 – 10-25 08:00: 2",
        "10-25 08:00 – 10-26 08:00: 1",
        "10-26 08:00 – 10-27 08:00: 2",
    ]


def test_a_handover_in_the_hour_that_spring_takes_away_comes_an_hour_later_by_the_clock() -> None:
    rota = Rota(BERLIN, (weekly(ADA, GRACE, since="2026-03-28", at="02:30", days=1),))
    # 02:30 there: 01:30 in UTC before, 00:30 after; that night the clock goes from 02:00 to 03:00, and 03:30 is 01:30.
    assert told(duties(rota, utc("2026-03-28 01:30"), utc("2026-03-30 00:30"))) == [
        "03-28 01:30 – 03-29 01:30: 1",
        "03-29 01:30 – 03-30 00:30: 2",
    ]


def test_a_handover_in_the_hour_that_autumn_has_twice_comes_once_the_first_time() -> None:
    rota = Rota(BERLIN, (weekly(ADA, GRACE, since="2026-10-24", at="02:30", days=1),))
    assert told(duties(rota, utc("2026-10-24 00:30"), utc("2026-10-26 01:30"))) == [
        "10-24 00:30 – 10-25 00:30: 1",
        "10-25 00:30 – 10-26 01:30: 2",
    ]


def test_a_night_shift_across_the_change_of_the_clock_has_no_hole_and_no_overlap() -> None:
    night = Hours(DAYS, time(22), time(6), BERLIN)
    rota = Rota(BERLIN, (weekly(ADA, since="2026-03-02", hours=night), weekly(GRACE, since="2026-03-02")))
    assert told(duties(rota, utc("2026-03-28 12:00"), utc("2026-03-29 12:00"))) == [
        "03-28 12:00 – 03-28 21:00: 2",
        "03-28 21:00 – 03-29 04:00: 1",
        "03-29 04:00 – 03-29 12:00: 2",
    ]
    assert told(duties(rota, utc("2026-10-24 12:00"), utc("2026-10-25 12:00"))) == [
        "10-24 12:00 – 10-24 20:00: 2",
        "10-24 20:00 – 10-25 05:00: 1",
        "10-25 05:00 – 10-25 12:00: 2",
    ]


def test_grace_instead_of_ada_from_friday_evening_to_monday_morning() -> None:
    instead = Override(7, GRACE, utc("2026-11-27 17:00"), utc("2026-11-30 08:00"), "ada")
    rota = Rota(BERLIN, (weekly(ADA, MARY),), overrides=(instead,))
    assert told(duties(rota, utc("2026-11-26 00:00"), utc("2026-12-01 00:00"))) == [
        "11-26 00:00 – 11-27 17:00: 1",
        "11-27 17:00 – 11-30 08:00: 2",
        "11-30 08:00 – 12-01 00:00: 3",
    ]
    assert on_call(rota, utc("2026-11-28 03:12")) == ((GRACE,), "override by ada")
    assert on_call(rota, utc("2026-11-30 08:00")) == ((MARY,), "")


def test_of_two_overrides_the_newer_one_counts() -> None:
    first = Override(1, GRACE, utc("2026-11-27 00:00"), utc("2026-11-30 00:00"), "ada")
    second = Override(2, MARY, utc("2026-11-28 00:00"), utc("2026-11-29 00:00"), "grace")
    rota = Rota("UTC", (weekly(ADA),), overrides=(second, first))
    assert [on_call(rota, utc(f"2026-11-{day} 12:00")) for day in (27, 28, 29)] == [
        ((GRACE,), "override by ada"),
        ((MARY,), "override by grace"),
        ((GRACE,), "override by ada"),
    ]


def test_nobody_from_saturday_evening() -> None:
    week = Hours(("mon", "tue", "wed", "thu", "fri", "sat"), time(0), time(18), "UTC")
    rota = Rota("UTC", (weekly(ADA, GRACE, at="00:00", hours=week),))
    found = duties(rota, utc("2026-11-27 12:00"), utc("2026-12-01 00:00"))
    assert told(gaps(found, {ADA, GRACE})) == [
        "11-27 18:00 – 11-28 00:00: nobody",
        "11-28 18:00 – 11-30 00:00: nobody",
        "11-30 18:00 – 12-01 00:00: nobody",
    ]


def test_someone_who_can_not_be_reached_is_a_gap_too() -> None:
    rota = Rota("UTC", (weekly(ADA, GRACE, at="00:00"),))
    found = duties(rota, utc("2026-11-23 00:00"), utc("2026-12-07 00:00"))
    assert told(gaps(found, {ADA})) == ["11-30 00:00 – 12-07 00:00: 2"]
    assert gaps(found, {ADA, GRACE}) == []


def test_the_calendar_goes_before_turns_and_names_several() -> None:
    both = Shift((ADA, GRACE), utc("2026-11-23 00:00"), utc("2026-11-24 00:00"))
    strange = Shift((), utc("2026-11-24 00:00"), utc("2026-11-25 00:00"), strangers="Bob")
    rota = Rota("UTC", (weekly(MARY),), shifts=(both, strange))
    assert on_call(rota, utc("2026-11-23 12:00")) == ((ADA, GRACE), "by the calendar")
    assert on_call(rota, utc("2026-11-24 12:00")) == ((MARY,), "the calendar says 'Bob', which names nobody known here")
    assert on_call(rota, utc("2026-11-25 12:00")) == ((MARY,), "")


def test_an_event_names_people_by_address_whole_name_or_a_word_of_its_own() -> None:
    known = [(ADA, ["ada", "Ada Lovelace", "ada@example.com"]), (GRACE, ["grace", "Hopper"])]
    assert named(["Weekend shift", "ADA@example.com"], known) == (ADA,)
    assert named(["On call: Grace (payments)"], known) == (GRACE,)
    assert named(["On call: Hopper, Ada Lovelace"], known) == (ADA, GRACE)
    assert named(["Adam and Gracefield", ""], known) == ()


@given(
    some.integers(0, 3 * 365 * 24 * 4),
    some.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    some.integers(0, 47),
    some.sampled_from([1, 7, 14]),
)
def test_duties_have_no_hole_and_agree_with_every_moment(quarter: int, zone: str, half: int, days: int) -> None:
    at = time(half // 2, half % 2 * 30)
    hours = Hours(("mon", "wed", "sun"), at, time(5, 15), zone)
    rota = Rota(
        zone, (Layer((ADA, GRACE), date(2026, 1, 5), at, days, hours), Layer((MARY,), date(2026, 2, 1), at, days))
    )
    begins = utc("2026-01-01 00:00") + quarter * timedelta(minutes=15)
    found = duties(rota, begins, begins + timedelta(days=4))
    assert (found[0].begins, found[-1].ends) == (begins, begins + timedelta(days=4))
    assert [one.ends for one in found[:-1]] == [other.begins for other in found[1:]]
    for each in found:
        for moment in (each.begins, each.begins + (each.ends - each.begins) / 2, each.ends - timedelta(seconds=1)):
            assert on_call(rota, moment) == (each.people, each.why)


@pytest.mark.parametrize("year", [2026, 2027])
def test_a_year_of_daily_turns_has_a_handover_a_day(year: int) -> None:
    rota = Rota(BERLIN, (weekly(ADA, GRACE, since=f"{year}-01-01", days=1),))
    found = duties(rota, datetime(year, 1, 1, 8, tzinfo=UTC), datetime(year + 1, 1, 1, 8, tzinfo=UTC))
    assert len(found) == 365
    assert sorted({(each.ends - each.begins).total_seconds() / 3600 for each in found}) == [23, 24, 25]
