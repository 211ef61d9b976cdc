"""Working days of the city, and the business date of an instant.

Working days follow the State Council's yearly calendar with its make-up days, which the policy pack
contains. If a deadline reaches a year without a loaded calendar, plain weekends are assumed and the
deadline is marked provisional; compute it again once that year is loaded.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")

_SATURDAY = 5
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class CalendarYear:
    """The official calendar of one year: days off, and weekend days that are worked.

    `days_off` may include weekend days.
    """

    year: int
    days_off: frozenset[dt.date]
    make_up_days: frozenset[dt.date]


@dataclass(frozen=True)
class Deadline:
    """The last day of a promised period; provisional while it depends on a year that is not loaded."""

    date: dt.date
    provisional: bool


@dataclass(frozen=True)
class WorkingCalendar:
    """All loaded calendar years.

    Raises ValueError when two calendars of one year are given.
    """

    years: tuple[CalendarYear, ...]
    _by_year: MappingProxyType[int, CalendarYear] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_year = {year.year: year for year in self.years}
        if len(by_year) != len(self.years):
            raise ValueError("a calendar year is given twice")
        object.__setattr__(self, "_by_year", MappingProxyType(by_year))

    @classmethod
    def of(cls, years: Iterable[CalendarYear]) -> "WorkingCalendar":
        """Build a calendar from years in any order."""
        return cls(tuple(sorted(years, key=lambda year: year.year)))

    def is_loaded(self, year: int) -> bool:
        """Return whether the official calendar of this year is loaded."""
        return year in self._by_year

    def is_working_day(self, day: dt.date) -> bool:
        """Return whether offices work on this day; a year that is not loaded has plain weekends."""
        year = self._by_year.get(day.year)
        if year is not None and day in year.make_up_days:
            return True
        if year is not None and day in year.days_off:
            return False
        return day.weekday() < _SATURDAY


def business_date(instant: dt.datetime) -> dt.date:
    """Return the Asia/Shanghai date of an instant.

    Raises ValueError for a time without a time zone, because its date is ambiguous.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone to have a business date")
    return instant.astimezone(BUSINESS_ZONE).date()


def add_working_days(start: dt.date, days: int, calendar: WorkingCalendar) -> Deadline:
    """Return the day that is ``days`` working days after ``start``.

    ``start`` itself is not counted, so 0 days end on ``start``.
    Raises ValueError for a negative number of days.
    """
    if days < 0:
        raise ValueError("a deadline is a number of working days, 0 or more")
    day, remaining = start, days
    provisional = not calendar.is_loaded(start.year)
    while remaining:
        day += _ONE_DAY
        provisional = provisional or not calendar.is_loaded(day.year)
        remaining -= calendar.is_working_day(day)
    return Deadline(day, provisional)
