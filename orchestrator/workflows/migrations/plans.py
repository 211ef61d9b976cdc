"""Parts that the acts of a migration share: the right, the step, and the plans of each act."""

from collections.abc import Collection
from uuid import UUID

from sqlmodel import Session

from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.migrations import store
from orchestrator.migrations.errors import NotInThisStep, PlanUnderWay
from orchestrator.migrations.lifecycle import ENDED
from orchestrator.migrations.models import Migration
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import LIVE, PlanStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.workflows.migrations.reads import current_plan
from orchestrator.workflows.plans import approval, generation
from orchestrator.workflows.requests import judgements


def lock_for(
    session: Session, actor: Actor, permission: Permission, migration_id: UUID, version: int | None = None
) -> Migration:
    """A migration, locked, where the actor has the right in it."""
    migration = store.lock(session, migration_id, version)
    require(actor, permission, migration.organisation_code)
    return migration


def require_step(migration: Migration, allowed: Collection[str]) -> None:
    """Raise NotInThisStep unless the migration stands in one of these statuses."""
    if migration.status not in allowed or migration.status in ENDED:
        raise NotInThisStep(f"This migration is {migration.status}.", current=migration.status)


def require_nothing_under_way(session: Session, migration: Migration, acts: tuple[str, ...]) -> None:
    """Raise PlanUnderWay while the newest plan of one of these acts is alive."""
    for act in acts:
        plan = current_plan(session, migration.id, act)
        if plan is not None and plan.status in LIVE:
            raise PlanUnderWay(f"{plan.number} is {plan.status}.", plan=plan.number)


def plan_to(session: Session, migration: Migration, act: str) -> ExecutionPlan:
    """The newest plan for an act, locked. Raises NotInThisStep when there is none."""
    found = current_plan(session, migration.id, act)
    if found is None:
        raise NotInThisStep(f"This migration has no plan to {act}.")
    return run_store.lock_plan(session, found.id)


def supersede_return(session: Session, migration: Migration, actor: str) -> None:
    """The return of an earlier round is no longer the one to use."""
    plan = current_plan(session, migration.id, "return")
    if plan is not None and plan.status in (PlanStatus.SUBMITTED, PlanStatus.APPROVED):
        run_store.transition_plan(session, plan, PlanStatus.SUPERSEDED, actor)


def generate(
    session: Session, migration: Migration, act: str, actor: Actor, number: int, approvals: tuple[str, ...]
) -> Run:
    """A plan for an act of the migration, and the run that lays it down; its author is another person."""
    request = request_queries.get(session, migration.request_id)
    if actor.person_id in (migration.registered_by, request.requester_id, request.endorser_id):
        raise approval.person_twice(
            actor, "execution_plan", migration.id, migration.organisation_code, "author"
        )
    workspace = run_queries.workspace_of_request(session, request.id)
    plan = run_store.add_plan(
        session,
        ExecutionPlan(
            number="",
            kind=act,
            request_id=request.id,
            workspace_id=workspace.id,
            organisation_code=migration.organisation_code,
            requester_id=migration.registered_by,
            endorser_id=request.endorser_id,
            author_id=actor.person_id,
            required_approvals=list(approvals),
        ),
    )
    store.add_act(session, migration.id, plan.id, act, number)
    judgements.note(
        session, plan, "execution_plan:ordered", actor, {"migration": migration.number, "act": act}
    )
    return generation.queue_run(session, workspace, "plan", plan, actor)
