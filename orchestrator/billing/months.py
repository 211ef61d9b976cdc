"""Months as their first day."""

from datetime import date

from orchestrator.core.errors import BadInput


def month_of(day: date) -> date:
    """The first day of the month of `day`."""
    return day.replace(day=1)


def month_after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def parse_month(text: str) -> date:
    """The month that is written ``2019-06``.

    Raises:
        BadInput: it is not written like that.
    """
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise BadInput("A month is written like 2019-06.", field="month") from None


def month_text(month: date) -> str:
    """``2019-06``."""
    return f"{month:%Y-%m}"
