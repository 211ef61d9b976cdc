"""Views of migrations for pages, API and commands: lists, and one in detail."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from orchestrator.departments.permissions import Actor, require_visible, visible_to
from orchestrator.migrations import queries
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import queries as run_queries
from orchestrator.runs.models import Approval, ExecutionPlan, Run
from orchestrator.workflows.plans.approval import missing_approvals


@dataclass(frozen=True)
class MigrationPlanView:
    """One execution plan of a migration: `act` is its PlanKind, `missing` lists roles."""

    act: str
    round: int
    plan: ExecutionPlan
    approvals: Sequence[Approval]
    missing: Sequence[str]
    runs: Sequence[Run]


@dataclass(frozen=True)
class MigrationView:
    """A migration with its plans in rounds, and its switches, oldest first."""

    migration: Migration
    request_number: str
    plans: Sequence[MigrationPlanView]
    switches: Sequence[MigrationSwitch]


def list_migrations(
    session: Session,
    actor: Actor,
    statuses: Collection[MigrationStatus] = (),
    *,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Migration]:
    """Return the migrations that the actor may see, newest first.

    `before` is the last number of the previous page.
    """
    own = visible_to(actor)
    return queries.page(session, statuses, organisation=own, before=before, limit=limit)


def migration_detail(session: Session, actor: Actor, migration_id: UUID) -> MigrationView:
    """Return a migration with everything that a page shows of it.

    Raises:
        NotFound: No such migration exists, or the actor may not see it.
    """
    migration = require_visible(actor, queries.get(session, migration_id))
    plans = [
        _plan_view(session, act.act, act.round, act.plan_id) for act in queries.acts(session, migration.id)
    ]
    return MigrationView(
        migration=migration,
        request_number=request_queries.get(session, migration.request_id).number,
        plans=plans,
        switches=queries.switches(session, migration.id),
    )


def current_plan(session: Session, migration_id: UUID, act: str) -> ExecutionPlan | None:
    """Return the newest plan of a migration for an act, or None."""
    rounds = [row for row in queries.acts(session, migration_id) if row.act == act]
    return run_queries.plan(session, rounds[-1].plan_id) if rounds else None


def _plan_view(session: Session, act: str, number: int, plan_id: UUID) -> MigrationPlanView:
    plan = run_queries.plan(session, plan_id)
    return MigrationPlanView(
        act=act,
        round=number,
        plan=plan,
        approvals=run_queries.approvals(session, plan_id),
        missing=missing_approvals(session, plan),
        runs=run_queries.runs_of_plan(session, plan_id),
    )
