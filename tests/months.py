"""Acts on a month on the running product: close it, issue, confirm, dispute, save the files."""

from datetime import date, datetime, time

from sqlalchemy import Engine

from orchestrator.client.models import ExportStatementFormat, MonthClose, StatementDetail, StatementLineDetail
from orchestrator.core import clock
from orchestrator.core.clock import CITY
from orchestrator.core.db import transaction
from tests.callers import Callers
from tests.running import RunningService, wait_until

REVIEWER, OFFICER, OFFICE, PROVIDER = "xxh.reviewer", "slj.officer", "zhb.approver", "csp1.applier"


def on_day(engine: Engine, day: str) -> None:
    """Nine o'clock of this day, for every process on the database."""
    with transaction(engine) as session:
        clock.set_to(session, datetime.combine(date.fromisoformat(day), time(9), CITY))


def order_close(callers: Callers, month: str, *, again: bool = False) -> MonthClose:
    """Close a month as the centre; return the answer."""
    return callers(REVIEWER).close_month(month, again=again)


def wait_until_metered(callers: Callers, month: str, seconds: float = 60) -> MonthClose:
    """How the month stands once no statement of it waits for a worker."""

    def done() -> MonthClose | None:
        progress = callers(REVIEWER).read_month(month)
        return None if progress.to_meter else progress

    progress: MonthClose = wait_until(done, f"{month} is metered", seconds)
    return progress


def close(service: RunningService, month: str, *, again: bool = False) -> MonthClose:
    """The month after a worker has metered it."""
    order_close(service.callers, month, again=again)
    return wait_until_metered(service.callers, month)


def current(callers: Callers, month: str, department: str = "SLJ") -> StatementDetail:
    """The newest statement of the department for the month."""
    return callers(REVIEWER).list_statements(organisation=department, month=month).items[0]


def lines(callers: Callers, statement: StatementDetail, by: str = OFFICER) -> tuple[StatementLineDetail, ...]:
    """The statement's lines."""
    return callers(by).list_statement_lines(statement.id).items


def files(callers: Callers, statement: StatementDetail, by: str = OFFICER) -> dict[str, bytes]:
    """The statement in every format."""
    return {form: callers(by).export_statement(statement.id, format=form) for form in ExportStatementFormat}
