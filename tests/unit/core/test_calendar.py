"""Deadlines are counted in working days of the official calendar."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.calendar import (
    CalendarYear,
    Deadline,
    WorkingCalendar,
    add_working_days,
    business_date,
)

YEAR_2025 = CalendarYear(
    year=2025,
    days_off=frozenset(date(2025, 1, 28) + timedelta(days=n) for n in range(8)),
    make_up_days=frozenset({date(2025, 1, 26), date(2025, 2, 8)}),
)
CALENDAR = WorkingCalendar.of([YEAR_2025])


def test_three_working_days_before_spring_festival_2025_end_after_it() -> None:
    assert add_working_days(date(2025, 1, 24), 3, CALENDAR) == Deadline(date(2025, 2, 5), provisional=False)


def test_a_make_up_day_counts_and_a_holiday_does_not() -> None:
    assert CALENDAR.is_working_day(date(2025, 1, 26))
    assert not CALENDAR.is_working_day(date(2025, 1, 28))
    assert not CALENDAR.is_working_day(date(2025, 2, 9))


def test_a_deadline_that_reaches_a_year_not_loaded_is_provisional() -> None:
    assert add_working_days(date(2025, 12, 31), 1, CALENDAR) == Deadline(date(2026, 1, 1), provisional=True)
    assert not add_working_days(date(2025, 12, 30), 1, CALENDAR).provisional


def test_no_working_days_end_on_the_starting_day() -> None:
    assert add_working_days(date(2025, 1, 24), 0, CALENDAR).date == date(2025, 1, 24)


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        add_working_days(date(2025, 1, 24), -1, CALENDAR)


def test_one_year_cannot_have_two_calendars() -> None:
    with pytest.raises(ValueError, match="given twice"):
        WorkingCalendar.of([YEAR_2025, YEAR_2025])


@given(st.dates(date(2025, 1, 1), date(2025, 10, 1)), st.integers(1, 15), st.integers(1, 15))
def test_two_times_one_after_the_other_are_one_long_time(start: date, first: int, second: int) -> None:
    middle = add_working_days(start, first, CALENDAR).date
    assert CALENDAR.is_working_day(middle)
    assert add_working_days(middle, second, CALENDAR) == add_working_days(start, first + second, CALENDAR)


def test_the_business_date_is_the_one_in_shanghai() -> None:
    assert business_date(datetime(2019, 6, 18, 16, 0, tzinfo=UTC)) == date(2019, 6, 19)
    assert business_date(datetime(2019, 6, 18, 15, 59, tzinfo=UTC)) == date(2019, 6, 18)
    west = timezone(timedelta(hours=-8))
    assert business_date(datetime(2019, 6, 18, 8, 0, tzinfo=west)) == date(2019, 6, 19)


def test_an_instant_without_zone_has_no_business_date() -> None:
    with pytest.raises(ValueError, match="time zone"):
        business_date(datetime(2019, 6, 19, 9, 0))  # noqa: DTZ001
