"""Months as people close them: close, issue, confirm; and the statement afterwards."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import Session

from orchestrator.billing import statement_queries as queries
from orchestrator.billing.intervals import SkuUse
from orchestrator.billing.models import UsageStatement
from orchestrator.core.db import transaction
from orchestrator.workflows.act import Act, Call
from orchestrator.workflows.billing import month_close, usage
from orchestrator.workflows.billing.acts import CONFIRM, ISSUE
from orchestrator.workflows.nouns import STATEMENTS
from orchestrator.workflows.perform import perform
from tests.db.billing import hosts

JUNE, JULY, AUGUST = date(2019, 6, 1), date(2019, 7, 1), date(2019, 8, 1)
ACTOR = "operator:test"


def close(engine: Engine, month: date, *, again: bool = False) -> int:
    """Both steps of a close; how many statements were metered."""
    with transaction(engine) as session:
        month_close.open_statements(session, month, ACTOR, again=again)
    with transaction(engine) as session:
        return len(month_close.meter_statements(session, month, ACTOR))


def statement(engine: Engine, month: date, department: str = "SLJ") -> UsageStatement:
    with Session(engine) as session:
        return queries.current(session, department, month)


def act(session: Session, username: str, act: Act, statement_id: UUID, reason: str = "") -> UsageStatement:
    """The statement that continues after this person's act: the same one, or its next revision."""
    call = Call(session, hosts.actor(session, username), hosts.PACK, reason=reason)
    continuing: UsageStatement = perform(STATEMENTS, act, call, statement_id)
    return continuing


def issue(engine: Engine, month: date, department: str = "SLJ") -> UsageStatement:
    row = statement(engine, month, department)
    with transaction(engine) as session:
        return act(session, "xxh.reviewer", ISSUE, row.id)


def confirm(engine: Engine, month: date, department: str = "SLJ") -> UsageStatement:
    row = statement(engine, month, department)
    with transaction(engine) as session:
        return act(session, hosts.OFFICERS[department][0], CONFIRM, row.id)


def settle(engine: Engine, month: date, department: str = "SLJ") -> UsageStatement:
    """Close, issue and confirm."""
    close(engine, month)
    issue(engine, month, department)
    return confirm(engine, month, department)


def lines(engine: Engine, month: date, department: str = "SLJ") -> list[tuple[Any, ...]]:
    """Kind, SKU, quantity, first day, end, amount in fen, in the order of SKU, day and kind."""
    row = statement(engine, month, department)
    with Session(engine) as session:
        found = [item.line for item in queries.lines(session, row.id)]
    shown = [
        (one.kind, one.sku_code, int(one.quantity), str(one.starts), str(one.ends), one.amount_fen)
        for one in found
    ]
    return sorted(shown, key=lambda one: (one[1], one[3], one[0]))


def movement(engine: Engine, month: date, department: str = "SLJ") -> dict[str, tuple[int, int, int, int]]:
    """By SKU: opening, increases, decreases, closing."""
    row = statement(engine, month, department)
    with Session(engine) as session:
        found = queries.movements(session, row.id)
    return {
        one.sku_code: (int(one.opening), int(one.increases), int(one.decreases), int(one.closing))
        for one in found
    }


def stored(engine: Engine) -> list[tuple[Any, ...]]:
    """Everything that closes have written, without ids that differ from one run to the next."""
    with engine.connect() as connection:
        return [
            tuple(row)
            for row in connection.execute(
                text(
                    "SELECT s.organisation_code, s.month, s.revision, s.status, s.total_fen, s.line_count,"
                    " s.event_seq, l.position, l.kind, l.month, l.resource_id, l.sku_code, l.quantity,"
                    " l.starts, l.ends, l.amount_fen, l.payers, l.shares_fen, m.sku_code, m.opening,"
                    " m.increases, m.decreases, m.closing FROM usage_statements s"
                    " LEFT JOIN statement_lines l ON l.statement_id = s.id"
                    " LEFT JOIN sku_movements m ON m.statement_id = s.id"
                    " ORDER BY 1, 2, 3, l.position, m.sku_code"
                )
            )
        ]


def correct(engine: Engine, host: hosts.Host, day: date, **sizes: int) -> None:
    """A late word of the centre about the instance."""
    uses = [SkuUse(f"ECS-X86-{name}", Decimal(quantity)) for name, quantity in sizes.items()]
    with transaction(engine) as session:
        correction = usage.UsageCorrection(day, "read from the meter", skus=uses)
        usage.correct_usage(session, hosts.actor(session, "xxh.reviewer"), host.instance, correction)
