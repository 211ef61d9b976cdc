"""The execution plans of a migration: one for each act and round."""

from uuid import UUID

from sqlmodel import Session

from orchestrator.core.plan_kinds import PlanKind
from orchestrator.departments.permissions import Actor, Permission, Role, require
from orchestrator.migrations import store
from orchestrator.migrations.errors import NotInThisStep
from orchestrator.migrations.models import Migration
from orchestrator.policies import rules
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.workflows.act import Call
from orchestrator.workflows.migrations.reads import current_plan
from orchestrator.workflows.plans import generation
from orchestrator.workflows.requests import judgements


def lock_for(session: Session, actor: Actor, permission: Permission, migration_id: UUID) -> Migration:
    """Return a migration, locked, after checking the actor's permission in its organisation."""
    migration = store.lock(session, migration_id)
    require(actor, permission, migration.organisation_code)
    return migration


def plan_to(session: Session, migration: Migration, act: str) -> ExecutionPlan:
    """Lock and return the newest plan for an act.

    Raises:
        NotInThisStep: The migration has no such plan.
    """
    plan = current_plan(session, migration.id, act)
    if plan is None:
        raise NotInThisStep(f"This migration has no {act} plan.")
    return run_store.lock_plan(session, plan.id)


def supersede_rollback(session: Session, migration: Migration, actor: str) -> None:
    """Supersede the rollback plan of an earlier round."""
    plan = current_plan(session, migration.id, PlanKind.ROLLBACK)
    if plan is not None and plan.status in (PlanStatus.SUBMITTED, PlanStatus.APPROVED):
        run_store.transition_plan(session, plan, PlanStatus.SUPERSEDED, actor)


def generate(call: Call, migration: Migration, act: str, number: int, approvals: tuple[Role, ...]) -> Run:
    """Order a plan for an act of the migration in round `number`, and return its planning run.

    A role whose organisation would decide on itself is replaced by its substitute (domain §2.15).
    """
    session, organisation = call.session, migration.organisation_code
    request = request_queries.get(session, migration.request_id)
    workspace = run_queries.workspace_of_request(session, request.id)
    plan = run_store.add_plan(
        session,
        ExecutionPlan(
            number="",
            kind=act,
            request_id=request.id,
            workspace_id=workspace.id,
            organisation_code=organisation,
            requester_id=migration.registered_by,
            endorser_id=request.endorser_id,
            author_id=call.actor.person_id,
            required_approvals=[rules.approving_role(role, organisation, call.pack) for role in approvals],
        ),
    )
    store.add_act(session, migration.id, plan.id, act, number)
    facts = {"migration": migration.number, "act": act}
    judgements.note(session, plan, "execution_plan:ordered", call.actor, facts)
    return generation.queue_run(session, workspace, RunKind.PLAN, plan, call.actor)
