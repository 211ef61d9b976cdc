"""Reads of migrations, their plans and their switches."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from orchestrator.core.rows import get_row
from orchestrator.migrations.kinds import SwitchOutcome
from orchestrator.migrations.lifecycle import ENDED, MigrationStatus
from orchestrator.migrations.models import Migration, MigrationAct, MigrationSwitch


def get(session: Session, migration_id: UUID) -> Migration:
    """Return a migration.

    Raises:
        NotFound: No such migration exists.
    """
    return get_row(session, Migration, migration_id)


def real_now(session: Session) -> datetime:
    """Return the real instant, on which pauses are measured; the product's clock may show another date."""
    instant: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return instant.astimezone(UTC)


def fenced_so_far_ms(session: Session, switch: MigrationSwitch) -> float | None:
    """Return how long both sides have been fenced during a switch; None before and afterwards."""
    if switch.outcome != SwitchOutcome.UNDER_WAY or switch.fenced_at is None:
        return None
    return (real_now(session) - switch.fenced_at).total_seconds() * 1000


def page(
    session: Session,
    statuses: Collection[MigrationStatus] = (),
    *,
    organisation: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Migration]:
    """Return migrations, newest first; `before` is the last number of the previous page."""
    statement = select(Migration).order_by(col(Migration.number).desc()).limit(limit)
    if statuses:
        statement = statement.where(col(Migration.status).in_(statuses))
    if organisation is not None:
        statement = statement.where(Migration.organisation_code == organisation)
    if before is not None:
        statement = statement.where(Migration.number < before)
    return session.exec(statement).all()


def acts(session: Session, migration_id: UUID) -> Sequence[MigrationAct]:
    """Return the plans of a migration by rounds; in a round the rollback comes before its cutover."""
    statement = select(MigrationAct).where(MigrationAct.migration_id == migration_id)
    in_order = statement.order_by(col(MigrationAct.round), col(MigrationAct.act).desc())
    return session.exec(in_order).all()


def act_of_plan(session: Session, plan_id: UUID) -> MigrationAct:
    """Return the migration of a plan, and the plan's purpose in it.

    Raises:
        NotFound: The plan belongs to no migration.
    """
    return get_row(session, MigrationAct, plan_id)


def partner(session: Session, act: MigrationAct, kind: str) -> MigrationAct | None:
    """Return the plan of another kind in the same round, such as the rollback of a cutover."""
    statement = select(MigrationAct).where(
        MigrationAct.migration_id == act.migration_id,
        MigrationAct.round == act.round,
        MigrationAct.act == kind,
    )
    return session.exec(statement).one_or_none()


def switches(session: Session, migration_id: UUID) -> Sequence[MigrationSwitch]:
    """Return all switches of a migration, oldest first."""
    statement = select(MigrationSwitch).where(MigrationSwitch.migration_id == migration_id)
    return session.exec(statement.order_by(col(MigrationSwitch.number))).all()


def switch_of_plan(session: Session, plan_id: UUID) -> MigrationSwitch | None:
    """Return the switch that a plan carries out, or None before it has begun."""
    return session.exec(select(MigrationSwitch).where(MigrationSwitch.plan_id == plan_id)).one_or_none()


def live_of_request(session: Session, request_id: UUID) -> Migration | None:
    """Return the migration that uses the hosts of a request, or None."""
    statement = select(Migration).where(
        Migration.request_id == request_id, col(Migration.status).not_in(ENDED)
    )
    return session.exec(statement).one_or_none()
