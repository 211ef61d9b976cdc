"""The month close: open the statements of a month and meter them, and escalate statements without an answer.

A close has two steps, each one transaction: `open_statements`, then `meter_statements`. A process that is
killed leaves each step either done or undone, so closing the month again continues it. A month whose
statements are all metered has nothing left to do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from orchestrator.billing import queries as usage_queries
from orchestrator.billing import statement_queries as queries
from orchestrator.billing import statement_store as store
from orchestrator.billing import store as usage_store
from orchestrator.billing.errors import (
    EarlierMonthOpen,
    MonthNotOver,
    UsageGap,
)
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import UsageStatement
from orchestrator.billing.months import month_after, month_text
from orchestrator.billing.statement_queries import LateMonth
from orchestrator.core import audit, jobs
from orchestrator.core.clock import today
from orchestrator.departments.permissions import Actor, Permission, require

CALENDAR = "system:calendar"
METER_JOB = "billing.meter"


@dataclass(frozen=True)
class Opened:
    """The number of open statements of a month, and the last event that their usage was compared with."""

    count: int
    event_seq: int


def open_statements(session: Session, month: date, actor: str, *, again: bool = False) -> Opened:
    """Give every department that used something in `month` an open statement.

    A metered statement is opened again if an event was recorded since, or, with `again`, in any case. An
    issued statement stays as it is.

    Raises:
        MonthNotOver: its last day has not passed.
        EarlierMonthOpen: an earlier month has usage on no statement; month and department are named.
        UnpricedUsage, UsageGap: as `meter_statements`.
    """
    usage_store.hold_off_events(session)
    store.work_on_sets(session)
    if month_after(month) > today(session):
        raise MonthNotOver(f"{month_text(month)} ends on {month_after(month)}.", field="month")
    store.keep_use(session, month)
    if earlier := queries.unstated(session, month):
        raise EarlierMonthOpen(
            f"{month_text(earlier[0])} of {earlier[1]} is not closed.", month=month_text(earlier[0])
        )
    metered = queries.of_month(session, month, StatementStatus.METERED)
    stale = set(queries.stale(session, month))
    for row in metered:
        if again or row.id in stale:
            store.reopen(session, store.lock(session, row.id), actor)
    for organisation in queries.wanted_organisations(session, month):
        store.add(session, organisation, month, actor)
    opened = queries.of_month(session, month, StatementStatus.OPEN)
    _require_priced(session, month, [row.organisation_code for row in opened])
    _require_whole(session, queries.checked_up_to(session, month))
    return Opened(len(opened), queries.last_event_seq(session))


def order_close(session: Session, actor: Actor, month: date, *, again: bool = False) -> int:
    """Open the statements of a month and enqueue their metering; return their number.

    Raises:
        MonthNotOver, EarlierMonthOpen, UnpricedUsage, UsageGap: nothing is opened.
    """
    require(actor, Permission.STATEMENTS_CLOSE)
    opened = open_statements(session, month, actor.audit_name, again=again)
    if opened.count:
        _order_metering(session, month, actor.audit_name, opened.event_seq)
    return opened.count


def _order_metering(session: Session, month: date, actor: str, compared: int = 0) -> None:
    text = month_text(month)
    jobs.enqueue(
        session,
        METER_JOB,
        queue=jobs.MAINTENANCE,
        lock=f"close:{text}",
        month=text,
        actor=actor,
        compared=compared,
    )


def meter_statements(
    session: Session, month: date, actor: str, compared: int = 0
) -> Sequence[UsageStatement]:
    """Fill the open statements of a month: lines, corrections of earlier months, movement, totals.

    Usage was compared with every event up to `compared` when the statements were opened. Only resources with
    a later event are compared again, because usage changes with events only.

    Later months that are not issued are metered after this one, because they open with its closing quantities
    and correct months that it leaves uncorrected.

    Raises:
        UnpricedUsage: some day does not have exactly one price; SKU and first day are named.
        UsageGap: stored usage differs from the events; SKU, resource and first day are named.
    """
    usage_store.hold_off_events(session)
    store.work_on_sets(session)
    statements = store.lock_open(session, month)
    organisations = [row.organisation_code for row in statements]
    # Corrections by later months must not count here, so these months are opened again first.
    _reopen_later(session, month, organisations, actor)
    store.keep_use(session, month)
    _require_priced(session, month, organisations)
    _require_whole(session, max(compared, queries.checked_up_to(session, month)))
    event_seq = queries.last_event_seq(session)
    for row in statements:
        store.empty(session, row)
    store.keep_changes(session, month, organisations)
    store.write_lines(session, month, organisations)
    by_organisation = {row.organisation_code: row for row in statements}
    for late in _late_months(session, month, organisations):
        store.write_corrections(session, by_organisation[late.organisation], late, event_seq)
    store.write_movement(session, month)
    store.finish(session, statements, event_seq, actor)
    return statements


def _reopen_later(session: Session, month: date, organisations: Sequence[str], actor: str) -> None:
    later = queries.unissued_after(session, month, organisations)
    for row in later:
        if row.status == StatementStatus.METERED:
            store.reopen_empty(session, store.lock(session, row.id), actor)
    for later_month in sorted({row.month for row in later}):
        _order_metering(session, later_month, actor)


def _require_priced(session: Session, month: date, organisations: Sequence[str]) -> None:
    """Require exactly one price on every billed day of the month and of the months to correct."""
    store.keep_terms(session, month, organisations)
    if flaw := queries.flaw(session, month, organisations):
        raise usage_queries.unpriced(*flaw)
    for late in _late_months(session, month, organisations):
        if flaw := queries.late_flaw(session, late):
            raise usage_queries.unpriced(*flaw)


def _late_months(session: Session, month: date, organisations: Sequence[str]) -> list[LateMonth]:
    return [late for late in queries.late_months(session, month) if late.organisation in organisations]


def _require_whole(session: Session, compared: int) -> None:
    if gap := usage_queries.first_gap(session, compared):
        resource, sku, day = gap
        raise UsageGap(
            f"{sku} of resource {resource} differs from its events on {day}.", sku=sku, day=day.isoformat()
        )


def escalate_statements(session: Session) -> int:
    """Escalate statements without a timely answer to the smart-city office; return their number."""
    overdue = queries.overdue(session, today(session))
    for row in overdue:
        store.transition(session, row, StatementStatus.ESCALATED, CALENDAR, due=str(row.answer_due))
    return len(overdue)


def altered_statements(session: Session) -> list[str]:
    """Return the numbers of statements whose digest differs from the audited one (domain NEG-10)."""
    return [
        str(row.number)
        for row in queries.issued(session)
        if not queries.digest(session, row.id, row.number, row.issued_on)
        == row.digest
        == _audited_digest(session, row)
    ]


def _audited_digest(session: Session, row: UsageStatement) -> str | None:
    events = audit.page(session, object_id=str(row.id), limit=1000)
    issued = [json.loads(event.body)["data"] for event in events if event.action == "usage_statement:issued"]
    digests = [data["digest"] for data in issued if "digest" in data]
    return digests[-1] if digests else None
