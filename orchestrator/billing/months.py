"""Months as their first day."""

from contextlib import suppress
from datetime import date

from orchestrator.core.errors import BadInput

_YEARS = range(2000, 2200)


def month_after(month: date) -> date:
    """Return the first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def parse_month(text: str) -> date:
    """Return the first day of a month written as ``2019-06``.

    Raises:
        BadInput: the text has another form, or its year is not between 2000 and 2199.
    """
    with suppress(ValueError):
        month = date.fromisoformat(f"{text}-01")
        if month.year in _YEARS:
            return month
    raise BadInput("Write the month as 2019-06.", field="month")


def month_text(month: date) -> str:
    """Return a month as ``2019-06``."""
    return f"{month:%Y-%m}"
