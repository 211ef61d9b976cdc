"""The steps behind the acts on a statement: issue, confirm, dispute, and decide a dispute."""

from datetime import date
from uuid import UUID

from sqlmodel import Session

from orchestrator.billing import statement_queries as queries
from orchestrator.billing import statement_store as store
from orchestrator.billing.errors import StatementStale
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import UsageStatement
from orchestrator.core.calendar import add_working_days
from orchestrator.core.clock import today
from orchestrator.policies.pack import PolicyPack
from orchestrator.workflows.act import Call

ANSWER_STEP = "confirm_statement"
S = StatementStatus


def issue(call: Call, statement: UsageStatement) -> UsageStatement:
    """Issue a statement whose figures the centre has verified: number, amounts and digest are fixed.

    Raises:
        StatementStale: an event was recorded after it was metered.
    """
    session = call.session
    if statement.id in queries.stale(session, statement.month):
        raise StatementStale
    number, day = store.number(statement), today(session)
    statement.digest = queries.digest(session, statement.id, number, day)
    statement.number, statement.issued_on = number, day
    statement.answer_due = _answer_due(session, call.pack)
    statement.verified_by_id = call.actor.person_id
    figures = {
        "total_fen": statement.total_fen,
        "lines": statement.line_count,
        "digest": statement.digest,
    }
    store.transition(session, statement, S.ISSUED, call.actor.audit_name, **figures)
    return statement


def _answer_due(session: Session, pack: PolicyPack) -> date:
    days = pack.time_limit(ANSWER_STEP).count
    return add_working_days(today(session), days, pack.calendar).date


def confirm(call: Call, statement: UsageStatement) -> UsageStatement:
    """Confirm a statement for its department. From then on only counter-lines correct its month."""
    statement.confirmed_by_id, statement.confirmed_on = call.actor.person_id, today(call.session)
    store.transition(call.session, statement, S.CONFIRMED, call.actor.audit_name, digest=statement.digest)
    return statement


def dispute(call: Call, statement: UsageStatement) -> UsageStatement:
    """Dispute a statement for its department or the provider."""
    statement.disputed_by_id, statement.dispute_reason = call.actor.person_id, call.reason
    store.transition(call.session, statement, S.DISPUTED, call.actor.audit_name, reason=call.reason)
    return statement


def lock_with_later(session: Session, statement_id: UUID) -> tuple[UsageStatement, None]:
    """Lock a statement, and the department's statements of later months so that none is issued meanwhile."""
    statement = store.lock(session, statement_id)
    store.lock_later(session, statement)
    return statement, None


def uphold(call: Call, statement: UsageStatement) -> UsageStatement:
    """Uphold the dispute, and return the next revision of the statement, which is open."""
    _decide(call, statement, S.UPHELD)
    return store.add(
        call.session,
        statement.organisation_code,
        statement.month,
        call.actor.audit_name,
        replaces=statement,
    )


def let_stand(call: Call, statement: UsageStatement) -> UsageStatement:
    """Reject the dispute. The statement is issued as it was and waits for an answer again."""
    statement.answer_due = _answer_due(call.session, call.pack)
    return _decide(call, statement, S.ISSUED)


def _decide(call: Call, statement: UsageStatement, status: StatementStatus) -> UsageStatement:
    statement.decided_by_id, statement.decision_reason = call.actor.person_id, call.reason
    store.transition(call.session, statement, status, call.actor.audit_name, reason=call.reason)
    return statement
