"""The usage report: departments and months of a year, beside their budgets."""

from dataclasses import dataclass

MONTHS = tuple(range(1, 13))
FIRST_YEAR = 2019
"""The year of the rules that this product follows; there is no statement before it."""


@dataclass(frozen=True)
class MonthCell:
    """The total of one department's statement of one month."""

    statement_id: str
    total_fen: int
    status: str


@dataclass(frozen=True)
class ColumnHead:
    """The title of a column of amounts; `path` leads from an amount to its objects, "" for none."""

    title: str
    path: str


@dataclass(frozen=True)
class ReportRow:
    """One department: an amount in fen for each column, and its statements by month, None without one."""

    code: str
    name: str
    amounts: tuple[int, ...]
    stated_fen: int
    months: tuple[MonthCell | None, ...]


@dataclass(frozen=True)
class UsageReport:
    """Page ``reports/usage.html``."""

    year: int
    columns: tuple[ColumnHead, ...]
    rows: tuple[ReportRow, ...]
    stated_fen: int
    first_year: int = FIRST_YEAR

    @property
    def month_totals(self) -> tuple[int, ...]:
        """Return the total of all statements of each month, in fen."""
        return tuple(
            sum(cell.total_fen for row in self.rows if (cell := row.months[month - 1])) for month in MONTHS
        )

    @property
    def totals(self) -> tuple[int, ...]:
        """Return the sum of each column, in fen."""
        return tuple(sum(row.amounts[place] for row in self.rows) for place in range(len(self.columns)))

    @property
    def chart_path(self) -> str:
        """Return the path of the chart's figures."""
        return f"/console/usage-report/chart?year={self.year}"

    def download(self, form: str) -> str:
        """Return the path of the report as a file."""
        return f"/api/v1/usage-report/export?year={self.year}&format={form}"
