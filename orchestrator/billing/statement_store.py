"""Writes of statements."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from orchestrator.billing.lifecycle import STATEMENT_LIFECYCLE, StatementStatus
from orchestrator.billing.models import ConsideredCorrection, UsageStatement
from orchestrator.billing.month_close import MONTH_CLOSE
from orchestrator.billing.months import month_after
from orchestrator.billing.statement_queries import LateMonth
from orchestrator.core import audit, transitions
from orchestrator.core.clock import now
from orchestrator.core.events import Event
from orchestrator.core.rows import lock_row
from orchestrator.core.transitions import Transition

_TABLES = ("statement_lines", "sku_movements", "considered_corrections")
# Number of intervals rated at a time: their lines are sorted, and passed to the trigger, within `work_mem`.
AT_ONCE = 500_000
# A million rows are sorted and hashed in memory; compiling the plan would take longer than it saves. The
# planner has no statistics of rows written in this transaction: a plan for few rows would take hours.
_FOR_SETS = (
    "SET LOCAL work_mem = '256MB'",
    "SET LOCAL jit = off",
    "SET LOCAL enable_nestloop = off",
    "SET LOCAL enable_mergejoin = off",
)


def work_on_sets(session: Session) -> None:
    """Let the database plan for a whole month of a city until this transaction ends."""
    for setting in _FOR_SETS:
        session.execute(text(setting))


def add(
    session: Session, organisation: str, month: date, actor: str, replaces: UsageStatement | None = None
) -> UsageStatement:
    """Add an open statement; one that replaces another is its next revision."""
    row = UsageStatement(
        organisation_code=organisation,
        month=month,
        revision=replaces.revision + 1 if replaces else 1,
        replaces_id=replaces.id if replaces else None,
        status_at=now(session),
    )
    session.add(row)
    session.flush()
    data = {"month": month.isoformat(), "revision": row.revision}
    subject = ("usage_statement", row.id)
    audit.record(
        session, Event("usage_statement:opened", subject, actor=actor, organisation=organisation, data=data)
    )
    return row


def lock(session: Session, statement_id: UUID) -> UsageStatement:
    """Lock and return a statement.

    Raises:
        NotFound: it does not exist.
    """
    return lock_row(session, UsageStatement, statement_id)


def lock_open(session: Session, month: date) -> Sequence[UsageStatement]:
    """Lock and return the open statements of a month, by department."""
    statement = select(UsageStatement).where(
        UsageStatement.month == month, UsageStatement.status == StatementStatus.OPEN
    )
    return session.exec(statement.order_by(UsageStatement.organisation_code).with_for_update()).all()


def lock_later(session: Session, row: UsageStatement) -> Sequence[UsageStatement]:
    """Lock and return the current statements of the department for later months, by month."""
    statement = select(UsageStatement).where(
        UsageStatement.organisation_code == row.organisation_code,
        UsageStatement.month > row.month,
        UsageStatement.status != StatementStatus.UPHELD,
    )
    by_month = statement.order_by(col(UsageStatement.month)).with_for_update()
    return session.exec(by_month.execution_options(populate_existing=True)).all()


def transition(
    session: Session, row: UsageStatement, status: StatementStatus, actor: str, **data: object
) -> None:
    """Change the status of a statement, with its audit event; nothing else writes it."""
    session.add(row)
    transitions.transition(
        session,
        STATEMENT_LIFECYCLE,
        row,
        Transition(
            status,
            actor=actor,
            organisation=row.organisation_code,
            data={"month": row.month.isoformat(), "number": row.number, **data},
        ),
    )


def reopen(session: Session, row: UsageStatement, actor: str) -> None:
    """Open a metered statement again, to meter it again."""
    row.event_seq = None
    transition(session, row, StatementStatus.OPEN, actor)


def reopen_empty(session: Session, row: UsageStatement, actor: str) -> None:
    """Open a metered statement again without its content, because an earlier month is metered again."""
    row.line_count, row.total_fen = 0, 0
    reopen(session, row, actor)
    empty(session, row)


def empty(session: Session, row: UsageStatement) -> None:
    """Delete lines, movement and considered corrections of an open statement."""
    for table in _TABLES:
        delete = text(f"DELETE FROM {table} WHERE statement_id = :statement")  # noqa: S608 - constants alone
        session.execute(delete, {"statement": row.id})


def keep_use(session: Session, month: date) -> None:
    """Read all usage once and keep the figures that a close of the month needs until the transaction ends."""
    _keep(session, "keep_use", "closing_use", month=month, ends=month_after(month))


def keep_terms(session: Session, month: date, organisations: Sequence[str]) -> None:
    """Keep the prices, discounts and payer splits that apply to these departments' usage in the month."""
    bounds = {"month": month, "ends": month_after(month)}
    _keep(session, "keep_terms", "closing_terms", **bounds, organisations=list(organisations))
    session.execute(text("ANALYZE closing_terms"))


