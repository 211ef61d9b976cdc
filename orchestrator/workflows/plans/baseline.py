"""The first playbook after an apply: an execution plan of its own that reports the state of the hosts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.object_kinds import ObjectKind
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.resources import queries as resource_queries
from orchestrator.resources.models import Resource
from orchestrator.runs import queries, store
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.models import ExecutionPlan, Run, Workspace
from orchestrator.workflows.plans.generation import queue_run

PLAYBOOK = "baseline.yml"


@dataclass(frozen=True)
class BaselineOrder:
    """The hosts that the playbook will reach; their addresses come from the apply's outputs only."""

    run_id: UUID
    plan_id: UUID
    workspace_key: str
    playbook: str
    hosts: Sequence[Mapping[str, Any]]


def is_reachable(row: Resource) -> bool:
    """Return whether the playbook can reach the resource: a host with an address."""
    return row.kind == ObjectKind.INSTANCE and row.ip_address is not None


def order_baseline(
    session: Session, applied: ExecutionPlan, workspace: Workspace, approvals: Sequence[str]
) -> Run:
    """Order the baseline plan of newly applied hosts, in the name of the author of the applied plan."""
    plan = store.add_plan(
        session,
        ExecutionPlan(
            number="",
            kind=PlanKind.BASELINE,
            request_id=applied.request_id,
            workspace_id=workspace.id,
            organisation_code=applied.organisation_code,
            requester_id=applied.requester_id,
            endorser_id=applied.endorser_id,
            author_id=applied.author_id,
            required_approvals=list(approvals),
        ),
    )
    return queue_run(session, workspace, RunKind.PLAN, plan, None)


def baseline_order(session: Session, run_id: UUID) -> BaselineOrder:
    """Return the contents of the bundle."""
    run = queries.run(session, run_id)
    workspace = queries.workspace(session, run.workspace_id)
    rows = resource_queries.of_workspace(session, workspace.id)
    if run.plan_id is None:
        raise ValueError("a baseline run has a plan")
    return BaselineOrder(
        run_id=run.id,
        plan_id=run.plan_id,
        workspace_key=workspace.key,
        playbook=PLAYBOOK,
        hosts=[_host(row) for row in rows if is_reachable(row)],
    )


def _host(row: Resource) -> dict[str, Any]:
    return {
        "name": row.address.split("/", 1)[1],
        "address": row.ip_address,
        "label": row.spec.get("label", ""),
        "connection": row.connection,
    }
