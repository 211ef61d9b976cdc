"""Reads of statements and of the facts that a month close needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from orchestrator.billing.lifecycle import CAN_BE_METERED, StatementStatus
from orchestrator.billing.models import (
    MeteredResource,
    SkuMovement,
    StatementLine,
    UsageEvent,
    UsageStatement,
)
from orchestrator.billing.month_close import MONTH_CLOSE
from orchestrator.billing.months import month_after
from orchestrator.core.errors import NotFound
from orchestrator.core.rows import get_row


@dataclass(frozen=True)
class LateMonth:
    """A final month of a department, and the resources with events recorded since."""

    organisation: str
    month: date
    resources: Sequence[UUID]

    def bounds(self) -> dict[str, object]:
        """Return the parameters of the SQL for corrections."""
        return {
            "starts": self.month,
            "until": month_after(self.month),
            "organisations": [self.organisation],
            "resources": list(self.resources),
        }


@dataclass(frozen=True)
class ListedLine:
    """A line with its resource."""

    line: StatementLine
    resource: MeteredResource


def get(session: Session, statement_id: UUID) -> UsageStatement:
    """Return one statement.

    Raises:
        NotFound: it does not exist.
    """
    return get_row(session, UsageStatement, statement_id)


def current(session: Session, organisation: str, month: date) -> UsageStatement:
    """Return the newest revision of a department's statement for a month.

    Raises:
        NotFound: the department has no statement for it.
    """
    statement = select(UsageStatement).where(
        UsageStatement.organisation_code == organisation, UsageStatement.month == month
    )
    newest = session.exec(statement.order_by(col(UsageStatement.revision).desc()).limit(1)).first()
    if newest is None:
        raise NotFound(f"There is no statement of {organisation} for {month:%Y-%m}.")
    return newest


@dataclass(frozen=True)
class StatementFilter:
    """Limits of a list of statements; None does not limit it."""

    organisation: str | None = None
    month: date | None = None
    status: str | None = None


def page(
    session: Session, chosen: StatementFilter, *, after: UUID | None = None, limit: int = 100
) -> Sequence[UsageStatement]:
    """Return statements, newest month first, then by department and revision, that follow `after`."""
    month_key, code, revision = (
        col(UsageStatement.month),
        col(UsageStatement.organisation_code),
        col(UsageStatement.revision),
    )
    statement = select(UsageStatement).order_by(month_key.desc(), code, revision.desc()).limit(limit)
    if chosen.organisation is not None:
        statement = statement.where(code == chosen.organisation)
    if chosen.month is not None:
        statement = statement.where(month_key == chosen.month)
    if chosen.status is not None:
        statement = statement.where(UsageStatement.status == chosen.status)
    if after is not None:
        last = get(session, after)
        same = (month_key == last.month) & (code == last.organisation_code)
        statement = statement.where(
            (month_key < last.month)
            | ((month_key == last.month) & (code > last.organisation_code))
            | (same & (revision < last.revision))
        )
    return session.exec(statement).all()


def lines(
    session: Session, statement_id: UUID, *, after: int = 0, limit: int | None = None
) -> list[ListedLine]:
    """Return lines with their resources in order; `after` is the position of the last one shown."""
    statement = (
        select(StatementLine, MeteredResource)
        .join(MeteredResource, col(MeteredResource.resource_id) == col(StatementLine.resource_id))
        .where(StatementLine.statement_id == statement_id, col(StatementLine.position) > after)
        .order_by(col(StatementLine.position))
        .limit(limit)
    )
    return [ListedLine(line, resource) for line, resource in session.exec(statement)]


def line(session: Session, statement_id: UUID, position: int) -> ListedLine:
    """Return one line.

    Raises:
        NotFound: the statement has no line at this position.
    """
    following = lines(session, statement_id, after=position - 1, limit=1)
    if not following or following[0].line.position != position:
        raise NotFound
    return following[0]


def movements(session: Session, statement_id: UUID) -> Sequence[SkuMovement]:
    """Return the movement of quantities, by SKU."""
    statement = select(SkuMovement).where(SkuMovement.statement_id == statement_id)
    return session.exec(statement.order_by(SkuMovement.sku_code)).all()


def wanted_organisations(session: Session, month: date) -> Sequence[str]:
    """Return the departments that need a statement of the month and have none."""
    return session.execute(text(MONTH_CLOSE["departments_without_statement"]), _bounds(month)).scalars().all()


def unstated(session: Session, month: date) -> tuple[date, str] | None:
    """Return the first earlier month with usage on no metered statement, and its department, or None."""
    row = session.execute(text(MONTH_CLOSE["first_month_without_statement"]), {"month": month}).first()
    return (row[0], row[1]) if row else None


def stale(session: Session, month: date) -> Sequence[UUID]:
    """Return the metered statements of the month about which an event was recorded since."""
    return session.execute(text(MONTH_CLOSE["stale"]), _bounds(month)).scalars().all()


def of_month(session: Session, month: date, status: StatementStatus) -> Sequence[UsageStatement]:
    """Return the statements of a month in one status, by department."""
    statement = select(UsageStatement).where(UsageStatement.month == month, UsageStatement.status == status)
    return session.exec(statement.order_by(UsageStatement.organisation_code)).all()


def unissued_after(session: Session, month: date, organisations: Sequence[str]) -> Sequence[UsageStatement]:
    """Return unissued statements of these departments for later months, by month and department."""
    statement = select(UsageStatement).where(
        UsageStatement.month > month,
        col(UsageStatement.status).in_(CAN_BE_METERED),
        col(UsageStatement.organisation_code).in_(organisations),
    )
    return session.exec(statement.order_by(col(UsageStatement.month), UsageStatement.organisation_code)).all()


def statuses(session: Session, month: date) -> dict[StatementStatus, int]:
    """Return the number of statements of a month by status."""
    statement = select(UsageStatement.status, func.count()).where(UsageStatement.month == month)
    counts = session.exec(statement.group_by(UsageStatement.status)).all()
    return {StatementStatus(status): count for status, count in counts}


def flaw(session: Session, month: date, organisations: Sequence[str]) -> tuple[str, str, str, date] | None:
    """Return flaw, resource, SKU and first day of usage that the kept terms cannot price, or None."""
    return _first_flaw(
        session, MONTH_CLOSE["flaws_of_month"], {**_bounds(month), "organisations": list(organisations)}
    )


def late_flaw(session: Session, late: LateMonth) -> tuple[str, str, str, date] | None:
    """Return the same for an earlier month that is rated again, on the resources concerned."""
    return _first_flaw(session, MONTH_CLOSE["flaws_of_late_month"], late.bounds())


def _first_flaw(
    session: Session, query: str, given: Mapping[str, object]
) -> tuple[str, str, str, date] | None:
    row = session.execute(text(query), given).first()
    return (row[0], str(row[1]), row[2], row[3]) if row else None


def late_months(session: Session, month: date) -> list[LateMonth]:
    """Return final months before `month` with events that no later statement has considered."""
    rows = session.execute(text(MONTH_CLOSE["late_months"]), {"month": month})
    return [LateMonth(*row) for row in rows]


def last_event_seq(session: Session) -> int:
    """Return the number of the newest event; 0 if there is none."""
    return session.exec(select(func.max(UsageEvent.seq))).one() or 0


def checked_up_to(session: Session, month: date) -> int:
    """Return the number of the last event whose intervals the close of an earlier month has checked."""
    statement = select(func.max(UsageStatement.event_seq)).where(UsageStatement.month < month)
    return session.exec(statement).one() or 0


def previous(session: Session, statement: UsageStatement) -> UsageStatement | None:
    """Return the current statement of the department for the latest earlier month, or None."""
    earlier = select(UsageStatement).where(
        UsageStatement.organisation_code == statement.organisation_code,
        col(UsageStatement.month) < statement.month,
        UsageStatement.status != StatementStatus.UPHELD,
    )
    return session.exec(earlier.order_by(col(UsageStatement.month).desc()).limit(1)).first()


def last_issued_after(session: Session, statement: UsageStatement) -> UsageStatement | None:
    """Return the department's issued statement for the latest month after this one's, or None."""
    later = select(UsageStatement).where(
        UsageStatement.organisation_code == statement.organisation_code,
        col(UsageStatement.month) > statement.month,
        col(UsageStatement.status).not_in((*CAN_BE_METERED, StatementStatus.UPHELD)),
    )
    return session.exec(later.order_by(col(UsageStatement.month).desc()).limit(1)).first()


def overdue(session: Session, day: date) -> Sequence[UsageStatement]:
    """Lock and return issued statements whose answer was due before `day`."""
    statement = select(UsageStatement).where(
        UsageStatement.status == StatementStatus.ISSUED, col(UsageStatement.answer_due) < day
    )
    return session.exec(statement.with_for_update(skip_locked=True)).all()


def issued(session: Session) -> Sequence[UsageStatement]:
    """Return every statement with a number, by number."""
    statement = select(UsageStatement).where(col(UsageStatement.number).is_not(None))
    return session.exec(statement.order_by(UsageStatement.number)).all()


def digest(session: Session, statement_id: UUID, number: str | None, issued_on: date | None) -> str:
    """Return the SHA-256 of the stored statement with this number and date."""
    given = {"statement": statement_id, "number": number, "issued_on": issued_on}
    sha256: str = session.execute(text(MONTH_CLOSE["digest"]), given).scalar_one()
    return sha256


def of_year(session: Session, year: int, organisation: str | None = None) -> Sequence[UsageStatement]:
    """Return the current statements of a year, by department and month."""
    statement = select(UsageStatement).where(
        col(UsageStatement.month) >= date(year, 1, 1),
        col(UsageStatement.month) < date(year + 1, 1, 1),
        UsageStatement.status != StatementStatus.UPHELD,
    )
    if organisation is not None:
        statement = statement.where(UsageStatement.organisation_code == organisation)
    return session.exec(statement.order_by(UsageStatement.organisation_code, col(UsageStatement.month))).all()


def _bounds(month: date) -> Mapping[str, date]:
    return {"month": month, "ends": month_after(month)}