def _keep(session: Session, block: str, table: str, **parameters: object) -> None:
    session.execute(text(f"DROP TABLE IF EXISTS {table}"))
    session.execute(text(MONTH_CLOSE[block]), parameters)


def keep_changes(session: Session, month: date, organisations: Sequence[str]) -> None:
    """Keep the usage of these departments that changed in the month, and where it divides lines.

    Uses the kept terms. The departments are those with an open statement.
    """
    bounds = {"month": month, "ends": month_after(month)}
    session.execute(text("SET LOCAL enable_nestloop = on"))
    _keep(session, "keep_statements", "closing_statements", month=month)
    after = session.execute(text("SELECT min(event_seq) FROM closing_statements")).scalar_one()
    _keep(session, "keep_late", "closing_late", month=month, after=after)
    session.execute(text("SET LOCAL enable_nestloop = off"))
    _keep(session, "keep_ended", "closing_ended", **bounds)
    _keep(session, "keep_divided", "closing_divided", **bounds, organisations=list(organisations))
    # Few rows in most months: with their statistics the planner chooses small hash tables.
    session.execute(text("ANALYZE closing_statements, closing_late, closing_ended, closing_divided"))


def write_lines(session: Session, month: date, organisations: Sequence[str]) -> None:
    """Rate the month's usage of these departments into their open statements.

    Uses what `keep_use`, `keep_terms` and `keep_changes` have kept.
    """
    bounds = {"month": month, "ends": month_after(month)}
    counts = session.execute(text(MONTH_CLOSE["intervals"]), {"organisations": list(organisations)})
    for group in _groups([(row[0], row[1]) for row in counts]):
        session.execute(text(MONTH_CLOSE["write_lines"]), {**bounds, "organisations": group})


def _groups(intervals: Sequence[tuple[str, int]]) -> list[list[str]]:
    """Return the departments in groups of about equal size, at most about `AT_ONCE` intervals.

    A department with more intervals is alone in its group.
    """
    total = sum(count for _, count in intervals)
    limit = total / max(1, round(total / AT_ONCE))
    groups: list[list[str]] = []
    room = 0.0
    for organisation, count in intervals:
        if not groups or count / 2 > room:
            groups.append([])
            room = limit
        groups[-1].append(organisation)
        room -= count
    return groups


def write_corrections(session: Session, statement: UsageStatement, late: LateMonth, event_seq: int) -> None:
    """Write counter-lines for wrong lines of an earlier month, and the right lines."""
    session.execute(text(MONTH_CLOSE["write_corrections"]), {"month": statement.month, **late.bounds()})
    session.add(ConsideredCorrection(statement_id=statement.id, month=late.month, event_seq=event_seq))
    session.flush()


def write_movement(session: Session, month: date) -> None:
    """Add up the open statements of a month, and write how the quantity of every SKU changed in them.

    Uses what `keep_use` and `keep_changes` have kept.
    """
    bounds = {"month": month, "ends": month_after(month)}
    # The planner does not know how many lines were written a moment ago and would sort them first.
    session.execute(text("SET LOCAL enable_sort = off"))
    _keep(session, "keep_sums", "closing_sums", **bounds)
    session.execute(text("SET LOCAL enable_sort = on"))
    # Few quantities change in most months; the planner knows how many and looks them up one by one.
    session.execute(text("SET LOCAL enable_nestloop = on"))
    session.execute(text(MONTH_CLOSE["write_movement"]), bounds)
    session.execute(text("SET LOCAL enable_nestloop = off"))


def finish(session: Session, statements: Sequence[UsageStatement], event_seq: int, actor: str) -> None:
    """Write the kept sums to the open statements of a month and mark them metered."""
    if not statements:
        return
    rows = session.execute(text(MONTH_CLOSE["totals"]), {"month": statements[0].month})
    totals = {statement_id: (lines, total) for statement_id, lines, total in rows}
    for row in statements:
        row.line_count, row.total_fen = totals[row.id]
        row.event_seq = event_seq
        transition(
            session, row, StatementStatus.METERED, actor, lines=row.line_count, total_fen=row.total_fen
        )


def number(row: UsageStatement) -> str:
    """Return the number of a statement; it does not depend on when it is issued."""
    revision = f"-{row.revision}" if row.revision > 1 else ""
    return f"ST-{row.month:%Y-%m}-{row.organisation_code}{revision}"
