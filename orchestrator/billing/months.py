"""Months as their first day."""

from contextlib import suppress
from datetime import date

from orchestrator.core.errors import BadInput

_YEARS = range(2000, 2200)


def month_of(day: date) -> date:
    """The first day of the month of `day`."""
    return day.replace(day=1)


def month_after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def parse_month(text: str) -> date:
    """The month that is written ``2019-06``.

    Raises:
        BadInput: it is not written like that, or lies in another age.
    """
    with suppress(ValueError):
        month = date.fromisoformat(f"{text}-01")
        if month.year in _YEARS:
            return month
    raise BadInput("A month is written like 2019-06.", field="month")


def month_text(month: date) -> str:
    """``2019-06``."""
    return f"{month:%Y-%m}"
