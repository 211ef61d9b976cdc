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
    """One migration.

    Raises:
        NotFound: there is none.
    """
    return get_row(session, Migration, migration_id)


def clock_on_the_wall(session: Session) -> datetime:
    """The real instant, whatever the product's clock shows: pauses are measured on it."""
    found: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return found.astimezone(UTC)


def fenced_so_far_ms(session: Session, switch: MigrationSwitch) -> float | None:
    """How long both sides have been closed while a switch is under way; None before and afterwards."""
    if switch.outcome != SwitchOutcome.UNDER_WAY or switch.fenced_at is None:
        return None
    return (clock_on_the_wall(session) - switch.fenced_at).total_seconds() * 1000


def page(
    session: Session,
    statuses: Collection[MigrationStatus] = (),
    *,
    organisation: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Migration]:
    """Migrations, newest number first; `before` is the last number of the page before."""
    statement = select(Migration).order_by(col(Migration.number).desc()).limit(limit)
    if statuses:
        statement = statement.where(col(Migration.status).in_(statuses))
    if organisation is not None:
        statement = statement.where(Migration.organisation_code == organisation)
    if before is not None:
        statement = statement.where(Migration.number < before)
    return session.exec(statement).all()


def acts(session: Session, migration_id: UUID) -> Sequence[MigrationAct]:
    """Which plans were made for a migration, in rounds; within one the rollback comes before its cutover."""
    statement = select(MigrationAct).where(MigrationAct.migration_id == migration_id)
    in_order = statement.order_by(col(MigrationAct.round), col(MigrationAct.act).desc())
    return session.exec(in_order).all()


def act_of_plan(session: Session, plan_id: UUID) -> MigrationAct:
    """Return the migration of a plan, and the plan's purpose in it.

    Raises:
        NotFound: the plan belongs to no migration.
    """
    return get_row(session, MigrationAct, plan_id)


def partner(session: Session, act: MigrationAct, kind: str) -> MigrationAct | None:
    """The act of another kind in the same round: the rollback that goes with a cutover."""
    statement = select(MigrationAct).where(
        MigrationAct.migration_id == act.migration_id,
        MigrationAct.round == act.round,
        MigrationAct.act == kind,
    )
    return session.exec(statement).one_or_none()


def switches(session: Session, migration_id: UUID) -> Sequence[MigrationSwitch]:
    """Every switch that was tried, oldest first."""
    statement = select(MigrationSwitch).where(MigrationSwitch.migration_id == migration_id)
    return session.exec(statement.order_by(col(MigrationSwitch.number))).all()


def switch_of_plan(session: Session, plan_id: UUID) -> MigrationSwitch | None:
    """The switch that a plan carried out, or None while it has not begun."""
    return session.exec(select(MigrationSwitch).where(MigrationSwitch.plan_id == plan_id)).one_or_none()


def live_of_request(session: Session, request_id: UUID) -> Migration | None:
    """The migration that uses the hosts of a request, or None."""
    statement = select(Migration).where(
        Migration.request_id == request_id, col(Migration.status).not_in(ENDED)
    )
    return session.exec(statement).one_or_none()
