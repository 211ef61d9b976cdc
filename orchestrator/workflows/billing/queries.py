"""SQL conditions of the acts on statements."""

from sqlalchemy import ColumnElement, func, literal, true
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from orchestrator.billing.lifecycle import CAN_BE_METERED, UNDECIDED, StatementStatus
from orchestrator.billing.models import UsageStatement
from orchestrator.departments.permissions import Actor, Role


def month_before_is_decided(_actor: Actor) -> ColumnElement[bool]:
    """The department has no statement for an earlier month, or the latest one is issued and not disputed."""
    earlier = aliased(UsageStatement)
    status = (
        select(earlier.status)
        .where(
            earlier.organisation_code == UsageStatement.organisation_code,
            col(earlier.month) < col(UsageStatement.month),
            earlier.status != StatementStatus.UPHELD,
        )
        .order_by(col(earlier.month).desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(status.not_in(UNDECIDED), true())


def no_later_month_is_issued(_actor: Actor) -> ColumnElement[bool]:
    """No statement of the department for a later month is issued."""
    later = aliased(UsageStatement)
    issued = select(later.id).where(
        later.organisation_code == UsageStatement.organisation_code,
        col(later.month) > col(UsageStatement.month),
        col(later.status).not_in((*CAN_BE_METERED, StatementStatus.UPHELD)),
    )
    return ~issued.exists()


def is_of_own_organisation_or_applied(actor: Actor) -> ColumnElement[bool]:
    """The statement is of the person's own organisation, or the person is an applier of the provider."""
    if Role.APPLIER in actor.roles:
        return literal(value=True)
    return col(UsageStatement.organisation_code) == actor.organisation
