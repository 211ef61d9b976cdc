"""The month close and the acts on its statements: close, issue, confirm, dispute, decide.

A close has two steps, each one transaction: `open_statements`, then `meter_statements`. A process that is
killed leaves each step either done or undone, so closing the month again continues it. A month whose
statements are all metered has nothing left to do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlmodel import Session

from orchestrator.billing import queries as usage_queries
from orchestrator.billing import statement_queries as queries
from orchestrator.billing import statement_store as store
from orchestrator.billing import store as usage_store
from orchestrator.billing.errors import (
    EarlierMonthOpen,
    EarlierStatementUndecided,
    LaterMonthIssued,
    MonthNotOver,
    OwnStatement,
    SamePersonInStatement,
    StatementStale,
    UsageGap,
)
from orchestrator.billing.lifecycle import CAN_BE_METERED, StatementStatus
from orchestrator.billing.models import UsageStatement
from orchestrator.billing.months import month_after, month_text
from orchestrator.billing.statement_queries import LateMonth
from orchestrator.core import audit, jobs
from orchestrator.core.calendar import add_working_days
from orchestrator.core.clock import today
from orchestrator.core.errors import BadInput, NotPermitted
from orchestrator.core.events import Event
from orchestrator.departments.permissions import Actor, Permission, Role, require
from orchestrator.policies import rules
from orchestrator.policies.pack import PolicyPack

CALENDAR = "system:calendar"
METER_JOB = "billing.meter"
ANSWER_STEP = "confirm_statement"
UNDECIDED = (*CAN_BE_METERED, StatementStatus.DISPUTED)


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


def issue_statement(
    session: Session, actor: Actor, statement_id: UUID, pack: PolicyPack, version: int | None = None
) -> UsageStatement:
    """Issue a statement whose figures the centre has verified: number, amounts and digest are fixed.

    Raises:
        StatementStale: an event was recorded after it was metered.
        EarlierStatementUndecided: the month before is not issued, or disputed.
        OwnStatement: the actor belongs to the department.
    """
    row = store.lock(session, statement_id, version)
    _require_role(actor, row, pack, Role.CENTRE_REVIEWER, Permission.STATEMENTS_VERIFY)
    if row.id in queries.stale(session, row.month):
        raise StatementStale
    before = queries.previous(session, row)
    if before is not None and before.status in UNDECIDED:
        raise EarlierStatementUndecided(f"The statement for {month_text(before.month)} is {before.status}.")
    number, day, due = store.number(row), today(session), _answer_due(session, pack)
    row.digest = queries.digest(session, row.id, number, day)
    row.number, row.issued_on, row.answer_due, row.verified_by_id = number, day, due, actor.person_id
    figures = {"total_fen": row.total_fen, "lines": row.line_count, "digest": row.digest}
    store.transition(session, row, StatementStatus.ISSUED, actor.audit_name, **figures)
    return row


def _answer_due(session: Session, pack: PolicyPack) -> date:
    days = pack.time_limit(ANSWER_STEP).count
    return add_working_days(today(session), days, pack.calendar).date


def confirm_statement(
    session: Session, actor: Actor, statement_id: UUID, version: int | None = None
) -> UsageStatement:
    """Confirm a statement for its department. From then on only counter-lines correct its month.

    Raises:
        IllegalTransition: it is not issued, or it is disputed.
        SamePersonInStatement: the officer verified it or decided a dispute of it.
    """
    row = store.lock(session, statement_id, version)
    _require_own(actor, row, Permission.STATEMENTS_CONFIRM)
    _require_others(actor, row, "confirm", row.verified_by_id, row.decided_by_id)
    row.confirmed_by_id, row.confirmed_on = actor.person_id, today(session)
    store.transition(session, row, StatementStatus.CONFIRMED, actor.audit_name, digest=row.digest)
    return row


def dispute_statement(
    session: Session, actor: Actor, statement_id: UUID, reason: str, version: int | None = None
) -> UsageStatement:
    """Dispute a statement for its department or the provider, with a reason.

    Raises:
        BadInput: no reason is given.
    """
    row = store.lock(session, statement_id, version)
    if Role.APPLIER in actor.roles:
        require(actor, Permission.STATEMENTS_DISPUTE, row.organisation_code)
    else:
        _require_own(actor, row, Permission.STATEMENTS_DISPUTE)
    row.disputed_by_id, row.dispute_reason = actor.person_id, _needed(reason)
    store.transition(session, row, StatementStatus.DISPUTED, actor.audit_name, reason=reason)
    return row


@dataclass(frozen=True)
class Decision:
    """Decision of a dispute: upheld, with a new revision, or rejected."""

    upheld: bool
    reason: str


def decide_dispute(
    session: Session, actor: Actor, statement_id: UUID, decision: Decision, pack: PolicyPack
) -> UsageStatement:
    """Decide a dispute; return the same statement, issued, or its next revision, which is open.

    Raises:
        SamePersonInStatement: the actor verified or disputed it.
        OwnStatement: the actor belongs to the department.
        LaterMonthIssued: the dispute would be upheld, but a later month of the department is issued.
    """
    row = store.lock(session, statement_id)
    _require_role(actor, row, pack, Role.SMART_CITY_OFFICE, Permission.STATEMENTS_DECIDE)
    _require_others(actor, row, "decide", row.verified_by_id, row.disputed_by_id)
    row.decided_by_id, row.decision_reason = actor.person_id, _needed(decision.reason)
    if decision.upheld:
        _require_newest_issued(session, row)
        store.transition(session, row, StatementStatus.UPHELD, actor.audit_name, reason=decision.reason)
        return store.add(session, row.organisation_code, row.month, actor.audit_name, replaces=row)
    row.answer_due = _answer_due(session, pack)
    store.transition(session, row, StatementStatus.ISSUED, actor.audit_name, reason=decision.reason)
    return row


def _require_newest_issued(session: Session, row: UsageStatement) -> None:
    """Require that no later month is issued: it opens with this closing and may reverse these lines."""
    issued = [one for one in store.lock_later(session, row) if one.status not in CAN_BE_METERED]
    if issued:
        raise LaterMonthIssued(
            f"{month_text(issued[-1].month)} is {issued[-1].status} and is based on this statement. Let this"
            " statement stand and enter a usage correction, or uphold a dispute of the later month first."
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


def _require_role(
    actor: Actor, row: UsageStatement, pack: PolicyPack, role: Role, permission: Permission
) -> None:
    """Require the role that acts for this department, in a person of another one (domain §2.15)."""
    acting = Role(rules.approving_role(role, row.organisation_code, pack))
    require(actor, Permission.REQUESTS_READ, row.organisation_code)
    if acting is role:
        require(actor, permission, row.organisation_code)
    elif not actor.acts_as(acting):
        raise NotPermitted(f"Statements of {row.organisation_code} are decided by the role {acting}.")
    if actor.organisation == row.organisation_code:
        raise OwnStatement


def _require_own(actor: Actor, row: UsageStatement, permission: Permission) -> None:
    require(actor, permission, row.organisation_code)
    if actor.organisation != row.organisation_code:
        raise NotPermitted("Only the department itself answers its statement.")


def _require_others(actor: Actor, row: UsageStatement, act: str, *others: UUID | None) -> None:
    if actor.person_id in others:
        raise SamePersonInStatement().noted(
            Event(
                "usage_statement:same_person_refused",
                ("usage_statement", row.id),
                actor.audit_name,
                row.organisation_code,
                {"act": act},
            )
        )


def _needed(reason: str) -> str:
    if not reason.strip():
        raise BadInput("Give a reason.", field="reason")
    return reason
