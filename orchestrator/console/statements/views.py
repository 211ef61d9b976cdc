"""View models of statements: the list, one statement, and one line with its origin."""

from dataclasses import dataclass
from datetime import date, datetime

from orchestrator.console.frame.views import ActionSet, Happening, Option, Pager

FORMATS = ("pdf", "xlsx", "csv", "json")


@dataclass(frozen=True)
class StatementRow:
    """One statement in the list; `number` is "" before it is issued."""

    id: str
    number: str
    organisation: str
    month: str
    revision: int
    status: str
    line_count: int
    total_fen: int
    answer_due: date | None


@dataclass(frozen=True)
class StatementList:
    """Page ``statements/list.html``: `month`, `status` and `organisation` are the filters in force.

    `problem` is the reason why the last month close was refused, `close_month` the typed month;
    `states` counts this month's statements by status for people who may close months.
    """

    rows: tuple[StatementRow, ...]
    pager: Pager
    month: str
    status: str
    organisation: str
    statuses: tuple[str, ...]
    organisations: tuple[Option, ...]
    may_close: bool
    close_month: str
    problem: str = ""
    states: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class MovementRow:
    """Changes of one SKU's billed quantity in the month; quantities are ready for the reader."""

    name: str
    sku: str
    unit: str
    opening: str
    increases: str
    decreases: str
    closing: str


@dataclass(frozen=True)
class LineRow:
    """One line; `ends` is the first day that is not part of it, `price` is ready for the reader."""

    position: int
    kind: str
    month: str
    system: str
    resource: str
    zone: str
    name: str
    sku: str
    quantity: str
    unit: str
    state: str
    starts: date
    ends: date
    days: int
    price: str
    amount_fen: int


@dataclass(frozen=True)
class StatementDetail:
    """Page ``statements/detail.html``; `total_zh` is the total in capital numerals."""

    id: str
    number: str
    organisation: str
    month: str
    revision: int
    status: str
    line_count: int
    total_fen: int
    total_zh: str
    issued_on: date | None
    answer_due: date | None
    confirmed_on: date | None
    verified_by: str
    confirmed_by: str
    disputed_by: str
    dispute_reason: str
    decided_by: str
    decision_reason: str
    digest: str
    replaces: str
    movements: tuple[MovementRow, ...]
    lines: tuple[LineRow, ...]
    pager: Pager
    timeline: tuple[Happening, ...]
    acts: ActionSet
    formats: tuple[str, ...] = FORMATS

    @property
    def heading(self) -> str:
        """Return its number, or its month before it has one."""
        return self.number or self.month

    def download(self, form: str) -> str:
        """Return the path of the statement as a file."""
        return f"/api/v1/statements/{self.id}/export?format={form}"


@dataclass(frozen=True)
class IntervalRow:
    """A stored usage interval of the line, half-open; `ends` is None while it continues."""

    state: str
    quantity: str
    starts: date
    ends: date | None


@dataclass(frozen=True)
class GivenApproval:
    """One approval of the plan that caused the amount, with the approved digest."""

    role: str
    decision: str
    person: str
    organisation: str
    digest: str
    at: datetime


@dataclass(frozen=True)
class LineDetail:
    """Page ``statements/line.html``: an amount, and its origin up to the request."""

    statement_id: str
    statement: str
    line: LineRow
    organisation: str
    catalogue: str
    discount: str
    month_days: int
    shares: tuple[tuple[str, int], ...]
    resource_id: str
    intervals: tuple[IntervalRow, ...]
    run_id: str
    run_kind: str
    run_status: str
    plan_id: str = ""
    plan_number: str = ""
    plan_digest: str = ""
    plan_status: str = ""
    request_id: str = ""
    request_number: str = ""
    request_title: str = ""
    approvals: tuple[GivenApproval, ...] = ()
    reverses: str = ""
