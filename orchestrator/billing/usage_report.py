"""The columns of the usage report: one row here is a column of the page, the files and the API. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Stated(Protocol):
    """A statement with its total in fen."""

    total_fen: int


@dataclass(frozen=True)
class DepartmentYear:
    """One department's cloud budget lines and current statements of a year.

    A budget line has its amounts as attributes in fen, such as `held_fen`.
    """

    budget: Sequence[object]
    statements: Sequence[Stated]


@dataclass(frozen=True)
class Column:
    """One amount of a department and year, in fen; the API calls it `<name>_fen`."""

    name: str
    zh: str
    en: str
    amount: Callable[[DepartmentYear], int]


def _budget(name: str) -> Callable[[DepartmentYear], int]:
    return lambda year: sum(getattr(line, name) for line in year.budget)


COLUMNS = (
    Column("appropriated", "批复", "Appropriated", _budget("appropriated_fen")),
    Column("held", "预占", "Held", _budget("held_fen")),
    Column("committed", "占用", "Committed", _budget("committed_fen")),
    Column("spent", "已支出", "Spent", _budget("spent_fen")),
    Column("free", "可用", "Free", _budget("free_fen")),
    Column("stated", "已出账", "Stated", lambda year: sum(row.total_fen for row in year.statements)),
)


def amounts(year: DepartmentYear) -> dict[str, int]:
    """Return the amount of every column by its name in the API."""
    return {f"{column.name}_fen": column.amount(year) for column in COLUMNS}
