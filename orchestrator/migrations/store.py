"""Writes of migrations, their acts and their switches."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from orchestrator.core import audit, transitions
from orchestrator.core.clock import now
from orchestrator.core.errors import NotFound
from orchestrator.core.events import Event
from orchestrator.core.rows import lock_row, next_number
from orchestrator.core.transitions import Transition
from orchestrator.migrations.lifecycle import MIGRATION_LIFECYCLE, MigrationStatus
from orchestrator.migrations.models import Migration, MigrationAct, MigrationSwitch


def add(session: Session, migration: Migration, actor: str) -> Migration:
    """Store a new migration under the next number of the year, ``MG-2019-0001``."""
    migration.number = next_number(session, Migration.number, "MG")
    migration.created_at = migration.status_at = now(session)
    session.add(migration)
    session.flush()
    note(session, migration, "migration:registered", actor, {"plan_digest": migration.plan_digest})
    return migration


def lock(session: Session, migration_id: UUID) -> Migration:
    """Lock and return a migration.

    Raises:
        NotFound: No such migration exists.
    """
    return lock_row(session, Migration, migration_id)


def transition(
    session: Session,
    migration: Migration,
    status: MigrationStatus,
    actor: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Change the status of a migration and clear its reason. No other function changes it."""
    migration.reason = migration.reason_zh = migration.next_step = migration.next_step_zh = None
    session.add(migration)
    transitions.transition(
        session,
        MIGRATION_LIFECYCLE,
        migration,
        Transition(
            status,
            actor=actor,
            organisation=migration.organisation_code,
            data={"number": migration.number, **(data or {})},
        ),
    )


def touch(session: Session, migration: Migration) -> None:
    """Store changes that are no transition, and increment the version."""
    migration.version += 1
    session.add(migration)
    session.flush()


def note(
    session: Session, migration: Migration, action: str, actor: str, data: Mapping[str, Any] | None = None
) -> None:
    """Record an audit event of a migration that is no transition."""
    audit.record(
        session,
        Event(
            action,
            ("migration", migration.id),
            actor=actor,
            organisation=migration.organisation_code,
            data={"number": migration.number, **(data or {})},
        ),
    )


def next_round(session: Session, migration_id: UUID) -> int:
    """Return the number of the next round of plans, from 1."""
    last = select(func.max(MigrationAct.round)).where(MigrationAct.migration_id == migration_id)
    return (session.exec(last).one() or 0) + 1


def add_act(session: Session, migration_id: UUID, plan_id: UUID, act: str, number: int) -> None:
    """Link a plan to its migration, with its purpose."""
    session.add(MigrationAct(plan_id=plan_id, migration_id=migration_id, act=act, round=number))
    session.flush()


def add_switch(session: Session, switch: MigrationSwitch) -> MigrationSwitch:
    """Store a switch that is about to begin, under the next number of its migration."""
    last = select(func.max(MigrationSwitch.number)).where(MigrationSwitch.migration_id == switch.migration_id)
    switch.number = (session.exec(last).one() or 0) + 1
    switch.began_at = now(session)
    session.add(switch)
    session.flush()
    return switch


def lock_switch(session: Session, migration_id: UUID, number: int) -> MigrationSwitch:
    """Lock and return a switch of a migration.

    Raises:
        NotFound: The migration has no switch with this number.
    """
    statement = select(MigrationSwitch.id).where(
        MigrationSwitch.migration_id == migration_id, col(MigrationSwitch.number) == number
    )
    switch_id = session.exec(statement).one_or_none()
    if switch_id is None:
        raise NotFound
    return lock_row(session, MigrationSwitch, switch_id)


def keep_switch(session: Session, switch: MigrationSwitch) -> None:
    """Record new facts about a switch."""
    session.add(switch)
    session.flush()
