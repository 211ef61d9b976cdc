"""Reads of quota, pool and budget."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from orchestrator.quotas.arithmetic import CounterKind
from orchestrator.quotas.commitments import Commitment, Committed
from orchestrator.quotas.models import (
    BudgetCommitment,
    BudgetLine,
    Hold,
    HoldItem,
    HoldStatus,
    PoolCapacity,
    QuotaLimit,
    ResourcePool,
)

CLOUD_PURPOSE = "gov_cloud_service"


def pools(session: Session) -> Mapping[str, ResourcePool]:
    """Return all pools by code."""
    return {pool.code: pool for pool in session.exec(select(ResourcePool).order_by(ResourcePool.code))}


def pool_capacities(session: Session, codes: Sequence[str] | None = None) -> Sequence[PoolCapacity]:
    """Capacities of all pools, or of some."""
    statement = select(PoolCapacity).order_by(PoolCapacity.pool_code, PoolCapacity.resource_class)
    if codes is not None:
        statement = statement.where(col(PoolCapacity.pool_code).in_(codes))
    return session.exec(statement).all()


def limits(session: Session, organisation: str) -> Sequence[QuotaLimit]:
    """Return the limits of one organisation with held and committed amounts."""
    statement = select(QuotaLimit).where(QuotaLimit.organisation_code == organisation)
    return session.exec(
        statement.order_by(QuotaLimit.zone_class, col(QuotaLimit.resource_class).desc())
    ).all()


def budget_lines(session: Session, organisation: str | None = None) -> Sequence[BudgetLine]:
    """Budget lines of one organisation or of all."""
    statement = select(BudgetLine).order_by(BudgetLine.organisation_code, col(BudgetLine.fiscal_year))
    if organisation is not None:
        statement = statement.where(BudgetLine.organisation_code == organisation)
    return session.exec(statement).all()


def held_budgets(session: Session, request_id: UUID) -> Sequence[tuple[BudgetLine, int]]:
    """Return the budget lines of a request's hold, with the amount of each."""
    statement = (
        select(BudgetLine, HoldItem.amount)
        .join(HoldItem, col(HoldItem.target) == func.concat(f"{CounterKind.BUDGET}:", col(BudgetLine.id)))
        .join(Hold, col(Hold.id) == HoldItem.hold_id)
        .where(Hold.request_id == request_id)
    )
    return session.exec(statement.order_by(col(BudgetLine.fiscal_year), BudgetLine.payer)).all()


def commitments(session: Session, workspace_id: UUID, day: date) -> Sequence[Committed]:
    """Return the budget commitments of a workspace that cover `day` or later days, newest first."""
    statement = select(BudgetCommitment).where(
        BudgetCommitment.workspace_id == workspace_id, col(BudgetCommitment.ends) > day
    )
    newest_first = statement.order_by(
        col(BudgetCommitment.committed_at).desc(), col(BudgetCommitment.request_id), col(BudgetCommitment.id)
    )
    return [_committed(row) for row in session.exec(newest_first)]


def _committed(row: BudgetCommitment) -> Committed:
    commitment = Commitment(
        address=row.address,
        sku=row.sku_code,
        quantity=row.quantity,
        catalogue=row.catalogue_code,
        price_fen=row.price_fen,
        starts=row.starts,
        ends=row.ends,
        amount_fen=row.amount_fen,
    )
    return Committed(row.id, row.line_id, row.request_id, row.committed_at, commitment)


def hold_of(session: Session, request_id: UUID) -> tuple[Hold, Sequence[HoldItem]] | None:
    """Return the hold of a request with its amounts, or None."""
    held = session.exec(select(Hold).where(Hold.request_id == request_id)).one_or_none()
    if held is None:
        return None
    amounts = session.exec(
        select(HoldItem).where(HoldItem.hold_id == held.id).order_by(HoldItem.target)
    ).all()
    return held, amounts


def overdue_holds(session: Session, instant: datetime) -> Sequence[UUID]:
    """Return the ids of the requests whose live hold has expired."""
    statement = select(Hold.request_id).where(Hold.status == HoldStatus.LIVE, col(Hold.expires_at) <= instant)
    return session.exec(statement).all()
