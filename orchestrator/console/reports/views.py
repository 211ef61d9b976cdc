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
class ReportRow:
    """One department: its cloud budget of the year in fen, and its statements by month, None without one."""

    code: str
    name: str
    appropriated_fen: int
    held_fen: int
    committed_fen: int
    spent_fen: int
    free_fen: int
    stated_fen: int
    months: tuple[MonthCell | None, ...]


@dataclass(frozen=True)
class UsageReport:
    """Page ``reports/usage.html``."""

    year: int
    rows: tuple[ReportRow, ...]
    stated_fen: int
    first_year: int = FIRST_YEAR

    @property
    def month_totals(self) -> tuple[int, ...]:
        """Return the total of all statements of each month, in fen."""
        return tuple(
            sum(cell.total_fen for row in self.rows if (cell := row.months[month - 1])) for month in MONTHS
        )

    def total(self, name: str) -> int:
        """The sum of one column of the budget, in fen."""
        return sum(int(getattr(row, name)) for row in self.rows)

    @property
    def chart_path(self) -> str:
        """Where the browser reads the figures of the chart."""
        return f"/console/usage-report/chart?year={self.year}"

    def download(self, form: str) -> str:
        """Where the report is read as a file."""
        return f"/api/v1/usage-report/export?year={self.year}&format={form}"
