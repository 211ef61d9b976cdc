"""The undo of a request whose apply failed: the contents of its plan, and the end of the request.

An undo keeps the resources that were delivered before the request, in their delivered sizes, and removes all
others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.quotas import store as quotas
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources import queries as resource_queries
from orchestrator.resources import store as resources
from orchestrator.resources.lifecycle import DELIVERED, STANDING, ResourceStatus
from orchestrator.resources.models import Resource
from orchestrator.runs import store
from orchestrator.runs.engine import PlanMode
from orchestrator.runs.models import ExecutionPlan
from orchestrator.runs.rendering import Host


def plan_kind(request: ResourceRequest) -> str:
    """Return the kind of plan that can be ordered for a request now."""
    return PlanKind.UNDO if request.status == RequestStatus.CANCELLING else request.kind


def destroys_all(plan: ExecutionPlan, request: ResourceRequest) -> bool:
    """Return whether the plan destroys everything in its workspace."""
    return plan.kind == PlanKind.RELEASE or (
        plan.kind == PlanKind.UNDO and request.kind == RequestKind.PROVISION
    )


def plan_mode(plan: ExecutionPlan, request: ResourceRequest) -> PlanMode:
    """Return the mode of the Terraform plan."""
    return PlanMode.DESTROY if destroys_all(plan, request) else PlanMode.CHANGE


def delivered_ids(session: Session, workspace_id: UUID) -> dict[str, str]:
    """Return the id in the cloud of every delivered object, by logical address; "" where it is unknown."""
    rows = resource_queries.of_workspace(session, workspace_id)
    return {row.address: row.cloud_id or "" for row in rows if row.status in DELIVERED}


def existing_hosts(session: Session, workspace_id: UUID, hosts: Iterable[Host]) -> list[Host]:
    """Return those of the hosts that still exist, without disks that the failed change has destroyed."""
    rows = resource_queries.of_workspace(session, workspace_id)
    standing = {row.address for row in rows if row.status in STANDING}
    return [
        host if f"volume/{host.key}-data" in standing else replace(host, disk_gb=0)
        for host in hosts
        if f"instance/{host.key}" in standing
    ]


def restore(session: Session, rows: Sequence[Resource], actor: str) -> None:
    """Set the resources that the failed change altered to active; their billing has not changed."""
    for row in rows:
        if row.status == ResourceStatus.CHANGING:
            resources.transition(session, row, ResourceStatus.ACTIVE, actor)


def conclude(session: Session, plan: ExecutionPlan, actor: str) -> None:
    """End the request after its undo was applied: release its hold and the workspace that it created."""
    request = requests.lock(session, plan.request_id)
    quotas.release(session, request.id, actor)
    requests.transition(session, request, RequestStatus.CANCELLED, actor, request.reason)
    if destroys_all(plan, request):
        workspace = store.lock_workspace(session, plan.workspace_id)
        workspace.released_at = now(session)
        session.add(workspace)
    resources.close_drift(session, plan.workspace_id, actor)
